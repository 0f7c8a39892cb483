"""The one door to BLS signatures, and the `blspy` package behind it.

Ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (Ethereum's): public keys in G1, signatures
in G2, rogue keys ruled out by proofs of possession. A value of a point type here is a point:
canonically encoded, of the right subgroup and not infinity; making one is the check, and infinity
is refused here because `blspy` takes it. Measured: 0.05 ms to decode a point, 0.5 ms to sign, 1 ms
to verify (without the interpreter lock), whatever the number of keys summed.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Self

from blspy import G1Element, G2Element, PopSchemeMPL, PrivateKey

from committee.errors import BadPoint
from committee.parameters import PUBLIC_KEY_BYTES, SECRET_KEY_BYTES, SIGNATURE_BYTES
from da_node.coding.values import FixedBytes
from da_node.service import WrongLength

ENTROPY_BYTES: Final = 32
"""Randomness of one secret key."""
POSSESSIONS: Final = 4096
"""Proofs that are remembered, about 1 kB each: a keyset's are looked at with each member, with the
whole, and again whenever its file is read, of 16 keysets of 128 members at most."""


class _PointBytes(FixedBytes):
    """The compressed encoding of a point, decoded once. Raises WrongLength, BadPoint."""

    group: ClassVar[Any]
    noun: ClassVar[str]
    point: Any
    """The decoded point, for this module only."""

    def __new__(cls, data: bytes | bytearray | memoryview) -> Self:
        self = super().__new__(cls, data)
        try:
            self.point = cls.group.from_bytes(bytes(self))
        except ValueError:
            reason = "is not the canonical encoding of a point of the right subgroup"
            raise BadPoint(what=cls.noun, value=self.hex0x, reason=reason) from None
        if self.point == cls.group():
            raise BadPoint(what=cls.noun, value=self.hex0x, reason="is the point at infinity")
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        # The decoded point cannot travel; it is decoded, and checked, again.
        return type(self), (bytes(self),)


class PublicKey(_PointBytes):
    """A point of G1 that is no member's but its owner's once possession is proven."""

    length = PUBLIC_KEY_BYTES
    group = G1Element
    noun = "public key"


class Signature(_PointBytes):
    """A point of G2: one member's signature, or the sum of several."""

    length = SIGNATURE_BYTES
    group = G2Element
    noun = "signature"


class PossessionProof(_PointBytes):
    """A point of G2: a public key, signed with its own secret under a domain of its own."""

    length = SIGNATURE_BYTES
    group = G2Element
    noun = "proof of possession"


class SecretKey:
    """A secret scalar. Neither `repr` nor an error message ever shows it."""

    __slots__ = ("_key", "public_key")

    def __init__(self, data: bytes) -> None:
        """From exactly 32 bytes, big-endian, in 1 … order − 1. Raises WrongLength, BadPoint."""
        if len(data) != SECRET_KEY_BYTES:
            raise WrongLength(what="secret key", value=len(data), expected=SECRET_KEY_BYTES)
        try:
            self._key = PrivateKey.from_bytes(data)
        except ValueError:
            reason = "is not below the order of the group"
            raise BadPoint(what="secret key", value="(hidden)", reason=reason) from None
        self.public_key = PublicKey(bytes(self._key.get_g1()))
        """Infinity, and refused, if the secret is zero."""

    @classmethod
    def generate(cls, entropy: bytes) -> Self:
        """The key that the BLS draft's KeyGen (draft-irtf-cfrg-bls-signature-02 §2.3, HKDF) makes
        of 32 bytes, which must be random. Raises WrongLength.
        """
        if len(entropy) != ENTROPY_BYTES:
            raise WrongLength(what="entropy", value=len(entropy), expected=ENTROPY_BYTES)
        return cls(bytes(PopSchemeMPL.key_gen(entropy)))

    def reveal(self) -> bytes:
        """The 32 secret bytes: for a keystore, and nothing else."""
        return bytes(self._key)

    def sign(self, message: bytes) -> Signature:
        """The signature over a message; the same message gives the same bytes."""
        return Signature(bytes(PopSchemeMPL.sign(self._key, message)))

    def prove_possession(self) -> PossessionProof:
        """The proof that goes with the public key wherever the key goes."""
        return PossessionProof(bytes(PopSchemeMPL.pop_prove(self._key)))

    def __repr__(self) -> str:
        return f"SecretKey(public_key={self.public_key.hex0x})"

    def __reduce__(self) -> Any:
        raise TypeError("a secret key does not travel between processes")


def is_signature(public_key: PublicKey, message: bytes, signature: Signature) -> bool:
    """Whether the owner of the key signed the message."""
    return bool(PopSchemeMPL.verify(public_key.point, message, signature.point))


@functools.lru_cache(maxsize=POSSESSIONS)
def is_possession(public_key: PublicKey, proof: PossessionProof) -> bool:
    """Whether the proof shows that the owner of the key has its secret."""
    return bool(PopSchemeMPL.pop_verify(public_key.point, proof.point))


def is_aggregate(public_keys: Sequence[PublicKey], message: bytes, signature: Signature) -> bool:
    """Whether the signature is the sum of one by each of the keys over the same message.

    Sound only for keys whose possession is proven. Keys that cancel out, or none, signed nothing.
    """
    total = functools.reduce(operator.add, (key.point for key in public_keys), G1Element())
    if total == G1Element():
        return False
    return bool(PopSchemeMPL.verify(total, message, signature.point))


def aggregate(signatures: Iterable[Signature]) -> Signature:
    """The sum of signatures, in any order. Raises BadPoint where they cancel out, or none is."""
    return Signature(bytes(PopSchemeMPL.aggregate([one.point for one in signatures])))
