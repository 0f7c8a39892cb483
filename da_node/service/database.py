"""The door to SQLite: opened by one process, one transaction at a time, synced when it commits.

What a service must not forget and is small lies in one file of one directory. The tables are their
owner's, who gives them as a `Schema`, and so are the errors.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from da_node.errors import HoldfastError

Sql = sqlite3.Connection
"""What runs statements inside a transaction, or a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Whose database it is, what its tables are, and what its failures are called."""

    name: str
    """Of its files, NAME.sqlite and NAME.lock."""
    steps: tuple[str, ...]
    """Statements, separated by semicolons, that make each version of the tables out of the one
    before; the first out of nothing. A new database is brought on through all of them, so that it
    ends in the same tables as one that is old. The version is how many were made, and stands in the
    file itself.
    """
    fault: Callable[[str], HoldfastError]
    """The error of a disk or a database that failed, by what happened."""
    in_use: Callable[[str], HoldfastError]
    """The error where another process has it open, by the directory."""
    cache_kib: int = 2048
    """Pages of the file in memory."""

    @property
    def file(self) -> str:
        """The database's, in its directory."""
        return f"{self.name}.sqlite"

    @property
    def lock(self) -> str:
        """The lock's, beside it."""
        return f"{self.name}.lock"


class Database:
    """One connection. Not thread-safe: whoever holds it uses it from one thread.

    Its errors are those that the schema names `fault` and `in_use`.
    """

    def __init__(self, schema: Schema, connection: Sql, lock: int | None) -> None:
        self._schema: Final = schema
        self._connection = connection
        self._lock = lock

    @classmethod
    def open(cls, directory: Path, schema: Schema) -> Database:
        """The database of a directory, made if it is not there; owned until it is closed.

        Raises `in_use`, `fault`.
        """
        lock = _locked(directory, schema)
        try:
            connection = sqlite3.connect(
                directory / schema.file, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            os.close(lock)
            raise schema.fault(str(error)) from error
        database = cls(schema, connection, lock)
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def view(cls, directory: Path, schema: Schema) -> Database:
        """The database of a directory, to be read only, whoever owns it. Raises `fault`."""
        path = directory / schema.file
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise schema.fault(f"{path}: {error}") from error
        database = cls(schema, connection, None)
        try:
            version = database._version()
            if version != len(schema.steps):
                raise database._of_another_version(version)
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
    def transaction(self, *, is_durable: bool = True) -> Iterator[Sql]:
        """All or nothing, and on disk when this returns. Raises `fault`.

        One that is not `is_durable` is on disk once the next that is has returned: it outlives the
        process, and a machine that fails before may forget it, whole.
        """
        try:
            if not is_durable:
                self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                yield from self._transaction()
            finally:
                if not is_durable:
                    self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._schema.fault(str(error)) from error

    @contextmanager
    def reading(self) -> Iterator[Sql]:
        """One read, or several that need not agree. Raises `fault`."""
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise self._schema.fault(str(error)) from error

    def _transaction(self) -> Iterator[Sql]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _prepare(self) -> None:
        with self.reading() as sql:
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
            sql.execute("PRAGMA foreign_keys = ON")
            sql.execute(f"PRAGMA cache_size = -{self._schema.cache_kib}")
        version, steps = self._version(), self._schema.steps
        if not 0 <= version <= len(steps):
            raise self._of_another_version(version)
        if version == len(steps):
            return
        with self.transaction() as sql:
            for step in steps[version:]:
                for statement in step.split(";"):
                    sql.execute(statement)
            sql.execute(f"PRAGMA user_version = {len(steps)}")
        # a crash before the commit leaves the file as it was, which is prepared anew

    def _version(self) -> int:
        with self.reading() as sql:
            return int(sql.execute("PRAGMA user_version").fetchone()[0])

    def _of_another_version(self, version: int) -> HoldfastError:
        reads = len(self._schema.steps)
        return self._schema.fault(f"its version is {version}; this program reads {reads}")


def _locked(directory: Path, schema: Schema) -> int:
    """A lock that ends with the process, however it ends. Raises `in_use`, `fault`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / schema.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise schema.fault(f"{directory}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise schema.in_use(str(directory)) from None
    return descriptor
