"""Byte strings of fixed length, each a type of its own."""

from __future__ import annotations

from typing import ClassVar, Self

from da_node.coding.parameters import COMMITMENT_BYTES, HASH_BYTES, PROOF_BYTES
from da_node.errors import MalformedId, WrongLength


class FixedBytes(bytes):
    """Bytes whose length is checked when they are made. Raises WrongLength."""

    length: ClassVar[int]

    def __new__(cls, data: bytes | bytearray | memoryview) -> Self:
        if len(data) != cls.length:
            raise WrongLength(what=cls.__name__, value=len(data), expected=cls.length)
        return super().__new__(cls, data)

    @property
    def hex0x(self) -> str:
        """Lower-case hex with 0x, as everything on the wire that is not binary has it."""
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex0x})"


class BlobId(FixedBytes):
    """SHA-256 of a header under its domain: what a blob is called."""

    length = HASH_BYTES

    @classmethod
    def from_hex(cls, text: str) -> BlobId:
        """From 64 hex digits, with or without 0x. Raises MalformedId."""
        digits = text.removeprefix("0x")
        try:
            # fromhex skips white space, which an id has none of
            if len(digits) == 2 * cls.length and digits.isalnum():
                return cls(bytes.fromhex(digits))
        except ValueError:
            pass
        raise MalformedId(value=text[:80])


class MerkleRoot(FixedBytes):
    """Root of the tree over the 8192 leaves."""

    length = HASH_BYTES


class Commitment(FixedBytes):
    """KZG commitment to the aggregate row: a compressed G1 point."""

    length = COMMITMENT_BYTES


class Proof(FixedBytes):
    """KZG proof of one cell of the aggregate row: a compressed G1 point."""

    length = PROOF_BYTES
