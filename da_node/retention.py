"""How long a blob lives: expiry, the hourly bucket it goes with, and the windows in order.

    accepted ─────────── 18.2 days ──────────▶ expires_at ───── 1 h ─────▶ deleted ──── 1 y ────▶
              samplers ask until 1 h before;   answered with 410,          a tombstone says when
              nodes serve                      not deleted yet             it expired

Pure: the clock is an argument everywhere, in whole unix seconds. PROTOCOL.md is the source.
"""

from __future__ import annotations

from typing import Final, NewType

from da_node.coding import CELL_BYTES, COLUMNS, PROOF_BYTES, row_count_of

Bucket = NewType("Bucket", int)
"""Hours since 1970: everything that expires at `bucket * HOUR_S` is deleted together."""

Period = NewType("Period", int)
"""Thirty-day stretches since 1970, by which the tombstones of a year are grouped."""

HOUR_S: Final = 3600
"""Expiries are whole hours, so that one hour is one bucket."""

DAY_S: Final = 24 * HOUR_S

RETENTION_S: Final = 4096 * 32 * 12
"""EIP-4844's MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS × slots per epoch × seconds per slot."""

GRACE_S: Final = HOUR_S
"""Between the end of serving and deletion, so that nobody is asked for what is being deleted."""

HELD_S: Final = RETENTION_S + HOUR_S + GRACE_S + HOUR_S
"""The longest that a byte lies on disk: rounding up, the grace, and an hour between prunes."""

PERIOD_S: Final = 30 * DAY_S
"""Short against the year of a tombstone, long enough that a look-up tries few of them."""

TOMBSTONE_S: Final = 365 * DAY_S
"""How long after its expiry a deleted blob is still answered with 410 instead of 404."""

LAST_EXPIRY_S: Final = 0xFFFF * PERIOD_S - HOUR_S
"""The latest expiry that a period number of 16 bits can carry (the year 7351)."""

COLUMN_BYTES_PER_ROW: Final = CELL_BYTES
"""One row puts one cell's worth of leaves into each column."""

COLUMN_SIDE_BYTES: Final = 7 * 32 + PROOF_BYTES + 64 * 32 + CELL_BYTES + 33
"""Path, proof, leaf hashes and aggregate cell beside each column, with version and checksum."""

if (RETENTION_S, PERIOD_S % HOUR_S) != (1_572_864, 0):
    raise ImportError("retention is not 18.2 days, or a bucket lies in two periods")
if not GRACE_S < RETENTION_S < TOMBSTONE_S:
    raise ImportError("the windows are not in order")


def expires_at_for(accepted_at: int) -> int:
    """The expiry of a blob whose body was complete at `accepted_at`: the next whole hour."""
    return -(-(accepted_at + RETENTION_S) // HOUR_S) * HOUR_S


def bucket_of(expires_at: int) -> Bucket:
    """The bucket of an expiry, which must be a whole hour. ValueError if it is not."""
    bucket, rest = divmod(expires_at, HOUR_S)
    if rest or not 0 <= expires_at <= LAST_EXPIRY_S:
        raise ValueError(f"{expires_at} is not a whole hour in 0..{LAST_EXPIRY_S}")
    return Bucket(bucket)


def expiry_of(bucket: Bucket) -> int:
    """When everything in this bucket expires."""
    return bucket * HOUR_S


def is_served(expires_at: int, now: int) -> bool:
    """Whether a node still answers for a blob; it does up to, not at, its expiry."""
    return now < expires_at


def is_prunable(bucket: Bucket, now: int) -> bool:
    """Whether a bucket may be deleted: its grace is over."""
    return expiry_of(bucket) + GRACE_S < now


def low_water(now: int) -> Bucket:
    """The first bucket that may not be deleted yet: all below it are prunable."""
    return Bucket(max(0, -(-(now - GRACE_S) // HOUR_S)))


def period_of(expires_at: int) -> Period:
    """The tombstone period of an expiry."""
    return Period(expires_at // PERIOD_S)


def first_remembered_period(now: int) -> Period:
    """The first period of which a tombstone is not yet a year old; those below are forgotten."""
    return Period(max(0, (now - TOMBSTONE_S) // PERIOD_S))


def disk_needed(rate_bytes_s: int, *, blob_bytes: int = 1_000_000) -> int:
    """Bytes of disk that a node of all columns fills at a steady payload rate.

    `blob_bytes` is the size of one payload: the smaller, the more the 4.4 kB beside each of a
    blob's 128 columns weigh. ValueError if either is below 1.
    """
    if rate_bytes_s < 1 or blob_bytes < 1:
        raise ValueError("a rate and a blob have at least one byte")
    stored = COLUMNS * (COLUMN_BYTES_PER_ROW * row_count_of(blob_bytes) + COLUMN_SIDE_BYTES)
    return -(-rate_bytes_s * HELD_S * stored // blob_bytes)
