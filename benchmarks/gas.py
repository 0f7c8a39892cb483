"""What the contracts cost: `python -m benchmarks.gas` measures it and writes docs/GAS.md.

Gas does not depend on the machine, so the table is committed. Every figure is a receipt's, the
21,000 of a transaction included, under the hardfork named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

from web3 import HTTPProvider, Web3

from benchmarks import alternatives
from benchmarks.alternatives import Other
from benchmarks.bench_chain import MOST_GAS, Bench, data_gas
from benchmarks.fallback_gas import posted
from benchmarks.measure import Row
from bridge_client.anvil import anvil
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
LEVELS: Final = 10
"""Of a tree of 1,024 withdrawals."""
SIGNER: Final = EthereumKey(bytes(31) + b"\x77")
DOMAIN_TYPE: Final = (
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
WITHDRAWAL_TYPE: Final = b"Withdrawal(address user,uint256 amount,bytes32 withdrawalId)"
LIMIT: Final = 1000
"""Tokens that signatures move in a day."""

HEAD: Final = f"""# Gas

Made by `python -m benchmarks.gas`; receipts under {HARDFORK}, a transaction's 21,000 included.

| call | gas |
|---|---|
"""
ANSWERS: Final = """
## Answering a challenge: a point against rows

| rows | payloads up to | gas | of it call data |
|---|---|---|---|
"""
FOOT: Final = """
An answer's cost is its call data: below about 100 rows the curve and the hashes, above it the
leaf's 32 bytes a row at 40 gas a byte. That is why a challenge's bond has a part for each row.
"""
VERIFY: Final = f"verify a certificate, {THRESHOLD} of {MEMBERS}"
REFUSE: Final = "refuse one that does not verify"
MOST_TO_VERIFY, MOST_TO_REFUSE = 250_000, 400_000


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


def answering(rows: int) -> str:
    return f"answer for a point, {rows} {'row' if rows == 1 else 'rows'}"


def measure(bench: Bench) -> list[tuple[int, int, int]]:
    """All calls; for the answers rows, gas, and what their call data costs at least."""
    answers: list[tuple[int, int, int]] = []
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
            bench.transact(verifier, calls.calldata("verify", signed), what=VERIFY)
            spoilt = signed[:-1] + bytes((signed[-1] ^ 1,))
            data = calls.calldata("verify", spoilt)
            bench.transact(verifier, data, what=REFUSE, passes=False)
        previous, state = height.to_bytes(32, "big"), (height + 1).to_bytes(32, "big")
        proposal = (height, previous, state, withdrawals)
        data = settling.calldata("propose", proposal, signed, [])
        bench.transact(settlement, data, value=1, what="propose a batch" if height == 1 else "")
        data = settling.calldata("challenge", height, bytes(blob.blob_id), [POINT])
        what = "challenge a point" if height == 1 else ""
        bench.transact(settlement, data, value=1 + rows, what=what)
        opening = opening_of(blob.point(POINT), blob.aggregate[:ROW_BYTES], kzg)
        data = settling.calldata("respond", height + 1, 0, blob.header.serialize(), opening)
        bench.transact(settlement, data, what=answering(rows))
        answers.append((rows, bench.of(answering(rows)), data_gas(data, at_floor=True)))
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
    return answers


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


def lines(bench: Bench, answers: list[tuple[int, int, int]], others: list[Other]) -> Iterator[str]:
    yield HEAD
    for what, gas in bench.found:
        yield f"| {what} | {gas:,} |\n"
    yield ANSWERS
    for rows, gas, data in answers:
        yield f"| {rows:,} | {rows * 4096 * 31 / 2**20:.1f} MiB | {gas:,} | {data:,} |\n"
    yield FOOT
    yield from alternatives.lines(others)


@contextmanager
def benched() -> Iterator[tuple[Bench, list[tuple[int, int, int]], list[Other]]]:
    """All that is measured, on a chain of its own."""
    with anvil(HARDFORK) as url:
        bench = Bench(Web3(HTTPProvider(url, request_kwargs={"timeout": 120})))
        answers = measure(bench)
        found = bench.found + asyncio.run(posted(url, bench.web3.eth.chain_id))
        others = list(alternatives.measure(bench))
        bench.found = found
        yield bench, answers, others


def run() -> Iterator[Row]:
    """Certificates beside the alternatives and their bounds; answers by their rows."""
    with benched() as (bench, answers, others):
        signatures = others[0]
        yield _row(VERIFY, bench.of(VERIFY), signatures.what, signatures.gas, MOST_TO_VERIFY)
        yield _row(REFUSE, bench.of(REFUSE), VERIFY, bench.of(VERIFY), MOST_TO_REFUSE)
        propose = bench.of("propose a batch")
        for other in others[1:]:
            yield _row("propose a batch", propose, other.what, other.gas, None)
        for rows, gas, data in answers:
            yield _row(answering(rows), gas, "its call data alone", data, MOST_GAS)


def _row(what: str, gas: int, beside: str, peer: int, bound: int | None) -> Row:
    return Row(
        what=what,
        figure=f"{gas:,} gas",
        beside=f"{beside}: {peer:,} gas",
        ratio=gas / peer,
        target="report" if bound is None else f"≤ {bound:,} gas",
        reached=None if bound is None else gas <= bound,
    )


def main() -> None:
    with benched() as (bench, answers, others):
        TABLE.write_text("".join(lines(bench, answers, others)))


if __name__ == "__main__":
    main()
