"""RocksDB behind its door, and the contract that it shares with the double of the tests."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk
from store_specimens import flip

import da_node
from da_node.errors import StoreFault, StoreInUse
from da_node.store.database import RocksDatabase
from da_node.store.door import Damaged, Database, Delete, DeleteRange, Put
from da_node.store.layout import KeyRange

EVERYTHING = KeyRange(b"", b"\xff")


@pytest.fixture(params=["rocks", "double"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = (
        RocksDatabase(tmp_path / "db") if request.param == "rocks" else LossyDatabase(LossyDisk())
    )
    yield made
    made.close()


def test_steps_of_a_write_apply_in_order(database: Database) -> None:
    database.write([Put(b"a", b"1"), Put(b"b", b"2"), Put(b"c", b"3"), Put(b"d", b"")])
    database.write([DeleteRange(KeyRange(b"a", b"c")), Put(b"a", b"4"), Delete(b"c")])
    assert database.get_many([b"a", b"b", b"c", b"d"]) == [b"4", None, None, b""]


def test_scans_are_ordered_bounded_and_limited(database: Database) -> None:
    database.write([Put(bytes((key,)), b"x" * key) for key in (5, 3, 4, 1, 2)])
    assert [key for key, _ in database.scan(KeyRange(b"\x02", b"\x05"), 10)] == [
        b"\x02",
        b"\x03",
        b"\x04",
    ]
    assert database.scan(EVERYTHING, 2) == [(b"\x01", b"x"), (b"\x02", b"xx")]
    assert database.scan(KeyRange(b"\x06", b"\x07"), 2) == []


def test_the_last_key_of_a_range_is_before_its_end(database: Database) -> None:
    database.write([Put(b"a", b""), Put(b"c", b"")])
    assert database.last_key(KeyRange(b"a", b"c")) == b"a"
    assert database.last_key(KeyRange(b"a", b"d")) == b"c"
    assert database.last_key(KeyRange(b"b", b"c")) is None
    assert database.last_key(KeyRange(b"d", b"e")) is None


def test_what_was_synced_is_there_after_reopening(database: Database) -> None:
    database.write([Put(b"a", b"1"), Put(b"bulk", bytes(5000))])
    database.sync()
    database.reopen()
    assert database.get_many([b"a", b"bulk"]) == [b"1", bytes(5000)]


def test_there_is_one_door_to_rocksdict() -> None:
    root = Path(da_node.__file__).parent
    doors = [path.relative_to(root) for path in root.rglob("*.py") if _imports(path, "rocksdict")]
    assert doors == [Path("store/database.py")]


def test_a_second_open_says_that_the_directory_is_in_use(tmp_path: Path) -> None:
    database = RocksDatabase(tmp_path / "db")
    with pytest.raises(StoreInUse, match="in use by another process"):
        RocksDatabase(tmp_path / "db")
    asking = (
        "import sys; from pathlib import Path; from da_node.store.database import RocksDatabase\n"
        "from da_node.errors import StoreInUse\n"
        "try: RocksDatabase(Path(sys.argv[1]))\n"
        "except StoreInUse: sys.exit(7)\n"
    )
    answer = subprocess.run([sys.executable, "-c", asking, str(tmp_path / "db")], check=False)
    assert answer.returncode == 7
    database.close()
    RocksDatabase(tmp_path / "db").close()


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    database = RocksDatabase(tmp_path / "db")
    database.close()
    database.close()
    for act in (lambda: database.get_many([b"a"]), lambda: database.write([]), database.sync):
        with pytest.raises(StoreFault, match="closed"):
            act()


def test_a_directory_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFault):
        RocksDatabase(tmp_path / "file" / "db")


def test_a_checkpoint_holds_what_was_written_and_needs_a_new_directory(tmp_path: Path) -> None:
    database = RocksDatabase(tmp_path / "db")
    database.write([Put(b"a", b"1")])
    database.checkpoint(tmp_path / "copy")
    database.write([Put(b"a", b"2")])
    with pytest.raises(StoreFault):
        database.checkpoint(tmp_path / "copy")
    database.close()
    copy = RocksDatabase(tmp_path / "copy")
    assert copy.get_many([b"a"]) == [b"1"]
    copy.close()


def test_room_is_made_by_moving_what_waits_into_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = RocksDatabase(tmp_path)
    database.write([Put(b"a", bytes(5000))])
    database.make_room()
    assert database.bulk_files() == []
    monkeypatch.setattr("da_node.store.database.WAITING_MEMTABLES", 0)
    database.make_room()
    assert len(database.bulk_files()) == 1
    database.close()


class TestLog:
    """A log as a crash leaves it, made by copying the files of an open database."""

    @pytest.fixture
    def crashed(self, tmp_path: Path) -> tuple[Path, int]:
        """A copy of a database with ten synced writes, and where in its log the tenth ends."""
        database = RocksDatabase(tmp_path / "db")
        for number in range(10):
            database.write([Put(b"%d" % number, os.urandom(3000))])
        database.sync()
        synced = _log_of(tmp_path / "db").stat().st_size
        database.write([Put(b"unsynced", os.urandom(100_000))])
        shutil.copytree(tmp_path / "db", tmp_path / "copy")
        database.close()
        return tmp_path / "copy", synced

    @pytest.mark.parametrize("beyond", [0, 1, 6, 7, 100, 32_768, 65_000, 99_000])
    def test_a_torn_tail_loses_the_torn_write_only(
        self, crashed: tuple[Path, int], beyond: int
    ) -> None:
        directory, synced = crashed
        os.truncate(_log_of(directory), synced + beyond)
        database = RocksDatabase(directory)
        *values, unsynced = database.get_many([b"%d" % n for n in range(10)] + [b"unsynced"])
        database.close()
        assert all(value is not None for value in values)
        assert unsynced is None

    def test_damage_before_the_tail_is_refused_rather_than_dropped(
        self, crashed: tuple[Path, int]
    ) -> None:
        directory, synced = crashed
        flip(_log_of(directory), synced // 2)
        with pytest.raises(Damaged, match="Corruption"):
            RocksDatabase(directory)


class TestDamage:
    def test_one_damaged_value_does_not_fail_its_neighbours(self, tmp_path: Path) -> None:
        database = RocksDatabase(tmp_path)
        values = {b"a": os.urandom(5000), b"b": os.urandom(5000), b"c": os.urandom(5000)}
        database.write([Put(key, value) for key, value in values.items()])
        database.settle()
        path = database.bulk_files()[0]
        flip(path, path.read_bytes().index(values[b"b"]) + 100)
        assert database.get_many([b"a", b"c"]) == [values[b"a"], values[b"c"]]
        with pytest.raises(Damaged, match="Corruption"):
            database.get_many([b"b"])
        with pytest.raises(Damaged):
            database.scan(EVERYTHING, 10)
        database.write([Put(b"b", b"fresh")])
        assert database.get_many([b"b"]) == [b"fresh"]
        database.close()

    def test_a_lost_file_damages_what_was_in_it(self, tmp_path: Path) -> None:
        database = RocksDatabase(tmp_path)
        database.write([Put(b"a", bytes(5000))])
        database.settle()
        database.bulk_files()[0].unlink()
        with pytest.raises(Damaged):
            database.get_many([b"a"])
        database.write([Put(b"a", b"fresh")])
        assert database.get_many([b"a"]) == [b"fresh"]
        database.close()


def _log_of(directory: Path) -> Path:
    """The newest write-ahead log."""
    return max(directory.glob("*.log"))


def _imports(path: Path, module: str) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(name.name == module for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module)
        for node in ast.walk(ast.parse(path.read_text()))
    )
