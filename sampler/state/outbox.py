"""What the webhook is to get, in the order of its cursors: rows of one table. Used inside the
transactions of `State`.
"""

from __future__ import annotations

from da_node.service.database import Sql
from sampler.state.records import Delivery


def add(sql: Sql, cursor: int, due_at: float) -> None:
    """One more verdict."""
    sql.execute("INSERT INTO outbox VALUES (?, ?, 0)", (cursor, due_at))


def due(sql: Sql, *, now: float, limit: int) -> list[Delivery]:
    """At most so many, in order; none as long as the first is not due."""
    first = next_due(sql)
    if first is None or first > now:
        return []
    rows = sql.execute(
        "SELECT cursor, document, tries FROM outbox JOIN verdicts USING (cursor) "
        "ORDER BY cursor LIMIT ?",
        (limit,),
    )
    return [
        Delivery(cursor=cursor, document=document, tries=tries) for cursor, document, tries in rows
    ]


def next_due(sql: Sql) -> float | None:
    """When the first of them is due, unix seconds; None if there is none."""
    row = sql.execute("SELECT due_at FROM outbox ORDER BY cursor LIMIT 1").fetchone()
    return None if row is None else float(row[0])


def count(sql: Sql) -> int:
    """How many wait."""
    (waiting,) = sql.execute("SELECT count(*) FROM outbox").fetchone()
    return int(waiting)


def remove(sql: Sql, cursor: int) -> None:
    """It is not to be delivered any more."""
    sql.execute("DELETE FROM outbox WHERE cursor = ?", (cursor,))


def put_off(sql: Sql, cursor: int, due_at: float) -> None:
    """It was not taken."""
    sql.execute(
        "UPDATE outbox SET due_at = ?, tries = tries + 1 WHERE cursor = ?", (due_at, cursor)
    )


def forget_oldest(sql: Sql, most: int) -> int:
    """Keep the newest, so many at most; how many were forgotten."""
    return sql.execute(
        "DELETE FROM outbox WHERE cursor <= "
        "(SELECT cursor FROM outbox ORDER BY cursor DESC LIMIT 1 OFFSET ?)",
        (most,),
    ).rowcount


def forget_pruned(sql: Sql) -> None:
    """Those whose verdicts are gone."""
    sql.execute("DELETE FROM outbox WHERE cursor NOT IN (SELECT cursor FROM verdicts)")
