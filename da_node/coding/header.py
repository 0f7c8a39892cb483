"""Header and blob id (CODING.md §5)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from da_node.coding.challenge import challenge_of
from da_node.coding.kzg import Kzg, local_verifier
from da_node.coding.parameters import (
    HASH_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    VERSION,
    row_count_of,
)
from da_node.coding.values import BlobId, Commitment, MerkleRoot
from da_node.errors import (
    BadCommitment,
    ForeignItem,
    LengthOutOfRange,
    UnsupportedVersion,
    WrongLength,
)

_ID_DOMAIN: Final = b"HOLDFAST-V1-BLOB-ID"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a blob is: everything else about it is checked against these 90 bytes."""

    payload_length: int
    """Bytes of payload, 1 … 130,023,424."""
    merkle_root: MerkleRoot
    """Root over the 8192 leaves."""
    commitment: Commitment
    """KZG commitment to the aggregate row."""

    def __post_init__(self) -> None:
        if not 1 <= self.payload_length <= MAX_PAYLOAD_BYTES:
            raise LengthOutOfRange(value=self.payload_length, bound=MAX_PAYLOAD_BYTES)

    @classmethod
    def parse(cls, data: bytes, kzg: Kzg | None = None) -> Header:
        """From exactly 90 bytes, the commitment's point checked.

        Raises WrongLength, UnsupportedVersion, LengthOutOfRange, BadCommitment.
        """
        header = cls._decode(data)
        if not (kzg or local_verifier()).is_commitment(header.commitment):
            raise BadCommitment(value=header.commitment.hex0x)
        return header

    @classmethod
    def parse_trusted(cls, data: bytes, blob_id: BlobId) -> Header:
        """From bytes that were parsed once and kept under their id; no curve work.

        Raises as `parse` does, except for the point, and ForeignItem where the id is another's.
        """
        header = cls._decode(data)
        if header.blob_id != blob_id:
            raise ForeignItem(
                item=0, unit="header", index=0, value=header.blob_id.hex0x, expected=blob_id.hex0x
            )
        return header

    @classmethod
    def _decode(cls, data: bytes) -> Header:
        if len(data) != HEADER_BYTES:
            raise WrongLength(what="header", value=len(data), expected=HEADER_BYTES)
        data = bytes(data)
        version = int.from_bytes(data[:2], "big")
        if version != VERSION:
            raise UnsupportedVersion(what="header", value=version, bound=VERSION)
        return cls(
            payload_length=int.from_bytes(data[2:10], "big"),
            merkle_root=MerkleRoot(data[10 : 10 + HASH_BYTES]),
            commitment=Commitment(data[10 + HASH_BYTES :]),
        )

    def serialize(self) -> bytes:
        """The 90 bytes."""
        return (
            VERSION.to_bytes(2, "big")
            + self.payload_length.to_bytes(8, "big")
            + self.merkle_root
            + self.commitment
        )

    @functools.cached_property
    def blob_id(self) -> BlobId:
        """What the blob is called: SHA-256 of the header under its domain."""
        return BlobId(sha256(_ID_DOMAIN + self.serialize()).digest())

    @property
    def row_count(self) -> int:
        """Rows m, 1 … 1024; follows from the payload's length."""
        return row_count_of(self.payload_length)

    @functools.cached_property
    def challenge(self) -> int:
        """γ, below the modulus."""
        return challenge_of(self.payload_length, self.merkle_root)
