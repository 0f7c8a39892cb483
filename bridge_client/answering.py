"""Answering challenges: points and aggregate cells from the DA layer, proofs made here.

The proof of a single point needs the aggregate row, which any 64 verified aggregate cells
determine: one point of each of 64 columns is enough, 1/64 of what reading the blob takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bridge_client.opening import opening_of
from da_node.client import Client, Custody
from da_node.coding import (
    COLUMNS,
    DATA_COLUMNS,
    POINTS_PER_COLUMN,
    Header,
    LocalKzg,
    VerifiedPoint,
)
from da_node.service import HoldfastError, NotEnough, logger

BATCH_COLUMNS: Final = 32
"""Points that one question names: 64 columns of data first, then parity where these do not do."""

_log = logger(__name__)


async def openings(
    client: Client,
    header: Header,
    wanted: Sequence[int],
    kzg: LocalKzg,
    *,
    custody: Custody | None = None,
) -> dict[int, bytes]:
    """The openings of points of a blob, by index.

    `kzg` works in a thread, and holds the interpreter lock for 0.3 s and 35 ms a point: this is for
    a command or a watcher, not for a process that serves. Raises NotEnough, and what reading
    points raises: NotEnoughReached for a wanted point that nobody serves.
    """
    points = await client.points(header, wanted, custody=custody)
    cells = {point.column: point.cell for point in points}
    await _gather(client, header, cells, custody)
    row = await asyncio.to_thread(kzg.recover_row, cells)
    made = {}
    for point in points:
        made[point.index] = await asyncio.to_thread(opening_of, point, row, kzg)
    return made


async def _gather(
    client: Client, header: Header, cells: dict[int, bytes], custody: Custody | None
) -> None:
    """Cells of 64 columns, by one point of each. Data columns first: they need no decoding."""
    reasons: dict[str, str] = {}
    lacking = [column for column in range(COLUMNS) if column not in cells]
    while lacking and len(cells) < DATA_COLUMNS:
        batch = lacking[: max(1, min(BATCH_COLUMNS, DATA_COLUMNS - len(cells)))]
        lacking = lacking[len(batch) :]
        for point in await _some(client, header, batch, custody, reasons):
            cells[point.column] = point.cell
    if len(cells) < DATA_COLUMNS:
        _log.warning("too few columns can be reached", held=len(cells), failures=reasons)
        raise NotEnough(unit="columns", held=len(cells), needed=DATA_COLUMNS)


async def _some(
    client: Client,
    header: Header,
    columns: Sequence[int],
    custody: Custody | None,
    reasons: dict[str, str],
) -> list[VerifiedPoint]:
    """One point of each of these columns, of those that can be had."""
    indices = [column * POINTS_PER_COLUMN for column in columns]
    try:
        return await client.points(header, indices, custody=custody)
    except HoldfastError as error:
        reasons[str(columns[0])] = str(error)
    found = []
    for index in indices if len(indices) > 1 else ():
        found += await _some(client, header, [index // POINTS_PER_COLUMN], custody, reasons)
    return found
