"""SQLite: opened by one process, one transaction at a time, synced when it commits."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge_client.errors import JournalFault, JournalInUse

FILE: Final = "journal.sqlite"
LOCK: Final = "journal.lock"
VERSION: Final = 3
"""Of the tables below; kept in the file itself."""

_TABLES: Final = """
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    genesis BLOB NOT NULL,
    head INTEGER NOT NULL
);
CREATE TABLE intents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT NOT NULL,
    account BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    target BLOB,
    data BLOB NOT NULL,
    value TEXT NOT NULL,
    gas INTEGER NOT NULL,
    state INTEGER NOT NULL,
    block_number INTEGER,
    block_hash BLOB
);
CREATE UNIQUE INDEX intents_purpose ON intents (purpose) WHERE state < 3;
CREATE UNIQUE INDEX intents_nonce ON intents (account, nonce) WHERE state < 4;
CREATE INDEX intents_live ON intents (account, nonce) WHERE state < 2;
CREATE TABLE attempts (
    intent INTEGER NOT NULL REFERENCES intents (number),
    ordinal INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    most_fee TEXT NOT NULL,
    tip TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (intent, ordinal)
) WITHOUT ROWID;
CREATE TABLE read (
    watcher TEXT NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (watcher, number)
) WITHOUT ROWID;
CREATE TABLE sightings (
    watcher TEXT NOT NULL,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (watcher, number, place)
) WITHOUT ROWID;
"""
_UPGRADES: Final = {
    1: """
ALTER TABLE intents ADD COLUMN hashes BLOB NOT NULL DEFAULT x'';
ALTER TABLE attempts ADD COLUMN blob_fee TEXT NOT NULL DEFAULT '0';
CREATE TABLE sidecars (
    intent INTEGER PRIMARY KEY REFERENCES intents (number),
    bytes BLOB NOT NULL
)""",
    2: """
ALTER TABLE attempts ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;
DROP INDEX intents_nonce;
CREATE UNIQUE INDEX intents_nonce ON intents (account, nonce) WHERE state <> 4""",
}
"""What leads from a version to the next. A new database is made as version 1 and brought on, so
that both ways end in the same tables."""
# A purpose is free again once its transaction failed, or was displaced or cancelled (state 3 to 5);
# a nonce only where it was displaced: then somebody else has used it.


class Database:
    """One connection. Not thread-safe: whoever holds it uses it from one thread."""

    def __init__(self, connection: sqlite3.Connection, lock: int) -> None:
        self._connection = connection
        self._lock: int | None = lock

    @classmethod
    def open(cls, directory: Path) -> Database:
        """The database of a directory, made if it is not there; owned until it is closed.

        Raises JournalInUse, JournalFault.
        """
        lock = _locked(directory)
        try:
            connection = sqlite3.connect(
                directory / FILE, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            os.close(lock)
            raise JournalFault(reason=str(error)) from error
        database = cls(connection, lock)
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on disk when this returns. Raises JournalFault."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalFault(reason=str(error)) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One read, or several that need not agree. Raises JournalFault."""
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise JournalFault(reason=str(error)) from error

    def _prepare(self) -> None:
        with self.reading() as sql:
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
            sql.execute("PRAGMA foreign_keys = ON")
            (version,) = sql.execute("PRAGMA user_version").fetchone()
        if not 0 <= version <= VERSION:
            raise JournalFault(reason=f"its version is {version}; this program reads {VERSION}")
        if version == VERSION:
            return
        with self.transaction() as sql:
            for step in range(version, VERSION):
                for statement in (_UPGRADES[step] if step else _TABLES).split(";"):
                    sql.execute(statement)
            sql.execute(f"PRAGMA user_version = {VERSION}")
        # a crash before the commit leaves the file as it was, which is prepared anew


def _locked(directory: Path) -> int:
    """A lock that ends with the process, however it ends. Raises JournalInUse, JournalFault."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalFault(reason=f"{directory}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise JournalInUse(path=str(directory)) from None
    return descriptor
