"""Looks that were asked for, each of which has a sample of its own drawn: rows of one table.

A look waits until no session about its blob is under way, so that none of another sample is taken
for it. Used inside the transactions of `State`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from da_node.coding import BlobId
from da_node.service import TooManyRequests
from da_node.service.database import Sql
from sampler.errors import TooManyLooks
from sampler.look import LookName
from sampler.state import blobs

MOST_WAITING: Final = 10_000
"""Looks that wait: about 200 bytes each, 2 MB. Whoever asks for one more asks again later."""
MOST_OF_A_BLOB: Final = 16
"""Each draws a sample, and is another chance of a wrong *available*: all together have 16 times the
wanted error."""
BEGUN_AT_ONCE: Final = 64

TABLE: Final = """
CREATE TABLE IF NOT EXISTS looks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name BLOB NOT NULL UNIQUE,
    blob_id BLOB NOT NULL,
    due_at REAL NOT NULL,
    expires_at INTEGER NOT NULL,
    is_strict INTEGER NOT NULL,
    begun_after INTEGER
);
CREATE INDEX IF NOT EXISTS looks_waiting ON looks (due_at) WHERE begun_after IS NULL;
CREATE INDEX IF NOT EXISTS looks_blob ON looks (blob_id);
CREATE INDEX IF NOT EXISTS looks_expiry ON looks (expires_at)
"""
"""`is_strict`: whether the settlement takes the strict rule alone. `begun_after`: the last
verdict's cursor when its sample was drawn; NULL while it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A look that was asked for."""

    begun_after: int | None
    """Verdicts of its blob after this cursor are of its sample, or of a later one; None: it has
    not begun."""


def find(sql: Sql, name: LookName) -> Asked | None:
    """A look, if it was asked for."""
    row = sql.execute("SELECT begun_after FROM looks WHERE name = ?", (name,)).fetchone()
    return None if row is None else Asked(begun_after=row[0])


def waiting(sql: Sql) -> int:
    """How many have not begun."""
    (count,) = sql.execute("SELECT count(*) FROM looks WHERE begun_after IS NULL").fetchone()
    return int(count)


def add(
    sql: Sql,
    name: LookName,
    blob_id: BlobId,
    *,
    due_at: float,
    expires_at: int,
    is_strict: bool,
) -> None:
    """One more that waits. Raises TooManyRequests, TooManyLooks."""
    if waiting(sql) >= MOST_WAITING:
        raise TooManyRequests(what="looks that wait", bound=MOST_WAITING)
    (count,) = sql.execute("SELECT count(*) FROM looks WHERE blob_id = ?", (blob_id,)).fetchone()
    if count >= MOST_OF_A_BLOB:
        raise TooManyLooks(blob_id=blob_id.hex0x, bound=MOST_OF_A_BLOB)
    sql.execute(
        "INSERT INTO looks (name, blob_id, due_at, expires_at, is_strict) VALUES (?, ?, ?, ?, ?)",
        (name, blob_id, due_at, expires_at, is_strict),
    )


def due(sql: Sql, *, now: float, besides: Collection[BlobId]) -> list[tuple[int, BlobId]]:
    """Numbers and blobs of those that can begin, the oldest first."""
    rows = sql.execute(
        "SELECT number, blob_id FROM looks WHERE begun_after IS NULL AND due_at <= ? "
        "ORDER BY due_at, number LIMIT ?",
        (now, BEGUN_AT_ONCE + len(besides)),
    )
    found = [(int(number), BlobId(blob_id)) for number, blob_id in rows]
    return [one for one in found if one[1] not in besides][:BEGUN_AT_ONCE]


def begin(sql: Sql, number: int, blob_id: BlobId, *, now: float, after: int) -> None:
    """Its blob is due, and its next session draws a sample."""
    blobs.begin_anew(sql, blob_id, now=now)
    sql.execute("UPDATE looks SET begun_after = ? WHERE number = ?", (after, number))
