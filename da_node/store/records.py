"""The small values of the store: record, wanted entry, feed entry, summary, numbers. Pure.

Records and feed entries are a version byte and a msgpack array; plain numbers are big-endian.
A value that does not parse raises `Damaged`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import msgspec

from da_node.coding import COLUMNS, BlobId, Header
from da_node.errors import BadData
from da_node.retention import Bucket, bucket_of, expiry_of
from da_node.store.door import Damaged

_Row = TypeVar("_Row")

_VERSION: Final = b"\x01"

MAX_CURSOR: Final = 2**64 - 2
"""The feed's keys have 64 bits, and a scan needs one above the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """That a blob is stored, and how: on disk it implies the columns that it names."""

    header: Header
    """As it was checked before it was stored."""

    expires_at: int
    """Unix seconds, a whole hour; names the bucket in which the columns lie."""

    stored_at: int
    """Unix seconds, by the clock handed to the store."""

    cursor: int
    """The blob's place in the feed."""

    label: str
    """What the poster called it, or empty."""

    held: int
    """Bit j: column j was stored. What has been damaged since is not known here."""

    reserved_bytes: int
    """What the blob counts against the disk budget."""

    void: int = 0
    """Bit j: column j was never committed to (CODING.md §7), so there is nothing to hold."""

    @property
    def blob_id(self) -> BlobId:
        return self.header.blob_id

    @property
    def bucket(self) -> Bucket:
        return bucket_of(self.expires_at)

    @property
    def columns(self) -> tuple[int, ...]:
        """The indices of the columns held, ascending."""
        return indices_of(self.held)

    def holds(self, index: int) -> bool:
        """Whether column `index` was stored."""
        return bool(self.held >> index & 1)

    @property
    def void_columns(self) -> tuple[int, ...]:
        """The indices of the columns that are known to be void, ascending."""
        return indices_of(self.void)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """That a blob is certified, and that columns of it are to be kept here and are not yet."""

    header: Header
    """That of the certificate."""

    expires_at: int
    """The certificate's; names the bucket."""

    label: str

    columns: int
    """Bit j: column j is to be kept."""

    announced: bool
    """Whether the feed has told of the certificate; else it does when the columns are here."""

    @property
    def blob_id(self) -> BlobId:
        return self.header.blob_id

    @property
    def bucket(self) -> Bucket:
        return bucket_of(self.expires_at)

    def lacking(self, record: Record | None) -> int:
        """Bit j: column j is to be kept and is not held, nor is it void."""
        return self.columns if record is None else self.columns & ~(record.held | record.void)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One event in the order in which this node stored them: a blob was stored, or certified."""

    cursor: int
    """Grows by one with each entry, never used twice by one node."""

    blob_id: BlobId
    header: Header

    expires_at: int
    """Of the blob when it was stored, or of its certificate."""

    label: str

    certificate: bytes | None
    """As it was kept first; None in the event that the blob was stored."""

    @property
    def bucket(self) -> Bucket:
        return bucket_of(self.expires_at)


class Summary(NamedTuple):
    """What one bucket holds."""

    blobs: int
    reserved_bytes: int

    def plus(self, blobs: int, reserved_bytes: int) -> Summary:
        return Summary(self.blobs + blobs, self.reserved_bytes + reserved_bytes)


NOTHING: Final = Summary(0, 0)


class _RecordRow(msgspec.Struct, array_like=True, frozen=True):
    header: bytes
    stored_at: int
    cursor: int
    label: str
    held: bytes
    reserved_bytes: int
    void: bytes = b""


class _WantedRow(msgspec.Struct, array_like=True, frozen=True):
    header: bytes
    label: str
    columns: bytes
    announced: bool


class _FeedRow(msgspec.Struct, array_like=True, frozen=True):
    bucket: int
    blob_id: bytes
    header: bytes
    label: str
    certificate: bytes = b""


_record_decoder = msgspec.msgpack.Decoder(_RecordRow)
_feed_decoder = msgspec.msgpack.Decoder(_FeedRow)
_wanted_decoder = msgspec.msgpack.Decoder(_WantedRow)


def indices_of(bits: int) -> tuple[int, ...]:
    """The columns that bits stand for, ascending."""
    return tuple(index for index in range(COLUMNS) if bits >> index & 1)


def bits_of(indices: Iterable[int]) -> int:
    """Columns as bits."""
    bits = 0
    for index in indices:
        bits |= 1 << index
    return bits


def record_value(record: Record) -> bytes:
    """The expiry is not in it: the key has it."""
    row = _RecordRow(
        header=record.header.serialize(),
        stored_at=record.stored_at,
        cursor=record.cursor,
        label=record.label,
        held=_bitmap(record.held),
        reserved_bytes=record.reserved_bytes,
        void=_bitmap(record.void) if record.void else b"",
    )
    return _VERSION + msgspec.msgpack.encode(row)


def parse_record(bucket: Bucket, blob_id: BlobId, value: bytes) -> Record:
    """Damaged if the value does not parse or is another blob's."""
    row = _parse(_record_decoder, "record", value)
    return Record(
        header=_header(row.header, blob_id),
        expires_at=expiry_of(bucket),
        stored_at=row.stored_at,
        cursor=row.cursor,
        label=row.label,
        held=int.from_bytes(row.held, "little"),
        reserved_bytes=row.reserved_bytes,
        void=int.from_bytes(row.void, "little"),
    )


