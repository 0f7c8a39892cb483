"""Rows that are over, and samples beyond what the disk may take. Used inside the transactions of
`State`.
"""

from __future__ import annotations

from typing import Final

from da_node.service.database import Sql
from sampler.state import outbox

KEPT_AFTER_EXPIRY_S: Final = 86_400
"""Verdicts and their evidence stay so long after their blob has expired."""
PRUNED_AT_ONCE: Final = 1000
"""Rows of each table that one transaction deletes."""

_KEYS: Final = {"samples": "rowid", "verdicts": "cursor", "blobs": "number", "looks": "number"}


def prune(sql: Sql, *, now: float, sample_bytes: int) -> int:
    """Delete a part of it; how many rows went."""
    over = int(now) - KEPT_AFTER_EXPIRY_S
    gone = _delete(sql, "samples", expired_by=int(now))
    if not gone:
        gone = _shrink(sql, sample_bytes)
    for table in ("verdicts", "blobs", "looks"):
        gone += _delete(sql, table, expired_by=over)
    outbox.forget_pruned(sql)
    return gone


def sample_bytes_of(sql: Sql) -> int:
    """Bytes of all samples together."""
    (total,) = sql.execute("SELECT total(length(body)) FROM samples").fetchone()
    return int(total)


def _delete(sql: Sql, table: str, *, expired_by: int) -> int:
    key = _KEYS[table]
    return sql.execute(
        f"DELETE FROM {table} WHERE {key} IN "
        f"(SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT {PRUNED_AT_ONCE})",
        (expired_by,),
    ).rowcount


def _shrink(sql: Sql, most_bytes: int) -> int:
    excess = sample_bytes_of(sql) - most_bytes
    if excess <= 0:
        return 0
    rows = sql.execute(
        f"SELECT rowid, length(body) FROM samples ORDER BY expires_at LIMIT {PRUNED_AT_ONCE}"
    ).fetchall()
    doomed: list[tuple[int]] = []
    for rowid, size in rows:
        if excess <= 0:
            break
        doomed.append((rowid,))
        excess -= size
    sql.executemany("DELETE FROM samples WHERE rowid = ?", doomed)
    return len(doomed)
