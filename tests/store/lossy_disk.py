"""A strict double of the database: what was not synced is lost with the power.

`LossyDisk` is what survives; `LossyDatabase` is a process on it. Every `write` and `sync` is a
durable step, counted on the disk; `fail_at` makes one of them fail, either lost (it did not
happen) or kept (it happened, and nobody was told). After that it takes no write until `reopen`,
which like every new process sees only what survives: all that was synced, and of what was not
the first `torn_after` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from da_node.errors import StoreFault
from da_node.store.door import Delete, Put, Step
from da_node.store.layout import KeyRange


class LossyDisk:
    def __init__(self) -> None:
        self.synced: dict[bytes, bytes] = {}
        self.unsynced: list[tuple[Step, ...]] = []
        self.steps = 0
        self.fail_at: int | None = None
        self.keep_failed = False
        self.torn_after = 0
        self.free_bytes = 1 << 40
        self.log_bytes = 0
        self.read_bytes = 0

    def lose_power(self) -> None:
        """Keep what was synced, and the first writes of what was not."""
        self.unsynced = self.unsynced[: self.torn_after]
        self.sync()

    def sync(self) -> None:
        for steps in self.unsynced:
            apply(self.synced, steps)
        self.unsynced = []

    def fails_now(self) -> bool:
        """Count a durable step; whether it is the one to fail."""
        self.steps += 1
        return self.steps == self.fail_at


class LossyDatabase:
    """Implements `door.Database`."""

    def __init__(self, disk: LossyDisk) -> None:
        self.disk = disk
        self.reopen()

    def reopen(self) -> None:
        self.disk.lose_power()
        self.seen = dict(self.disk.synced)
        self.refusing = False

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        values = [self.seen.get(key) for key in keys]
        self.disk.read_bytes += sum(len(value) for value in values if value is not None)
        return values

    def scan(self, keys: KeyRange, limit: int) -> list[tuple[bytes, bytes]]:
        within = sorted(key for key in list(self.seen) if keys.start <= key < keys.stop)
        return [(key, self.seen[key]) for key in within[:limit]]

    def last_key(self, keys: KeyRange) -> bytes | None:
        return max((key for key in self.seen if keys.start <= key < keys.stop), default=None)

    def write(self, steps: Sequence[Step]) -> None:
        self._require_working()
        failing = self.disk.fails_now()
        if not failing or self.disk.keep_failed:
            self.disk.unsynced.append(tuple(steps))
            apply(self.seen, steps)
        if failing:
            self._fail("write")

    def sync(self) -> None:
        self._require_working()
        failing = self.disk.fails_now()
        if not failing or self.disk.keep_failed:
            self.disk.sync()
        if failing:
            self._fail("sync")

    def make_room(self) -> None:
        pass

    def settle(self) -> None:
        pass

    def compact(self, keys: KeyRange) -> None:
        pass

    def bulk_files(self) -> list[Path]:
        return []

    def checkpoint(self, directory: Path) -> None:
        raise StoreFault(reason="a double has no files")

    def free_bytes(self) -> int:
        return self.disk.free_bytes

    def log_bytes(self) -> int:
        return self.disk.log_bytes

    def close(self) -> None:
        pass

    def _fail(self, what: str) -> None:
        self.refusing = True
        raise StoreFault(reason=f"injected: {what} {self.disk.steps}")

    def _require_working(self) -> None:
        if self.refusing:
            raise StoreFault(reason="a write has failed before")


class NeverSyncing(LossyDatabase):
    """The variant that the tests must catch: it acknowledges without a sync."""

    def sync(self) -> None:
        self._require_working()
        if self.disk.fails_now():
            self._fail("sync")


def apply(contents: dict[bytes, bytes], steps: Sequence[Step]) -> None:
    for step in steps:
        if isinstance(step, Put):
            contents[step.key] = step.value
        elif isinstance(step, Delete):
            contents.pop(step.key, None)
        else:
            for key in [key for key in contents if step.keys.start <= key < step.keys.stop]:
                del contents[key]
