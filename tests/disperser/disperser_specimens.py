"""A committee, a blob and signatures to test the disperser with; none of the keys is secret."""

from __future__ import annotations

import functools
import random
from concurrent.futures import Executor, Future
from typing import Any, Final

from committee.arcs import shortest_arc
from committee.attestation import Attestation, VerifiedAttestation, verify_attestation
from committee.bls import SecretKey
from committee.keyset import Keyset, VerifiedKeyset, verify_keyset
from committee.secp256k1 import EthereumKey
from committee.values import NetworkId
from da_node.coding import BlobId, EncodedBlob, Kzg, encode, local_prover

NOW: Final = 1_800_000_123
EXPIRES_AT: Final = -(-(NOW + 1_572_864) // 3600) * 3600
DISPERSER: Final = EthereumKey(b"\x01" * 32)
PAYLOAD: Final = random.Random(1).randbytes(300_000)
OTHER_PAYLOAD: Final = random.Random(2).randbytes(300_000)


@functools.cache
def secret(seed: int) -> SecretKey:
    """The key of a number."""
    return SecretKey.generate(seed.to_bytes(32, "big"))


@functools.cache
def keyset(n: int = 4, faults: int = 1) -> VerifiedKeyset:
    """The first n keys; all but the faulty must sign."""
    return keyset_of(tuple(range(n)), not_before=NOW - 3600, faults=faults)


@functools.cache
def keyset_of(seeds: tuple[int, ...], *, not_before: int, faults: int = 1) -> VerifiedKeyset:
    """The keys of these numbers; all but the faulty must sign."""
    n = len(seeds)
    plain = Keyset(
        network_id=NetworkId(b"\x07" * 32),
        not_before=not_before,
        retention_s=1_572_864,
        challenge_period_s=604_800,
        threshold=n - faults,
        faults=faults,
        columns_per_member=shortest_arc(n, n - 2 * faults),
        public_keys=tuple(secret(seed).public_key for seed in seeds),
    )
    return verify_keyset(plain, tuple(secret(seed).prove_possession() for seed in seeds))


def kzg() -> Kzg:
    """The one that `KzgPool`'s work uses as well: its tables take a second or two to make."""
    return local_prover()


class RememberingExecutor(Executor):
    """Stands in for KZG processes: works in the caller's thread, and proves no row twice."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        remembers = len(args) == 1 and isinstance(args[0], bytes)
        future.set_result(_once(fn, args[0]) if remembers else fn(*args, **kwargs))
        return future


@functools.cache
def _once(work: Any, row: bytes) -> Any:
    return work(row)


@functools.cache
def blob(payload: bytes = PAYLOAD) -> EncodedBlob:
    """Encoded once for all tests."""
    return encode(payload, kzg())


def attestation(expires_at: int = EXPIRES_AT, of: EncodedBlob | None = None) -> Attestation:
    """What members are to sign."""
    return Attestation(
        keyset_hash=keyset().hash, blob_id=(of or blob()).blob_id, expires_at=expires_at
    )


@functools.cache
def attested(member: int, n: int = 4) -> VerifiedAttestation:
    """A member's own signature over a blob that exists in name only."""
    whole = keyset(n)
    wanted = Attestation(keyset_hash=whole.hash, blob_id=BlobId(bytes(32)), expires_at=EXPIRES_AT)
    return verify_attestation(whole, wanted, member, wanted.sign(secret(member)))
