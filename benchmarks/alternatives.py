"""Other ways to the same, measured on the same chain, and what their parts cost by the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.bench_chain import MOST_GAS, TRANSACTION_GAS, Bench, data_gas
from bridge_client.artifacts import Artifact
from bridge_client.compiler import compile_contracts
from bridge_client.fallback.framing import PART_BYTES, POOL_BYTES
from bridge_client.opening import evaluation_point
from bridge_client.sidecar import Sidecar, on_network
from bridge_client.transactions import Call, Fee, signed
from committee.secp256k1 import Address, EthereumKey, keccak256
from da_node.coding import ROW_BYTES, LocalKzg

SOURCES: Final = Path(__file__).parent / "solidity"
MEMBERS, THRESHOLD = 21, 16
ECRECOVER_GAS, POINT_EVALUATION_GAS = 3_000, 50_000
COLD_SLOT_GAS, CALL_GAS = 2_100, 100
BATCH_BYTES: Final = 615_000
DATA_BYTES: Final = PART_BYTES
"""In a transaction's call data: not the 2^24 gas but the 128 KiB that nodes pass on bound it."""
BLOB_ACCOUNT: Final = EthereumKey(bytes(31) + b"\x88")
GWEI: Final = 10**9
SIGNATURE_BYTES, EVALUATION_BYTES = 65, 192
BYTE_GAS, FLOOR_BYTE_GAS = 16, 40
HEAD: Final = """
## Beside it

Measured on the same chain, with contracts as plain as they can be and still hold
(`benchmarks/solidity`), beside what the plan reckoned with and the prices of the bare parts.

| what | gas | planned | bare parts | |
|---|---|---|---|---|
"""
SPLIT: Final = """
Where it goes:

| what | transaction | call data | precompiles | storage | own code |
|---|---|---|---|---|---|
"""
FOOT: Final = """
Signatures: the bare parts are {bare_bytes} bytes, one recovery and one slot for each. Three words
and an offset for each in the ABI are {words:,} gas more; copying, checking and comparing them
{code:,}; what is left to the plan's figure, {left:,}, is room for a contract that is less plain. A
blob: the plan's figure has {room:,} gas beyond the transaction, the precompile and its input, which
a contract may use for what it does then.
"""


@dataclass(frozen=True, kw_only=True)
class Other:
    """One alternative."""

    what: str
    gas: int
    planned: int | None
    """What it was expected to cost; None: nothing was said."""
    bare: int
    """The prices of its bare parts, without a contract around them."""
    transactions: int
    data: int
    precompiles: int
    storage: int
    remark: str

    @property
    def rest(self) -> int:
        """What none of the parts explains: decoding, checking, memory."""
        parts = self.transactions * TRANSACTION_GAS + self.data + self.precompiles + self.storage
        return self.gas - parts


def word(number: int) -> bytes:
    """32 bytes of a number."""
    return number.to_bytes(32, "big")


def measure(bench: Bench) -> Iterator[Other]:
    """Signatures one by one; a blob of L1; call data."""
    compiled = compile_contracts(SOURCES, ())
    yield _signatures(bench, compiled)
    yield _blob(bench, compiled)
    yield _call_data(bench)


def _signatures(bench: Bench, compiled: dict[str, Artifact]) -> Other:
    keys = [EthereumKey(bytes(31) + bytes((i,))) for i in range(1, MEMBERS + 1)]
    members = [bytes(key.address) for key in keys]
    address, calls = bench.deploy(compiled["EcdsaCommittee"], members, THRESHOLD)
    blob_id, expires_at = keccak256(b"a blob"), bench.now
    domain = keccak256(word(bench.web3.eth.chain_id) + word(int(address, 16)))
    struct = keccak256(blob_id + word(expires_at))
    signing = sorted(keys, key=lambda key: bytes(key.address))[:THRESHOLD]
    signatures = [key.sign_typed(domain, struct) for key in signing]
    data = calls.calldata("verify", blob_id, expires_at, signatures)
    return Other(
        what=f"{THRESHOLD} of {MEMBERS} ECDSA signatures, each signer looked up",
        gas=int(bench.transact(address, data)["gasUsed"]),
        planned=154_000,
        bare=TRANSACTION_GAS
        + THRESHOLD * (ECRECOVER_GAS + CALL_GAS + COLD_SLOT_GAS + SIGNATURE_BYTES * BYTE_GAS),
        transactions=1,
        data=data_gas(data),
        precompiles=THRESHOLD * (ECRECOVER_GAS + CALL_GAS),
        storage=THRESHOLD * COLD_SLOT_GAS,
        remark="grows with every signer",
    )


