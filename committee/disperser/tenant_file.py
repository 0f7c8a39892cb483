"""The tenants' file: read again whenever it has changed, replaced whole, one writer at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from committee.disk import read_file
from committee.disperser.tenants import LONGEST_FILE_BYTES, Tenants
from da_node.service import HoldfastError, logger

OWNER_ONLY = 0o600

_log = logger(__name__)


def read_tenants(path: Path) -> Tenants:
    """The tenants in a file. Raises BadDocument, OSError."""
    return Tenants.parse(read_file(path, LONGEST_FILE_BYTES), source=str(path))


class TenantFile:
    """The tenants as the file has them now. A revoked token is refused from the next request on."""

    def __init__(self, path: Path) -> None:
        """Raises BadDocument, OSError."""
        self._path = path
        self._seen = self._mark()
        self._tenants = read_tenants(path)

    def current(self) -> Tenants:
        """Looks at the file's times, and reads it if they are new; it is small.

        A file that cannot be read or parsed lets nobody in, since it may have held a revocation.
        """
        mark = self._mark()
        if mark != self._seen:
            self._seen = mark
            try:
                self._tenants = read_tenants(self._path)
            except (HoldfastError, OSError) as error:
                _log.error("tenants' file not usable: nobody may post", reason=str(error))
                self._tenants = Tenants()
        return self._tenants

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def change_tenants(path: Path, change: Callable[[Tenants], Tenants]) -> None:
    """Replace the file's tenants by what `change` makes of them; a new file begins with none.

    Durable when this returns; after a crash the file is the old one or the new one. Raises
    BadDocument, OSError, and what `change` does, which leaves the file alone.
    """
    with _locked(path):
        before = read_tenants(path) if path.exists() else Tenants()
        data = change(before).serialize()
        partial = path.with_name(f".{path.name}.partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        # A crash before this line leaves a file that nobody reads.
        partial.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time; the lock is a file beside it, since the file itself is replaced."""
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