def wanted_value(wanted: Wanted) -> bytes:
    """The expiry is not in it: the key has it."""
    row = _WantedRow(
        header=wanted.header.serialize(),
        label=wanted.label,
        columns=_bitmap(wanted.columns),
        announced=wanted.announced,
    )
    return _VERSION + msgspec.msgpack.encode(row)


def parse_wanted(bucket: Bucket, blob_id: BlobId, value: bytes) -> Wanted:
    """Damaged if the value does not parse or is another blob's."""
    row = _parse(_wanted_decoder, "wanted entry", value)
    return Wanted(
        header=_header(row.header, blob_id),
        expires_at=expiry_of(bucket),
        label=row.label,
        columns=int.from_bytes(row.columns, "little"),
        announced=row.announced,
    )


def stored_event(record: Record) -> FeedEntry:
    """The event that a blob was stored."""
    return FeedEntry(
        cursor=record.cursor,
        blob_id=record.blob_id,
        header=record.header,
        expires_at=record.expires_at,
        label=record.label,
        certificate=None,
    )


def certified_event(record: Record, bucket: Bucket, certificate: bytes, cursor: int) -> FeedEntry:
    """The event that a blob is certified until the expiry of a bucket."""
    return FeedEntry(
        cursor=cursor,
        blob_id=record.blob_id,
        header=record.header,
        expires_at=expiry_of(bucket),
        label=record.label,
        certificate=certificate,
    )


def feed_value(entry: FeedEntry) -> bytes:
    """The cursor is not in it: the key has it."""
    row = _FeedRow(
        bucket=entry.bucket,
        blob_id=bytes(entry.blob_id),
        header=entry.header.serialize(),
        label=entry.label,
        certificate=entry.certificate or b"",
    )
    return _VERSION + msgspec.msgpack.encode(row)


def parse_feed_entry(cursor: int, value: bytes) -> FeedEntry:
    """Damaged if the value does not parse."""
    row = _parse(_feed_decoder, "feed entry", value)
    blob_id = BlobId(row.blob_id)
    return FeedEntry(
        cursor=cursor,
        blob_id=blob_id,
        header=_header(row.header, blob_id),
        expires_at=expiry_of(Bucket(row.bucket)),
        label=row.label,
        certificate=row.certificate or None,
    )


def summary_value(summary: Summary) -> bytes:
    return number_value(summary.blobs) + number_value(summary.reserved_bytes)


def parse_summary(value: bytes) -> Summary:
    """Damaged if the value has not 16 bytes."""
    if len(value) != 16:
        raise Damaged(reason=f"a bucket's summary has {len(value)} bytes, not 16")
    return Summary(parse_number(value[:8]), parse_number(value[8:]))


def number_value(number: int) -> bytes:
    return number.to_bytes(8, "big")


def parse_number(value: bytes) -> int:
    """Damaged if the value has not 8 bytes."""
    if len(value) != 8:
        raise Damaged(reason=f"a number has {len(value)} bytes, not 8")
    return int.from_bytes(value, "big")


def _bitmap(bits: int) -> bytes:
    return bits.to_bytes(COLUMNS // 8, "little")


def _parse(decoder: msgspec.msgpack.Decoder[_Row], what: str, value: bytes) -> _Row:
    if value[:1] != _VERSION:
        raise Damaged(reason=f"a {what} has version {value[:1].hex()}, not {_VERSION.hex()}")
    try:
        return decoder.decode(value[1:])
    except msgspec.MsgspecError as error:
        raise Damaged(reason=f"a {what} does not parse: {error}") from error


def _header(data: bytes, blob_id: BlobId) -> Header:
    try:
        return Header.parse_trusted(data, blob_id)
    except BadData as error:
        raise Damaged(reason=f"the header of blob {blob_id.hex0x}: {error}") from error
