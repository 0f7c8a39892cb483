"""One archived blob, and the content of an archive: its entries one after the other. Pure.

    entry = header 90 ‖ stored_at u64 ‖ expires_at u64 ‖ label (u8 length ‖ bytes)
            ‖ payload ‖ SHA-256 32

The payload's length stands in the header. The SHA-256 covers everything before it in the entry, so
a payload is checked end to end, whatever happened to sectors and parity. A time of 0 is not known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from da_node.archive.errors import BadEntry, OtherEncoding
from da_node.coding import HEADER_BYTES, BlobId, Header, Kzg, encode
from da_node.errors import MalformedRequest, WrongLength

MAX_LABEL_BYTES: Final = 64

_SHA256_BYTES: Final = 32
_FACTS: Final = struct.Struct(f">{HEADER_BYTES}sQQB")
"""Header, stored_at, expires_at, length of the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One blob as the archive keeps it. Raises WrongLength, MalformedRequest."""

    header: Header
    """The header under which the blob was kept. The archive does not encode the payload again to
    see whether it belongs to it: a dishonest encoder's does not, and is history all the same."""

    payload: bytes | bytearray | memoryview
    """As many bytes as the header says."""

    stored_at: int | None = None
    """When the node stored it, unix seconds; None where that is not known."""

    expires_at: int | None = None
    """Until when nodes served it, unix seconds; None where that is not known."""

    label: str = ""
    """Its name in the feed, at most 64 bytes of UTF-8."""

    def __post_init__(self) -> None:
        if len(self.payload) != self.header.payload_length:
            raise WrongLength(
                what="payload", value=len(self.payload), expected=self.header.payload_length
            )
        if len(self.label.encode()) > MAX_LABEL_BYTES:
            raise MalformedRequest(
                field="label", value=self.label, expected=f"at most {MAX_LABEL_BYTES} bytes"
            )

    @property
    def summary(self) -> EntrySummary:
        """Everything but the payload."""
        return EntrySummary(
            header=self.header,
            stored_at=self.stored_at,
            expires_at=self.expires_at,
            label=self.label,
        )

    def serialize(self) -> Iterator[bytes | bytearray | memoryview]:
        """The entry in three pieces, the payload uncopied."""
        label = self.label.encode()
        facts = _FACTS.pack(
            self.header.serialize(), self.stored_at or 0, self.expires_at or 0, len(label)
        )
        digest = sha256(facts + label)
        digest.update(self.payload)
        yield facts + label
        yield self.payload
        yield digest.digest()

    def verify_encoding(self, kzg: Kzg | None = None, *, threads: int = 1) -> None:
        """Encode the payload again: the one proof that it is the blob's. Raises OtherEncoding."""
        encoded = encode(self.payload, kzg, threads=threads)
        if encoded.blob_id != self.header.blob_id:
            raise OtherEncoding(blob_id=self.header.blob_id.hex0x, expected=encoded.blob_id.hex0x)

    @classmethod
    def parse(cls, take: Callable[[int], bytearray]) -> ArchiveEntry:
        """The next entry of a content from which `take(n)` takes exactly n bytes.

        Raises what Header.parse raises, and BadEntry.
        """
        facts = take(_FACTS.size)
        serialized_header, stored_at, expires_at, label_bytes = _FACTS.unpack(facts)
        header = Header.parse(serialized_header)
        label = take(label_bytes)
        payload = take(header.payload_length)
        digest = sha256(facts + label)
        digest.update(payload)
        if take(_SHA256_BYTES) != digest.digest():
            raise BadEntry(reason=f"(blob {header.blob_id.hex0x}) does not have its SHA-256")
        return cls(
            header=header,
            payload=payload,
            stored_at=stored_at or None,
            expires_at=expires_at or None,
            label=_text_of(label),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySummary:
    """One archived blob without its payload; fields as in ArchiveEntry."""

    header: Header
    stored_at: int | None
    expires_at: int | None
    label: str

    @property
    def blob_id(self) -> BlobId:
        """What the blob is called."""
        return self.header.blob_id


def _text_of(label: bytearray) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError:
        raise BadEntry(reason=f"has a label that is not UTF-8: {label.hex()}") from None
