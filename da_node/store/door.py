"""What the store asks of a database, whichever it is, and what a database answers with.

The contract, for RocksDB (`database.py`) as for the doubles of the tests:

- `write` is atomic: after a crash all of its steps are there or none. Writes are kept in order:
  if one is there, so are all before it. Whatever `sync` has returned for is there.
- A write that raised may or may not be there after the next start; the database takes no more
  of them until `reopen`, reads go on.
- Reads see every write at once, synced or not. Every method may be called from any thread;
  one thread writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from da_node.errors import StoreFault
from da_node.store.layout import KeyRange


class Damaged(StoreFault):
    """A value is there and cannot be read: checksum, parse or medium."""

    # Seen by a person where the database does not open: trying again would not help.
    advice = "files of the database are damaged: restore the directory from a backup"


class DiskFull(StoreFault):
    """The disk had no room in the middle of a write."""


class Put(NamedTuple):
    """Set a key; the value is copied."""

    key: bytes
    value: bytes


class Delete(NamedTuple):
    """Remove a key, if it is there."""

    key: bytes


class DeleteRange(NamedTuple):
    """Remove all keys of a range, in constant time."""

    keys: KeyRange


Step = Put | Delete | DeleteRange


class Database(Protocol):
    """An ordered map from bytes to bytes with a log. Every method may raise StoreFault."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several keys. Damaged if one of them cannot be read."""

    def scan(self, keys: KeyRange, limit: int) -> list[tuple[bytes, bytes]]:
        """The first `limit` keys of a range and their values. Damaged if one cannot be read."""

    def last_key(self, keys: KeyRange) -> bytes | None:
        """The last key of a range."""

    def write(self, steps: Sequence[Step]) -> None:
        """Apply all steps. Not durable before `sync`. DiskFull if that is why it failed."""

    def sync(self) -> None:
        """Return once every write so far survives a loss of power."""

    def make_room(self) -> None:
        """Wait until the next write will not have to: called before bulk is written."""

    def settle(self) -> None:
        """Move everything from the log to its final place, where `bulk_files` has it."""

    def compact(self, keys: KeyRange) -> None:
        """Give back the disk of what was deleted in a range."""

    def bulk_files(self) -> list[Path]:
        """The files that hold large values, newest first."""

    def checkpoint(self, directory: Path) -> None:
        """Make a consistent copy in a directory that does not exist yet."""

    def free_bytes(self) -> int:
        """What the disk has left."""

    def log_bytes(self) -> int:
        """What `reopen` may have to write before it can answer: the log, into its files."""

    def reopen(self) -> None:
        """Start again from what is on disk, after a write has failed."""

    def close(self) -> None:
        """Finish; no method is called afterwards."""
