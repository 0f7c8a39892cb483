"""The key layout of the store, all of it. Pure; a test pins every byte.

    b ‖ bucket u32 ‖ 0                                summary    blobs and bytes of the bucket
    b ‖ bucket u32 ‖ 1 ‖ blob id                      intent     a write that has begun
    b ‖ bucket u32 ‖ 2 ‖ blob id                      record     the blob is stored
    b ‖ bucket u32 ‖ 3 ‖ blob id ‖ column u8 ‖ part u8  piece    part 0 beside, 1… leaves
    b ‖ bucket u32 ‖ 4 ‖ blob id ‖ pledge 32            pledge     a promise until then
    b ‖ bucket u32 ‖ 5 ‖ blob id                      certificate  of custody until then
    b ‖ bucket u32 ‖ 6 ‖ blob id                      wanted     certified, and not all here
    p ‖ name 32                                       position   how far another feed was read
    f ‖ cursor u64                                    feed entry  stored, or certified
    i ‖ period u16 ‖ blob id                          expiry     outlives the blob by a year
    m ‖ name                                          format, low-water mark, last cursor, probe

Everything of a bucket lies under one prefix, so that one range delete prunes it whatever it
holds, records of unfinished writes included; likewise the expiries of a period. Inside a bucket
what is counted and listed comes before the bulk. Pledges, certificates and wanted entries lie in
the bucket of their own expiry; a pledge's is that of the blob's record or an earlier one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from da_node.coding import BlobId
from da_node.retention import Bucket, Period

FORMAT_VERSION: Final = 2
"""The version of this layout and of the values under it. Since 2 certificates are in the feed,
and what is certified may be wanted."""

_BUCKET: Final = b"b"
_FEED: Final = b"f"
_EXPIRY: Final = b"i"
_META: Final = b"m"
_POSITION: Final = b"p"

_SUMMARY, _INTENT, _RECORD, _PIECE = b"\x00", b"\x01", b"\x02", b"\x03"
_PLEDGE, _CERTIFICATE, _WANTED = b"\x04", b"\x05", b"\x06"

SIDE_PART: Final = 0
"""The part beside a column's leaves; groups of leaves are parts 1, 2, …"""

FORMAT_KEY: Final = _META + b"format"
LOW_WATER_KEY: Final = _META + b"low-water"
CURSOR_KEY: Final = _META + b"cursor"
PROBE_KEY: Final = _META + b"probe"


class KeyRange(NamedTuple):
    """Keys from `start` on, before `stop`."""

    start: bytes
    stop: bytes


def _under(prefix: bytes) -> KeyRange:
    """All keys with a prefix. No prefix here is all 0xff: it begins with a letter."""
    after = int.from_bytes(prefix, "big") + 1
    return KeyRange(prefix, after.to_bytes(len(prefix), "big"))


def _bucket(bucket: Bucket) -> bytes:
    return _BUCKET + bucket.to_bytes(4, "big")


ALL_BUCKETS: Final = _under(_BUCKET)
ALL_EXPIRIES: Final = _under(_EXPIRY)
ALL_FEED: Final = _under(_FEED)


def buckets_between(first: Bucket, stop: Bucket) -> KeyRange:
    """Everything of the buckets from `first` on, before `stop`."""
    return KeyRange(_bucket(first), _bucket(stop))


def bucket_of_key(key: bytes) -> Bucket:
    """The bucket of a key in `ALL_BUCKETS`."""
    return Bucket(int.from_bytes(key[1:5], "big"))


def summary_key(bucket: Bucket) -> bytes:
    return _bucket(bucket) + _SUMMARY


def intent_key(bucket: Bucket, blob_id: BlobId) -> bytes:
    return _bucket(bucket) + _INTENT + blob_id


def intents_of(bucket: Bucket) -> KeyRange:
    return _under(_bucket(bucket) + _INTENT)


def record_key(bucket: Bucket, blob_id: BlobId) -> bytes:
    return _bucket(bucket) + _RECORD + blob_id


def records_of(bucket: Bucket) -> KeyRange:
    return _under(_bucket(bucket) + _RECORD)


def blob_id_of_key(key: bytes) -> BlobId:
    """The blob id of a key inside a bucket, but for the summary's."""
    return BlobId(key[6:38])


def piece_key(bucket: Bucket, blob_id: BlobId, column: int, part: int) -> bytes:
    return _bucket(bucket) + _PIECE + blob_id + bytes((column, part))


def pieces_of_blob(bucket: Bucket, blob_id: BlobId) -> KeyRange:
    return _under(_bucket(bucket) + _PIECE + blob_id)


def pieces_of_column(bucket: Bucket, blob_id: BlobId, column: int) -> KeyRange:
    return _under(_bucket(bucket) + _PIECE + blob_id + bytes((column,)))


def pledge_key(bucket: Bucket, blob_id: BlobId, pledge: bytes) -> bytes:
    return _bucket(bucket) + _PLEDGE + blob_id + pledge


def pledges_of_blob(bucket: Bucket, blob_id: BlobId) -> KeyRange:
    return _under(_bucket(bucket) + _PLEDGE + blob_id)


def pledge_of_key(key: bytes) -> bytes:
    return key[38:]


def certificate_key(bucket: Bucket, blob_id: BlobId) -> bytes:
    return _bucket(bucket) + _CERTIFICATE + blob_id


def certificates_of(bucket: Bucket) -> KeyRange:
    return _under(_bucket(bucket) + _CERTIFICATE)


def wanted_key(bucket: Bucket, blob_id: BlobId) -> bytes:
    return _bucket(bucket) + _WANTED + blob_id


def wanted_after(bucket: Bucket, blob_id: BlobId | None) -> KeyRange:
    """What is wanted in a bucket, behind one blob if there is one."""
    keys = _under(_bucket(bucket) + _WANTED)
    return keys if blob_id is None else KeyRange(keys.start + blob_id + b"\x00", keys.stop)


def position_key(name: bytes) -> bytes:
    return _POSITION + name


def feed_key(cursor: int) -> bytes:
    return _FEED + cursor.to_bytes(8, "big")


def feed_between(first: int, stop: int) -> KeyRange:
    """Feed entries with cursors from `first` on, before `stop`."""
    return KeyRange(feed_key(first), feed_key(stop))


def cursor_of_key(key: bytes) -> int:
    return int.from_bytes(key[1:], "big")


def expiry_key(period: Period, blob_id: BlobId) -> bytes:
    return _EXPIRY + period.to_bytes(2, "big") + blob_id


def expiries_between(first: Period, stop: Period) -> KeyRange:
    """The expiries of all periods from `first` on, before `stop`."""
    return KeyRange(_EXPIRY + first.to_bytes(2, "big"), _EXPIRY + stop.to_bytes(2, "big"))


def period_of_key(key: bytes) -> Period:
    return Period(int.from_bytes(key[1:3], "big"))
