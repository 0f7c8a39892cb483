"""Which stretches of each node's feed have been read: rows of two tables.

Stretches join once what lies between them has been read, so a feed has a few. One that breaks off
at each event, and gives no pages, or a node that is called otherwise each time, must not fill the
disk: what is forgotten of them is read again. Used inside the transactions of `State`.
"""

from __future__ import annotations

from typing import Final

from da_node.service.database import Sql
from sampler.intervals import Interval, Intervals

MOST_STRETCHES: Final = 256
"""Of one node; beyond it the shortest are forgotten, and never the newest."""
MOST_NODES: Final = 256
"""Whose feeds are remembered, those read of late. Of about 100 bytes a stretch, 7 MB in all."""

NODES: Final = """
CREATE TABLE nodes (
    number INTEGER PRIMARY KEY,
    node_id TEXT NOT NULL UNIQUE
);
INSERT INTO nodes (node_id) SELECT DISTINCT node_id FROM intervals
"""
"""The higher the number, the later its feed was read last."""


def covered(sql: Sql, node_id: str) -> Intervals:
    """What has been read of a node's feed."""
    rows = sql.execute("SELECT after, upto FROM intervals WHERE node_id = ?", (node_id,))
    return Intervals.of(Interval(after, upto) for after, upto in rows)


def add(sql: Sql, node_id: str, read: Interval) -> None:
    """One more was read."""
    before = covered(sql, node_id)
    now = before.adding(read).at_most(MOST_STRETCHES)
    sql.executemany(
        "DELETE FROM intervals WHERE node_id = ? AND after = ?",
        [(node_id, part.after) for part in before.parts if part not in now.parts],
    )
    sql.executemany(
        "INSERT INTO intervals VALUES (?, ?, ?)",
        [(node_id, part.after, part.upto) for part in now.parts if part not in before.parts],
    )
    newest = sql.execute("SELECT node_id FROM nodes ORDER BY number DESC LIMIT 1").fetchone()
    if newest != (node_id,):
        sql.execute("INSERT OR REPLACE INTO nodes (node_id) VALUES (?)", (node_id,))
        _forget_nodes(sql)


def _forget_nodes(sql: Sql) -> None:
    sql.execute(
        "DELETE FROM nodes WHERE number IN "
        "(SELECT number FROM nodes ORDER BY number DESC LIMIT -1 OFFSET ?)",
        (MOST_NODES,),
    )
    sql.execute("DELETE FROM intervals WHERE node_id NOT IN (SELECT node_id FROM nodes)")
