"""Blobs encoded once, a clock that is handed in, and stores on disks of both kinds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk

from da_node.coding import COLUMNS, EncodedBlob, VerifiedColumn, encode
from da_node.coding.kzg import local_prover
from da_node.retention import expires_at_for
from da_node.store import Observer, Store

NOW = 1_767_225_600
"""2026-01-01, a whole hour."""

EXPIRY = expires_at_for(NOW)


class Clock:
    """Says what it was set to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Notes(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.damaged: list[tuple[bytes, int]] = []
        self.commits: list[int] = []
        self.reopenings = 0

    def column_damaged(self, blob_id: bytes, index: int, reason: str) -> None:
        self.damaged.append((blob_id, index))

    def committed(self, jobs: int, written_bytes: int) -> None:
        self.commits.append(jobs)

    def reopened(self) -> None:
        self.reopenings += 1


def columns_of(blob: EncodedBlob, *indices: int) -> list[VerifiedColumn]:
    """Some columns of a blob; all if none is named."""
    return [blob.column(index) for index in indices or range(COLUMNS)]


@pytest.fixture(scope="session")
def blobs() -> list[EncodedBlob]:
    """Four blobs of one row: columns of 2 KiB, the smallest there are."""
    return [encode(b"blob %d" % number, local_prover()) for number in range(4)]


@pytest.fixture(scope="session")
def tall_blob() -> EncodedBlob:
    """A blob of 40 rows, whose columns lie in two groups of leaves."""
    return encode(os.urandom(40 * 4096 * 31), local_prover())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def disk() -> LossyDisk:
    return LossyDisk()


OpenStore = Callable[..., Store]


@pytest.fixture
def open_store(tmp_path: Path, clock: Clock, notes: Notes) -> Iterator[OpenStore]:
    """Opens the store of this test's directory, any number of times one after another."""
    opened: list[Store] = []

    def open_it(**settings: object) -> Store:
        for store in opened:
            store.close()
        settings = {"headroom_bytes": 0, **settings}
        store = Store.open(tmp_path / "store", clock=clock, observer=notes, **settings)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def lossy_store(disk: LossyDisk, clock: Clock, notes: Notes) -> Iterator[Callable[[], Store]]:
    """Starts a store on the lossy disk, as after a loss of power."""
    started: list[Store] = []

    def start(database: type[LossyDatabase] = LossyDatabase) -> Store:
        store = Store(database(disk), clock=clock, observer=notes, headroom_bytes=0)
        started.append(store)
        return store

    yield start
    for store in started:
        store.close()
