"""RocksDB behind the store's door. The only module that imports `rocksdict`.

What this module knows of the library (rocksdict 0.3, RocksDB 9):

- `write` holds the interpreter lock, so nothing long goes through it: the caller cuts bulk into
  batches and calls `make_room` first, which waits without the lock where RocksDB would stall
  with it. `flush_wal`, `flush`, `compact_range`, `close` and multi-get release the lock; every
  read here is therefore a multi-get.
- One column family has one log in the order of the writes. Recovery tolerates a torn tail, which
  is a write that was never acknowledged, and refuses damage in the middle of the log rather than
  dropping what comes after it.
- Bulk values lie in blob files, uncompressed. They are collected only as whole files: a file's
  values were written within a short time, so they expire within a short time.
- A failed write leaves RocksDB read-only until it is opened again.
- Iterators read blob values eagerly and swallow errors unless `status` is asked.
- A failed operation is a bare `Exception` with RocksDB's status as its text.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import rocksdict

from da_node.errors import StoreFault, StoreInUse
from da_node.store.door import Damaged, Delete, DiskFull, Put, Step
from da_node.store.layout import KeyRange

MEMTABLE_BYTES: Final = 64 * 1024 * 1024
"""Also the size of a blob file: 1 MB/s of payload makes about 50,000 of them in 18.2 days."""

WAITING_MEMTABLES: Final = 3
"""`make_room` waits from here on. With the active one that bounds memory and log to 256 MiB."""

MOST_MEMTABLES: Final = 8
"""RocksDB delays writes one below this number; `make_room` keeps well away from it."""

SMALLEST_BLOB_BYTES: Final = 1024
"""Records stay below it and out of blob files, pieces of columns above it."""

OPEN_FILES: Final = 512
"""File handles that RocksDB keeps, below the customary limit of 1024 of a process."""

SYNC_EVERY_BYTES: Final = 1024 * 1024
"""Background files go to the disk evenly, so that a log's sync does not queue behind them."""

INFO_LOG_BYTES: Final = 8 * 1024 * 1024


class RocksDatabase:
    """A RocksDB directory. Implements `door.Database`."""

    def __init__(self, directory: Path) -> None:
        """Open, or create. StoreInUse if a process has it open; StoreFault; Damaged."""
        self._directory = directory
        self._gate = _Gate()
        with _translated(directory):
            directory.mkdir(parents=True, exist_ok=True)
        self._db: rocksdict.Rdict | None = self._open()

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with self._using() as db, _reading(self._directory):
            values: Any = db.get(list(keys))
            return list(values)

    def scan(self, keys: KeyRange, limit: int) -> list[tuple[bytes, bytes]]:
        with self._using() as db, _reading(self._directory):
            options = rocksdict.ReadOptions()
            options.set_iterate_upper_bound(keys.stop)
            cursor = db.iter(options)
            cursor.seek(keys.start)
            found: list[tuple[bytes, bytes]] = []
            while len(found) < limit and cursor.valid():
                found.append((cursor.key(), cursor.value()))
                cursor.next()
            cursor.status()
            return found

    def last_key(self, keys: KeyRange) -> bytes | None:
        with self._using() as db, _reading(self._directory):
            cursor = db.iter()
            cursor.seek_for_prev(keys.stop)
            if cursor.valid() and cursor.key() == keys.stop:
                cursor.prev()
            cursor.status()
            if not cursor.valid() or cursor.key() < keys.start:
                return None
            key: bytes = cursor.key()
            return key

    def write(self, steps: Sequence[Step]) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for step in steps:
            if isinstance(step, Put):
                batch.put(step.key, step.value)
            elif isinstance(step, Delete):
                batch.delete(step.key)
            else:
                batch.delete_range(step.keys.start, step.keys.stop)
        with self._using() as db, _translated(self._directory):
            db.write(batch)

    def sync(self) -> None:
        with self._using() as db, _translated(self._directory):
            db.flush_wal(True)

    def make_room(self) -> None:
        with self._using() as db, _translated(self._directory):
            waiting = db.property_int_value("rocksdb.num-immutable-mem-table") or 0
            if waiting >= WAITING_MEMTABLES:
                db.flush(True)

    def settle(self) -> None:
        with self._using() as db, _translated(self._directory):
            db.flush(True)

    def compact(self, keys: KeyRange) -> None:
        with self._using() as db, _translated(self._directory):
            db.compact_range(keys.start, keys.stop)

    def bulk_files(self) -> list[Path]:
        with _translated(self._directory):
            return sorted(self._directory.glob("*.blob"), reverse=True)

    def checkpoint(self, directory: Path) -> None:
        with self._using() as db, _translated(directory):
            # The checkpoint flushes too, but with the interpreter lock held.
            db.flush(True)
            rocksdict.Checkpoint(db).create_checkpoint(str(directory))

    def free_bytes(self) -> int:
        with _translated(self._directory):
            disk = os.statvfs(self._directory)
        return disk.f_bavail * disk.f_frsize

    def log_bytes(self) -> int:
        with _translated(self._directory):
            return sum(path.stat().st_size for path in self._directory.glob("*.log"))

    def reopen(self) -> None:
        with self._gate.alone():
            self._close()
            self._db = self._open()

    def close(self) -> None:
        with self._gate.alone():
            self._close()

    def _open(self) -> rocksdict.Rdict:
        with _translated(self._directory):
            return rocksdict.Rdict(str(self._directory), options=_options())

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is None:
            return
        # Closing also moves the log into files. If the disk has no room for that, nothing is
        # lost: whatever was acknowledged is synced in the log, and the next open finds it there.
        with suppress(StoreFault), _translated(self._directory):
            db.close()

    @contextmanager
    def _using(self) -> Iterator[rocksdict.Rdict]:
        """The open database, which stays open inside."""
        with self._gate.together():
            if self._db is None:
                raise StoreFault(reason="the database is closed")
            yield self._db


