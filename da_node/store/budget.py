"""How much may be stored: a budget of bytes reserved before each write, and the disk itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from da_node.errors import StoreFull
from da_node.store.database import MEMTABLE_BYTES, WAITING_MEMTABLES
from da_node.store.door import Database
from da_node.store.ledger import Ledger

HEADROOM_BYTES: Final = 2 * (WAITING_MEMTABLES + 1) * MEMTABLE_BYTES
"""Disk kept free beside what is stored: the log at its longest, and once more while it turns
into files. With less, a write that was admitted could fail halfway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How full the store is."""

    blobs: int
    """Blobs with a record, expired ones that are not deleted yet included."""

    bytes_reserved: int
    """What they count against the budget."""

    budget_bytes: int | None
    """The most they may count; None leaves it to the disk."""

    disk_free_bytes: int
    """What the disk has left, the headroom included."""

    free_bytes: int
    """What may still be stored: of the budget, and of the disk without the headroom."""


class Budget:
    """Admits writes. Asked by the writer's thread, so that what it admits is not admitted twice."""

    def __init__(
        self, database: Database, ledger: Ledger, budget_bytes: int | None, headroom_bytes: int
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._budget_bytes = budget_bytes
        self._headroom_bytes = headroom_bytes

    def usage(self) -> Usage:
        total = self._ledger.total
        disk_free_bytes = self._database.free_bytes()
        free_bytes = max(0, disk_free_bytes - self._headroom_bytes)
        if self._budget_bytes is not None:
            free_bytes = max(0, min(free_bytes, self._budget_bytes - total.reserved_bytes))
        return Usage(
            blobs=total.blobs,
            bytes_reserved=total.reserved_bytes,
            budget_bytes=self._budget_bytes,
            disk_free_bytes=disk_free_bytes,
            free_bytes=free_bytes,
        )

    def require(self, needed_bytes: int) -> None:
        """StoreFull if this much more does not fit the budget or the disk."""
        full = self.full(needed_bytes)
        if needed_bytes > full.free_bytes:
            raise full

    def require_room_to_reopen(self) -> None:
        """StoreFull if the disk might not hold what opening the database writes."""
        log_bytes = self._database.log_bytes()
        if self._database.free_bytes() < log_bytes:
            raise self.full(log_bytes)

    def full(self, needed_bytes: int) -> StoreFull:
        """The error that says how much there is."""
        usage = self.usage()
        disk_bytes = usage.bytes_reserved + max(0, usage.disk_free_bytes - self._headroom_bytes)
        budget = usage.budget_bytes
        return StoreFull(
            needed_bytes=needed_bytes,
            free_bytes=usage.free_bytes,
            budget_bytes=disk_bytes if budget is None else min(disk_bytes, budget),
        )