def _blob(bench: Bench, compiled: dict[str, Artifact]) -> Other:
    address, calls = bench.deploy(compiled["BlobOpening"])
    kzg = LocalKzg()
    row = b"".join(b"\0" + Random(i).randbytes(31) for i in range(ROW_BYTES // 32))
    sidecar = Sidecar.of([row], kzg)
    place, value = evaluation_point(0), row[:32]
    proof = kzg.open_at(row, place)
    versioned = sidecar.versioned_hashes[0]
    asked = versioned + word(place) + value + sidecar.commitments[0] + proof
    data = calls.calldata("open", asked)
    return Other(
        what="a blob transaction (EIP-4844) with a point evaluation",
        gas=_sent_with(bench, address, data, sidecar),
        planned=80_000,
        bare=TRANSACTION_GAS + POINT_EVALUATION_GAS + EVALUATION_BYTES * BYTE_GAS,
        transactions=1,
        data=data_gas(data),
        precompiles=POINT_EVALUATION_GAS + CALL_GAS,
        storage=0,
        remark="and 131,072 gas of blob space for each 128 KiB, a market of its own",
    )


def _sent_with(bench: Bench, address: str, data: bytes, sidecar: Sidecar) -> int:
    web3 = bench.web3
    account = web3.to_checksum_address(BLOB_ACCOUNT.address.hex0x)
    web3.provider.make_request("anvil_setBalance", [account, hex(10**20)])  # type: ignore[arg-type]
    call = Call(
        to=Address.from_hex(address.lower()), data=data, versioned_hashes=sidecar.versioned_hashes
    )
    made = signed(
        call,
        chain_id=web3.eth.chain_id,
        nonce=web3.eth.get_transaction_count(account),
        gas=10**6,
        fee=Fee(most=100 * GWEI, tip=GWEI, blob=100 * GWEI),
        key=BLOB_ACCOUNT,
    )
    sent = web3.eth.send_raw_transaction(on_network(made.raw, sidecar.serialize()))
    receipt = web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
    if receipt["status"] != 1:
        raise RuntimeError("a blob does not open")
    return int(receipt["gasUsed"])


def _call_data(bench: Bench) -> Other:
    batch = Random(1).randbytes(BATCH_BYTES)
    parts = [batch[at : at + DATA_BYTES] for at in range(0, BATCH_BYTES, DATA_BYTES)]
    used = [int(bench.transact(bench.user, part)["gasUsed"]) for part in parts]
    if max(used) > MOST_GAS:
        raise RuntimeError(f"{max(used)} gas do not fit a transaction")
    return Other(
        what=f"a batch of {BATCH_BYTES // 1000} KB as call data",
        gas=sum(used),
        planned=None,
        bare=len(parts) * TRANSACTION_GAS + BATCH_BYTES * FLOOR_BYTE_GAS,
        transactions=len(parts),
        data=sum(data_gas(part, at_floor=True) for part in parts),
        precompiles=0,
        storage=0,
        remark=f"{len(parts)} transactions of at most {POOL_BYTES >> 10} KiB, which nodes pass on",
    )


def lines(others: list[Other]) -> Iterator[str]:
    """The tables."""
    yield HEAD
    for one in others:
        planned = "" if one.planned is None else f"{one.planned:,}"
        yield f"| {one.what} | {one.gas:,} | {planned} | {one.bare:,} | {one.remark} |\n"
    yield SPLIT
    for one in others:
        base = one.transactions * TRANSACTION_GAS
        parts = (base, one.data, one.precompiles, one.storage, one.rest)
        split = " | ".join(f"{part:,}" for part in parts)
        yield f"| {one.what} | {split} |\n"
    signatures, blob, _ = others
    assert signatures.planned is not None
    assert blob.planned is not None
    yield FOOT.format(
        bare_bytes=SIGNATURE_BYTES,
        words=signatures.data - THRESHOLD * SIGNATURE_BYTES * BYTE_GAS,
        code=signatures.rest,
        left=signatures.planned - signatures.gas,
        room=blob.planned - blob.bare,
    )
