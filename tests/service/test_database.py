"""One process's database: all or nothing, durable, brought on from any version."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from da_node.errors import StoreFault, StoreInUse
from da_node.service.database import Database, Schema

SCHEMA = Schema(
    name="things",
    steps=(
        "CREATE TABLE things (number INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 0; "
        "CREATE INDEX things_size ON things (size)",
        "CREATE TABLE parts (thing INTEGER NOT NULL REFERENCES things (number))",
    ),
    fault=lambda reason: StoreFault(reason=reason),
    in_use=lambda directory: StoreInUse(path=directory),
)


def of_version(version: int) -> Schema:
    return replace(SCHEMA, steps=SCHEMA.steps[:version])


def put(database: Database, name: str, *, is_durable: bool = True) -> None:
    with database.transaction(is_durable=is_durable) as sql:
        sql.execute("INSERT INTO things (name) VALUES (?)", (name,))


def names(database: Database) -> list[str]:
    with database.reading() as sql:
        return [name for (name,) in sql.execute("SELECT name FROM things ORDER BY number")]


def pragma(database: Database, name: str) -> Any:
    with database.reading() as sql:
        return sql.execute(f"PRAGMA {name}").fetchone()[0]


def tables(database: Database) -> list[tuple[Any, ...]]:
    with database.reading() as sql:
        return sql.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_what_is_committed_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "new" / "directory", SCHEMA)
    put(database, "one")
    put(database, "two", is_durable=False)
    database.close()
    database.close()
    again = Database.open(tmp_path / "new" / "directory", SCHEMA)
    assert names(again) == ["one", "two"]
    again.close()
    assert sorted(path.name for path in (tmp_path / "new" / "directory").iterdir()) == [
        "things.lock",
        "things.sqlite",
    ]


def test_one_owns_it_and_others_may_look_and_not_write(tmp_path: Path) -> None:
    database = Database.open(tmp_path, SCHEMA)
    with pytest.raises(StoreInUse) as caught:
        Database.open(tmp_path, SCHEMA)
    assert caught.value.path == str(tmp_path)
    put(database, "one")
    view = Database.view(tmp_path, SCHEMA)
    assert names(view) == ["one"]
    with pytest.raises(StoreFault, match="readonly"):
        put(view, "two")
    view.close()
    put(database, "two")  # whoever looked took no lock
    database.close()
    Database.open(tmp_path, SCHEMA).close()


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    database = Database.open(tmp_path, SCHEMA)

    def put_and_fail(statement: str | None) -> None:
        with database.transaction() as sql:
            sql.execute("INSERT INTO things (name) VALUES ('lost')")
            if statement is None:
                raise ZeroDivisionError
            sql.execute(statement)

    with pytest.raises(ZeroDivisionError):
        put_and_fail(None)
    with pytest.raises(StoreFault, match="NOT NULL"):
        put_and_fail("INSERT INTO things (name) VALUES (NULL)")
    with pytest.raises(StoreFault, match="FOREIGN KEY"):
        put_and_fail("INSERT INTO parts VALUES (7)")
    put(database, "kept")
    assert names(database) == ["kept"]
    database.close()


@pytest.mark.parametrize("fails", [False, True])
def test_a_commit_waits_for_the_disk_unless_it_need_not(tmp_path: Path, fails: bool) -> None:
    database = Database.open(tmp_path, SCHEMA)
    assert pragma(database, "journal_mode") == "wal"
    seen = []
    for is_durable in (True, False, True):
        try:
            with database.transaction(is_durable=is_durable) as sql:
                seen.append(sql.execute("PRAGMA synchronous").fetchone()[0])
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert pragma(database, "synchronous") == 2  # FULL, between two as well
    assert seen == [2, 1, 2]  # NORMAL: the log is written, and not synced
    database.close()


@pytest.mark.parametrize("version", range(len(SCHEMA.steps)))
def test_an_old_one_is_brought_on_to_the_tables_of_a_new_one(tmp_path: Path, version: int) -> None:
    new = Database.open(tmp_path / "new", SCHEMA)
    old = Database.open(tmp_path / "old", of_version(version))
    if version:
        put(old, "before")
    old.close()
    if version:
        with pytest.raises(StoreFault, match=f"its version is {version}; this program reads 3"):
            Database.view(tmp_path / "old", SCHEMA)
    brought_on = Database.open(tmp_path / "old", SCHEMA)
    assert tables(brought_on) == tables(new)
    assert names(brought_on) == (["before"] if version else [])
    brought_on.close()
    new.close()


def test_one_that_cannot_be_brought_on_stays_as_it_was(tmp_path: Path) -> None:
    Database.open(tmp_path, of_version(1)).close()
    wrong = replace(SCHEMA, steps=(*SCHEMA.steps[:2], "CREATE TABLE things (number INTEGER)"))
    with pytest.raises(StoreFault, match="already exists"):
        Database.open(tmp_path, wrong)
    database = Database.open(tmp_path, of_version(1))  # of which nothing is left, the lock included
    assert pragma(database, "user_version") == 1
    database.close()


@pytest.mark.parametrize("version", [4, -1])
def test_one_of_a_version_to_come_is_refused(tmp_path: Path, version: int) -> None:
    Database.open(tmp_path, SCHEMA).close()
    other = sqlite3.connect(tmp_path / SCHEMA.file)
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    for way in (Database.open, Database.view):
        with pytest.raises(StoreFault, match=f"its version is {version}; this program reads 3"):
            way(tmp_path, SCHEMA)


def test_what_is_no_database_or_no_directory_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / SCHEMA.file).write_bytes(b"not a database" * 100)
    for way in (Database.open, Database.view):
        with pytest.raises(StoreFault, match="not a database"):
            way(tmp_path, SCHEMA)
    with pytest.raises(StoreFault):
        Database.view(tmp_path / "nowhere", SCHEMA)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFault, match="file"):
        Database.open(tmp_path / "file", SCHEMA)
