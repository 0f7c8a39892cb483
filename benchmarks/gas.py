"""What the contracts cost: `python -m benchmarks.gas` measures it and writes docs/GAS.md.

Gas does not depend on the machine, so the table is committed. Every figure is a receipt's, the
21,000 of a transaction included, under the hardfork named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

from web3 import HTTPProvider, Web3

from bridge_client.anvil import anvil
from bridge_client.artifacts import Artifact, artifact
from bridge_client.calldata import (
    certificate_for_chain,
    keys_of,
    proofs_in_calls,
    rules_of,
)
from bridge_client.compiler import compile_contracts
from bridge_client.ethereum import Interface
from bridge_client.opening import opening_of
from committee.arcs import shortest_arc
from committee.attestation import Attestation, verify_attestation
from committee.bls import SecretKey
from committee.certificate import certify
from committee.keyset import Keyset, VerifiedKeyset, verify_keyset
from committee.secp256k1 import EthereumKey, keccak256
from committee.values import NetworkId
from da_node.coding import ROW_BYTES, EncodedBlob, LocalKzg, encode
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.verdict import Verdict, sign

HARDFORK: Final = "osaka"
REPOSITORY: Final = Path(__file__).parent.parent
TABLE: Final = REPOSITORY / "docs" / "GAS.md"
TOKENS: Final = REPOSITORY / "tests" / "contracts" / "solidity"
"""A plain ERC-20 among them."""
ROWS: Final = (1, 16, 133, 1024)
MEMBERS, FAULTS, THRESHOLD = 21, 5, 16
SAMPLERS: Final = 16
DAY: Final = 86_400
POINT: Final = 5_000
"""A parity point: its bytes are as dear as a leaf's can be."""
NETWORK: Final = NetworkId(bytes(32))
NOBODY: Final = "0x" + "00" * 20
MOST_GAS: Final = 2**24
LEVELS: Final = 10
"""Of a tree of 1,024 withdrawals."""
SIGNER: Final = EthereumKey(bytes(31) + b"\x77")
DOMAIN_TYPE: Final = (
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
WITHDRAWAL_TYPE: Final = b"Withdrawal(address user,uint256 amount,bytes32 withdrawalId)"
LIMIT: Final = 1000
"""Tokens that signatures move in a day."""

TRANSACTION_GAS: Final = 21_000
BYTE_GAS, FLOOR_BYTE_GAS = 16, 40
"""A byte of call data that is not zero; where little else is done (EIP-7623)."""
CALL_GAS, COLD_GAS, ECRECOVER_GAS, POINT_EVALUATION_GAS = 100, 2_100, 3_000, 50_000
SIGNATURE_BYTES, EVALUATION_BYTES, BATCH_BYTES = 65, 192, 615_000

HEAD: Final = f"""# Gas

Made by `python -m benchmarks.gas`; receipts under {HARDFORK}, a transaction's 21,000 included.

| call | gas |
|---|---|
"""
MIDDLE: Final = """
## Beside it, by the prices of their parts

| what | gas, at least | |
|---|---|---|
"""
FOOT: Final = """
An answer's cost is its call data: below about 100 rows the curve and the hashes, above it the
leaf's 32 bytes a row at 40 gas a byte. That is why a challenge's bond has a part for each row.
"""


@dataclass
class Bench:
    """A chain, and the figures found on it."""

    web3: Web3
    found: list[tuple[str, int]] = field(default_factory=list)

    def transact(
        self, to: str | None, data: bytes, sender: int = 0, value: int = 0, what: str = ""
    ) -> Any:
        """A transaction that passes; noted under `what`, where it says."""
        accounts = self.web3.eth.accounts
        transaction: Any = {
            "from": accounts[sender],
            "data": data,
            "value": value,
            "gas": MOST_GAS,
        }
        if to is not None:
            transaction["to"] = to
        sent = self.web3.eth.send_transaction(transaction)
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
        if receipt["status"] != 1:
            raise RuntimeError(f"{what or 'a transaction'} was refused")
        if what:
            self.found.append((what, int(receipt["gasUsed"])))
        return receipt

    def deploy(self, what: str | Artifact, *arguments: Any) -> tuple[str, Interface]:
        interface = Interface(artifact(what) if isinstance(what, str) else what)
        receipt = self.transact(None, interface.creation(*arguments))
        return receipt["contractAddress"], interface

    @property
    def user(self) -> str:
        """An account beside the one that sends."""
        return str([*self.web3.eth.accounts][1])

    @property
    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def advance(self, seconds: int) -> None:
        for method, arguments in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            self.web3.provider.make_request(method, arguments)  # type: ignore[arg-type]


def committee() -> tuple[list[SecretKey], VerifiedKeyset]:
    keys = [SecretKey.generate(seed.to_bytes(32, "big")) for seed in range(MEMBERS)]
    plain = Keyset(
        network_id=NETWORK,
        not_before=0,
        retention_s=18 * DAY,
        challenge_period_s=7 * DAY,
        threshold=THRESHOLD,
        faults=FAULTS,
        columns_per_member=shortest_arc(MEMBERS, THRESHOLD - FAULTS),
        public_keys=tuple(key.public_key for key in keys),
    )
    return keys, verify_keyset(plain, tuple(key.prove_possession() for key in keys))


def certificate(
    keys: list[SecretKey], keyset: VerifiedKeyset, blob: EncodedBlob, expires_at: int
) -> bytes:
    attestation = Attestation(keyset_hash=keyset.hash, blob_id=blob.blob_id, expires_at=expires_at)
    attested = [
        verify_attestation(keyset, attestation, i, attestation.sign(keys[i]))
        for i in range(THRESHOLD)
    ]
    return certificate_for_chain(certify(blob.header, attested))


def payload(rows: int) -> bytes:
    return Random(rows).randbytes(rows * 4096 * 31)


def measure(bench: Bench) -> None:
    keys, keyset = committee()
    accounts = bench.web3.eth.accounts
    verifier, calls = bench.deploy("CertificateVerifier", NETWORK, accounts[0], accounts[0])
    for public_keys, proofs in proofs_in_calls(keyset):
        data = calls.calldata("proveKeys", public_keys, proofs)
        bench.transact(verifier, data, what=f"prove {MEMBERS} keys")
    data = calls.calldata("prepareKeyset", rules_of(keyset), keys_of(keyset))
    bench.transact(verifier, data, what=f"prepare a keyset of {MEMBERS}")
    bench.transact(verifier, calls.calldata("enableKeyset", bytes(keyset.hash)))
    registry, registering = bench.deploy("SamplerRegistry", accounts[0], 1, 30 * DAY)
    samplers = [EthereumKey(bytes(31) + bytes((i,))) for i in range(1, SAMPLERS + 1)]
    for sampler in samplers:
        address = bytes(sampler.address)
        bench.transact(registry, registering.calldata("admit", address))
        bench.transact(registry, registering.calldata("stake", address), value=1)
    windows = (7 * DAY, DAY, DAY, DAY, SAMPLERS, 1, False)
    config = (verifier, registry, NOBODY, accounts[0], bytes(32), *windows, 1, 1, 1, 1)
    settlement, settling = bench.deploy("BatchSettlement", config, [accounts[0]])
    bridge = Escrow.on(bench, settlement)
    record = (bench.user, 7, word(99))
    path = [bytes((level,)) * 32 for level in range(LEVELS)]
    withdrawals = bridge.leaf(*record)
    for sibling in path:  # a leaf at index 0 has each of them to its right
        withdrawals = keccak256(b"\1" + withdrawals + sibling)
    kzg = LocalKzg()
    for height, rows in enumerate(ROWS):
        blob = encode(payload(rows), kzg, threads=2)
        signed = certificate(keys, keyset, blob, bench.now + 15 * DAY)
        if height == 0:
            what = f"verify a certificate, {THRESHOLD} of {MEMBERS}"
            bench.transact(verifier, calls.calldata("verify", signed), what=what)
        previous, state = height.to_bytes(32, "big"), (height + 1).to_bytes(32, "big")
        proposal = (height, previous, state, withdrawals)
        data = settling.calldata("propose", proposal, signed, [])
        bench.transact(settlement, data, value=1, what="propose a batch" if height == 1 else "")
        data = settling.calldata("challenge", height, bytes(blob.blob_id), [POINT])
        what = "challenge a point" if height == 1 else ""
        bench.transact(settlement, data, value=1 + rows, what=what)
        opening = opening_of(blob.point(POINT), blob.aggregate[:ROW_BYTES], kzg)
        data = settling.calldata("respond", height + 1, 0, blob.header.serialize(), opening)
        size = rows * 4096 * 31 / 2**20
        noun = "row" if rows == 1 else "rows"
        what = f"answer for a point, {rows} {noun} (payloads up to {size:.1f} MiB)"
        bench.transact(settlement, data, what=what)
        if height == 0:
            first = blob
    bench.advance(7 * DAY)
    said = [(sampler, verdict_on(first, keyset, bench.now)) for sampler in samplers]
    chain_id = bench.web3.eth.chain_id
    arguments = [as_argument(verdict) for _, verdict in said]
    signatures = [sign(verdict, chain_id, key).signature for key, verdict in said]
    data = settling.calldata("submitVerdicts", 0, arguments, signatures)
    bench.transact(settlement, data, what=f"bring {SAMPLERS} verdicts")
    data = settling.calldata("finalize", 0)
    bench.transact(settlement, data, what=f"make a batch final, {SAMPLERS} verdicts counted")
    bridge.measure()
    what = f"withdraw by proof, a tree of {2**LEVELS:,}"
    bridge.transact("withdrawWithProof", *record, 0, 0, path, what=what)


@dataclass(frozen=True)
class Escrow:
    """A bridge with a plain token, and what its calls cost; not the first, whose slots are new."""

    bench: Bench
    address: str
    interface: Interface

    @classmethod
    def on(cls, bench: Bench, settlement: str) -> Escrow:
        accounts = bench.web3.eth.accounts
        token, coin = bench.deploy(compile_contracts(TOKENS, ())["PlainToken"])
        admin = [accounts[0]]
        owner, _ = bench.deploy("TimelockController", 8 * DAY, admin, admin, NOBODY)
        signer = bytes(SIGNER.address)
        config = (token, settlement, owner, signer, accounts[0], LIMIT, DAY, False)
        made = cls(bench, *bench.deploy("TokenEscrowBridge", config))
        bench.transact(token, coin.calldata("mint", accounts[0], 10**9))
        bench.transact(token, coin.calldata("mint", bench.user, 1))
        bench.transact(token, coin.calldata("approve", made.address, 10**9))
        return made

    def transact(self, function: str, *arguments: Any, value: int = 0, what: str = "") -> None:
        data = self.interface.calldata(function, *arguments)
        self.bench.transact(self.address, data, value=value, what=what)

    def measure(self) -> None:
        user = self.bench.user
        for what in ("", "deposit tokens"):
            self.transact("depositAsset", 10 * LIMIT, 9, 1, what=what)
        for number, what in enumerate(("", "withdraw by a signature")):
            self.transact("settleWithdrawal", *self.signed(user, 7, number), what=what)
        what = "the same above the day's limit, delayed"
        self.transact("settleWithdrawal", *self.signed(user, LIMIT + 1, 2), what=what)
        self.bench.advance(DAY)
        self.transact("releaseWithdrawal", word(2), what="release it")
        for what in ("", "force a withdrawal"):
            self.transact("forceWithdrawal", 7, value=1, what=what)

    def signed(self, user: str, amount: int, number: int) -> tuple[str, int, bytes, bytes]:
        """Arguments of `settleWithdrawal`."""
        of = word(number)
        chain = word(self.bench.web3.eth.chain_id)
        named = keccak256(b"Holdfast Bridge") + keccak256(b"1") + chain + padded(self.address)
        struct = keccak256(WITHDRAWAL_TYPE) + padded(user) + word(amount) + of
        domain = keccak256(keccak256(DOMAIN_TYPE) + named)
        return user, amount, of, SIGNER.sign_typed(domain, keccak256(struct))

    def leaf(self, user: str, amount: int, of: bytes) -> bytes:
        data = self.interface.calldata("leafOf", user, amount, of)
        answer = self.bench.web3.eth.call(
            {"to": Web3.to_checksum_address(self.address), "data": data}
        )
        return bytes(self.interface.result("leafOf", bytes(answer))[0])


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def padded(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def verdict_on(blob: EncodedBlob, keyset: VerifiedKeyset, time: int) -> Verdict:
    return Verdict(
        blob_id=blob.blob_id,
        keyset_hash=keyset.hash,
        finding=Finding.AVAILABLE,
        unit=Unit.POINTS,
        rule=Rule.CERTIFIED,
        asked=20,
        held=20,
        failed=0,
        error=Fraction(1, 10**6),
        time=time,
    )


def as_argument(verdict: Verdict) -> tuple[Any, ...]:
    return tuple(
        bytes.fromhex(value[2:]) if isinstance(value, str) else value
        for value in verdict.message().values()
    )


def alternatives() -> Iterator[tuple[str, int, str]]:
    """Other ways to the same, by what their parts cost."""
    one = ECRECOVER_GAS + CALL_GAS + SIGNATURE_BYTES * BYTE_GAS + COLD_GAS
    yield (
        f"{THRESHOLD} ECDSA signatures, each signer looked up",
        TRANSACTION_GAS + THRESHOLD * one,
        "grows with every signer",
    )
    yield (
        "a blob transaction (EIP-4844) with a point evaluation",
        TRANSACTION_GAS + POINT_EVALUATION_GAS + EVALUATION_BYTES * BYTE_GAS,
        "and the price of blob space, for each 128 KiB",
    )
    calldata = BATCH_BYTES * FLOOR_BYTE_GAS
    count = -(-calldata // (MOST_GAS - TRANSACTION_GAS))
    yield (
        "a batch of 615 KB as call data",
        calldata + count * TRANSACTION_GAS,
        f"{count} transactions of at most 2^24",
    )


def lines(found: list[tuple[str, int]]) -> Iterator[str]:
    yield HEAD
    for what, gas in found:
        yield f"| {what} | {gas:,} |\n"
    yield MIDDLE
    for what, gas, remark in alternatives():
        yield f"| {what} | {gas:,} | {remark} |\n"
    yield FOOT


def main() -> None:
    with anvil(HARDFORK) as url:
        bench = Bench(Web3(HTTPProvider(url, request_kwargs={"timeout": 120})))
        measure(bench)
    TABLE.write_text("".join(lines(bench.found)))


if __name__ == "__main__":
    main()
