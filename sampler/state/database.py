"""SQLite: opened by one process, one transaction at a time, synced when it commits."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sampler.errors import StateFault, StateInUse
from sampler.state.looks import TABLE as LOOKS

FILE: Final = "sampler.sqlite"
LOCK: Final = "sampler.lock"
VERSION: Final = 1
"""Of the tables below; kept in the file itself."""
CACHE_KIB: Final = 8192
"""Pages of the file in memory."""

_TABLES: Final = """
CREATE TABLE intervals (
    node_id TEXT NOT NULL,
    after INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    PRIMARY KEY (node_id, after)
) WITHOUT ROWID;
CREATE TABLE blobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    blob_id BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    label TEXT NOT NULL,
    certificate BLOB,
    seen_at REAL NOT NULL,
    lane INTEGER NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    secret BLOB,
    terms BLOB
);
CREATE INDEX blobs_waiting ON blobs (lane, number) WHERE due_at IS NOT NULL;
CREATE INDEX blobs_expiry ON blobs (expires_at);
CREATE TABLE verdicts (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    blob_id BLOB NOT NULL,
    verdict INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    document BLOB NOT NULL,
    evidence BLOB NOT NULL
);
CREATE INDEX verdicts_blob ON verdicts (blob_id, cursor);
CREATE INDEX verdicts_expiry ON verdicts (expires_at);
CREATE TABLE samples (
    blob_id BLOB NOT NULL,
    unit INTEGER NOT NULL,
    item INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (blob_id, unit, item)
);
CREATE INDEX samples_expiry ON samples (expires_at, length(body));
CREATE TABLE outbox (
    cursor INTEGER PRIMARY KEY,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL
);
"""


class Database:
    """One connection. Not thread-safe: whoever holds it uses it from one thread."""

    def __init__(self, connection: sqlite3.Connection, lock: int | None) -> None:
        self._connection = connection
        self._lock = lock

    @classmethod
    def open(cls, directory: Path) -> Database:
        """The database of a directory, made if it is not there; owned until it is closed.

        Raises StateInUse, StateFault.
        """
        lock = _locked(directory)
        try:
            connection = sqlite3.connect(
                directory / FILE, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            database = cls(connection, lock)
            database._prepare()
        except sqlite3.Error as error:
            os.close(lock)
            raise StateFault(reason=str(error)) from error
        except StateFault:
            connection.close()
            os.close(lock)
            raise
        return database

    @classmethod
    def view(cls, directory: Path) -> Database:
        """The database of a directory, to be read only, whoever owns it. Raises StateFault."""
        path = directory / FILE
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
            database = cls(connection, None)
            database._require_version()
        except sqlite3.Error as error:
            raise StateFault(reason=f"{path}: {error}") from error
        return database

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on disk when this returns. Raises StateFault."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateFault(reason=str(error)) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One read, or several that need not agree. Raises StateFault."""
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise StateFault(reason=str(error)) from error

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with self.transaction() as sql:
                for statement in _TABLES.split(";"):
                    sql.execute(statement)
                sql.execute(f"PRAGMA user_version = {VERSION}")
        # a crash before the commit leaves an empty file, which is prepared anew
        self._require_version()
        for statement in LOOKS.split(";"):
            self._connection.execute(statement)

    def _require_version(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            raise StateFault(reason=f"its version is {version}; this program reads {VERSION}")


def _locked(directory: Path) -> int:
    """A lock that ends with the process, however it ends. Raises StateInUse, StateFault."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateFault(reason=f"{directory}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StateInUse(path=str(directory)) from None
    return descriptor
