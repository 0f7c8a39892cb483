"""The format version: older stores are brought up to date, resumably; newer ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk
from store_specimens import Clock

from da_node.errors import StoreFault, UnsupportedVersion
from da_node.store import Store
from da_node.store.database import RocksDatabase
from da_node.store.door import Database, Put
from da_node.store.layout import FORMAT_KEY, FORMAT_VERSION
from da_node.store.migration import MIGRATIONS, bring_up_to_date
from da_node.store.records import number_value, parse_number


def version_of(database: Database) -> int:
    value = database.get_many([FORMAT_KEY])[0]
    assert value is not None
    return parse_number(value)


def appending(letter: bytes) -> Callable[[Database], None]:
    """A step that can run on its own half-done work: one key, then another."""

    def step(database: Database) -> None:
        database.write([Put(b"x" + letter, b"")])
        database.write([Put(b"y" + letter, b"")])

    return step


STEPS = {1: appending(b"1"), 2: appending(b"2")}


def test_there_is_a_step_from_every_older_version() -> None:
    assert sorted(MIGRATIONS) == list(range(1, FORMAT_VERSION))


def test_a_new_store_gets_the_present_version_and_no_step() -> None:
    database = LossyDatabase(LossyDisk())
    bring_up_to_date(database, version=3, migrations=STEPS)
    database.reopen()
    assert version_of(database) == 3
    assert database.get_many([b"x1", b"x2"]) == [None, None]


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_an_interrupted_migration_is_resumed(keep_failed: bool) -> None:
    for fail_at in range(1, 9):
        disk = LossyDisk()
        disk.synced = {FORMAT_KEY: number_value(1)}
        disk.fail_at, disk.keep_failed = fail_at, keep_failed
        with pytest.raises(StoreFault):
            bring_up_to_date(LossyDatabase(disk), version=3, migrations=STEPS)
        bring_up_to_date(LossyDatabase(disk), version=3, migrations=STEPS)
        database = LossyDatabase(disk)
        assert version_of(database) == 3
        assert None not in database.get_many([b"x1", b"y1", b"x2", b"y2"])


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    database = RocksDatabase(tmp_path)
    database.write([Put(FORMAT_KEY, number_value(FORMAT_VERSION + 1))])
    database.close()
    for _ in range(2):
        with pytest.raises(UnsupportedVersion, match="the store has version 3"):
            Store.open(tmp_path, clock=Clock())
    database = RocksDatabase(tmp_path)
    assert version_of(database) == FORMAT_VERSION + 1
    database.close()