def _options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    # Damage in the log is an error, not a reason to skip what follows: nothing that was
    # acknowledged may vanish silently. A torn last write is no damage.
    options.set_paranoid_checks(True)
    options.set_wal_recovery_mode(rocksdict.DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_max_write_buffer_number(MOST_MEMTABLES)
    options.set_max_background_jobs(4)
    options.set_max_open_files(OPEN_FILES)
    options.set_bytes_per_sync(SYNC_EVERY_BYTES)
    # Tables hold keys only and are small; no debt of theirs may hold a write up.
    options.set_level_zero_slowdown_writes_trigger(200)
    options.set_level_zero_stop_writes_trigger(400)
    options.set_soft_pending_compaction_bytes_limit(0)
    options.set_hard_pending_compaction_bytes_limit(0)
    options.set_compression_type(rocksdict.DBCompressionType.none())
    options.set_enable_blob_files(True)
    options.set_min_blob_size(SMALLEST_BLOB_BYTES)
    options.set_blob_compression_type(rocksdict.DBCompressionType.none())
    options.set_enable_blob_gc(False)
    options.set_max_log_file_size(INFO_LOG_BYTES)
    options.set_keep_log_file_num(4)
    table = rocksdict.BlockBasedOptions()
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


class _Gate:
    """Many may be in together; one that wants to be alone waits until they are out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            self._changed.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Give the library's and the system's errors their place in our tree."""
    try:
        yield
    except OSError as error:
        raise StoreFault(reason=str(error)) from error
    except Exception as error:
        # The library has no class of its own for a failed operation; another class is our bug.
        if type(error) is not Exception:
            raise
        raise _fault(path, str(error)) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """The same for reads: whatever keeps a value from being read, the value is damaged."""
    try:
        with _translated(path):
            yield
    except Damaged:
        raise
    except StoreFault as error:
        raise Damaged(reason=error.reason) from error


def _fault(path: Path, status: str) -> StoreFault | StoreInUse:
    if "lock hold by current process" in status or "While lock file" in status:
        return StoreInUse(path=str(path))
    if "No space left on device" in status:
        return DiskFull(reason=status)
    if status.startswith("Corruption"):
        return Damaged(reason=status)
    return StoreFault(reason=status)
