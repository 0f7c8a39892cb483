"""Blobs encoded once, a clock that is handed in, and stores on disks of both kinds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk
from store_specimens import Clock, Notes

from da_node.coding import EncodedBlob, encode
from da_node.coding.kzg import local_prover
from da_node.store import Store


@pytest.fixture(scope="session")
def blobs() -> list[EncodedBlob]:
    """Four blobs of one row: columns of 2 KiB, the smallest there are."""
    return [encode(os.urandom(4096 * 31), local_prover()) for _ in range(4)]


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
