"""Fill the disk under a store and see whether it holds. Run by test_store_full_disk.py.

Argument: the mount point of a small tmpfs. Somebody else fills it, once before the store looks
and once behind its back, in the middle of a write.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from store_specimens import EXPIRY, Clock, Notes, columns_of

from da_node.coding import COLUMNS, EncodedBlob, encode
from da_node.coding.kzg import local_prover
from da_node.errors import StoreFull, UnknownBlob
from da_node.retention import HOUR_S
from da_node.store import Store
from da_node.store.database import RocksDatabase

LEFT_BYTES = 256 * 1024
"""What the other one leaves: enough for the beginning of a blob of one row, not for all of it."""


class Neighbour:
    """Somebody else with a file on the same disk."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._file = disk / "ballast"

    def fill(self) -> None:
        room = os.statvfs(self._disk)
        self._file.write_bytes(bytes(room.f_bavail * room.f_frsize - LEFT_BYTES))

    def leave(self) -> None:
        self._file.unlink()


class Overtaken(RocksDatabase):
    """A database whose disk is filled after a write was admitted, when `neighbour` is set."""

    neighbour: Neighbour | None = None

    def make_room(self) -> None:
        super().make_room()
        if self.neighbour is not None:
            self.neighbour.fill()
            self.neighbour = None


def refuses(store: Store, blob: EncodedBlob) -> bool:
    try:
        store.put_blob(blob.header, columns_of(blob), expires_at=EXPIRY)
    except StoreFull:
        return True
    return False


def takes(store: Store, blob: EncodedBlob) -> bool:
    return store.put_blob(blob.header, columns_of(blob), expires_at=EXPIRY).created


def is_whole(store: Store, blob: EncodedBlob) -> bool:
    record = store.record(blob.blob_id)
    columns = [store.read_column(record, index) for index in range(COLUMNS)]
    return all(
        column is not None and column.serialize() == blob.column(index).serialize()
        for index, column in enumerate(columns)
    )


def is_absent(store: Store, blob: EncodedBlob) -> bool:
    try:
        store.record(blob.blob_id)
    except UnknownBlob:
        return True
    return False


def require(held: bool, what: str) -> None:
    if not held:
        sys.exit(f"not so: {what}")


def main(disk: Path) -> None:
    first, second, third = (encode(os.urandom(4096 * 31), local_prover()) for _ in range(3))
    neighbour, notes = Neighbour(disk), Notes()
    database = Overtaken(disk / "store")
    store = Store(database, clock=Clock(), headroom_bytes=0, observer=notes)
    require(takes(store, first), "an empty disk takes a blob")

    neighbour.fill()
    require(refuses(store, second), "a full disk is seen before the write")
    require(is_whole(store, first) and is_absent(store, second), "nothing is half there")
    neighbour.leave()
    require(takes(store, second), "there is room again")
    require(notes.reopenings == 0, "the database has not failed")

    database.neighbour = neighbour
    require(refuses(store, third), "a disk that fills during the write refuses the blob")
    require(refuses(store, third), "as long as it is full")
    require(is_whole(store, first) and is_whole(store, second), "reads go on")
    require(is_absent(store, third), "nothing is half there")
    neighbour.leave()
    require(takes(store, third), "without a restart the store takes blobs again")
    require(notes.reopenings == 1, "the database was opened again")
    store.close()

    store = Store.open(disk / "store", clock=Clock(), headroom_bytes=0)
    require(all(is_whole(store, blob) for blob in (first, second, third)), "all is kept")
    require(store.prune(EXPIRY + 2 * HOUR_S).blobs == 3, "all is pruned")
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
