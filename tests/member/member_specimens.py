"""A committee of four, a disperser and blobs to test members with; none of the keys is secret."""

from __future__ import annotations

import functools
from typing import Final

from committee.arcs import Arc, shortest_arc
from committee.attestation import Attestation, verify_attestation
from committee.bls import SecretKey
from committee.certificate import VerifiedCertificate, certify
from committee.dispersal import Dispersal, Ticket, digest_of
from committee.documents import Committee, Member, committee_of
from committee.keyset import Keyset
from committee.secp256k1 import EthereumKey
from committee.values import KeysetHash, NetworkId
from da_node.coding import EncodedBlob, LocalKzg, encode

NOW: Final = 1_800_000_123
"""What the clock says in these tests, unless one says otherwise."""
EXPIRES_AT: Final = -(-(NOW + 1_572_864) // 3600) * 3600
"""The expiry that a disperser asks for at `NOW`."""

DISPERSER: Final = EthereumKey(b"\x01" * 32)
STRANGER: Final = EthereumKey(b"\x02" * 32)

MEMBERS: Final = 4
ME: Final = 1
"""Which member is under test."""


@functools.cache
def secret(seed: int) -> SecretKey:
    """The key of a number."""
    return SecretKey.generate(seed.to_bytes(32, "big"))


@functools.cache
def committee(
    network: int = 7,
    not_before: int = NOW - 86_400,
    seeds: tuple[int, ...] = tuple(range(MEMBERS)),
) -> Committee:
    """Members with the keys of these numbers, four of them, one of whom may be faulty."""
    keyset = Keyset(
        network_id=NetworkId(bytes((network,)) * 32),
        not_before=not_before,
        retention_s=1_572_864,
        challenge_period_s=604_800,
        threshold=3,
        faults=1,
        columns_per_member=shortest_arc(MEMBERS, 2),
        public_keys=tuple(secret(i).public_key for i in seeds),
    )
    members = [
        Member.introduce(secret(i), name=f"member {i}", url=f"http://127.0.0.1:{7000 + i}")
        for i in seeds
    ]
    return committee_of(keyset, members)


def my_arc() -> Arc:
    return committee().keyset.arcs[ME]


class Clock:
    """Unix seconds, set by the test."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class SteadyKzg(LocalKzg):
    """The curve work of this process, as a node wants it."""

    ready = True

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


@functools.cache
def kzg() -> SteadyKzg:
    return SteadyKzg()


def attestation(of: EncodedBlob | None = None, expires_at: int = EXPIRES_AT) -> Attestation:
    """What members sign for a blob."""
    return Attestation(
        keyset_hash=committee().keyset.hash,
        blob_id=(of or blob()).blob_id,
        expires_at=expires_at,
    )


def certificate(
    *signers: int, of: EncodedBlob | None = None, expires_at: int = EXPIRES_AT
) -> VerifiedCertificate:
    """The certificate of a blob by those members."""
    what = attestation(of, expires_at)
    keyset = committee().keyset
    return certify(
        (of or blob()).header,
        [verify_attestation(keyset, what, i, what.sign(secret(i))) for i in signers],
    )


@functools.cache
def blob(seed: int = 0) -> EncodedBlob:
    """An encoded blob of three rows."""
    return encode(bytes((seed,)) + bytes(range(256)) * 1400, kzg())


@functools.cache
def small_blob(seed: int) -> EncodedBlob:
    """An encoded blob of one row."""
    return encode(bytes((seed, 1)), kzg())


def dispersal(
    of: EncodedBlob | None = None,
    *,
    keyset_hash: KeysetHash | None = None,
    expires_at: int = EXPIRES_AT,
    label: str = "",
    columns: list[int] | None = None,
) -> Dispersal:
    """What a disperser sends the member under test."""
    encoded = of or blob()
    indices = list(my_arc()) if columns is None else columns
    return Dispersal(
        keyset_hash=keyset_hash or committee().keyset.hash,
        header=encoded.header,
        expires_at=expires_at,
        label=label,
        columns=tuple(encoded.column(index) for index in indices),
    )


def body_of(request: Dispersal) -> bytes:
    return b"".join(request.pieces())


def ticket(request: Dispersal, *, time: int = NOW, key: EthereumKey = DISPERSER) -> Ticket:
    """The disperser's signature over a request."""
    return Ticket.sign(
        key,
        keyset_hash=request.keyset_hash,
        blob_id=request.header.blob_id,
        body_digest=digest_of(request.pieces()),
        time=time,
    )
