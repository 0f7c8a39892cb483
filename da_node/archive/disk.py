"""Sectors of a file on a disk: reading past what is lost, and replacing a file as one step.

Every error of the operating system comes out as ArchiveFault.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from da_node.archive.errors import ArchiveFault
from da_node.archive.layout import SECTOR_BYTES
from da_node.archive.reed_solomon import Bytes


class SectorFile:
    """An open file as a sequence of 4096-byte sectors."""

    def __init__(self, descriptor: int, path: Path) -> None:
        """`descriptor` stays the caller's to close; `path` is only for messages."""
        self._descriptor = descriptor
        self.path = path

    @property
    def byte_length(self) -> int:
        """The file's length at this moment."""
        with _faults(self.path):
            return os.fstat(self._descriptor).st_size

    @property
    def mode(self) -> int:
        """The file's permission bits."""
        with _faults(self.path):
            return stat.S_IMODE(os.fstat(self._descriptor).st_mode)

    def read(self, first: int, count: int) -> Bytes:
        """Sectors first … first + count − 1, shape (count, 4096).

        Zeros stand for what lies past the file's end and for sectors that the disk cannot read.
        """
        sectors = np.zeros((count, SECTOR_BYTES), np.uint8)
        try:
            self._fill(sectors, first)
        except OSError as error:
            if error.errno != errno.EIO:
                raise _fault(self.path, error) from error
            if count == 1:
                return np.zeros_like(sectors)
            return np.concatenate([self.read(first + index, 1) for index in range(count)])
        return sectors

    def write(self, first: int, sectors: Bytes) -> None:
        """Write sectors, shape (n, 4096), from sector `first` on. Not durable by itself."""
        view = sectors.reshape(-1).data
        with _faults(self.path):
            written = 0
            while written < len(view):
                written += os.pwrite(
                    self._descriptor, view[written:], first * SECTOR_BYTES + written
                )

    def _fill(self, sectors: Bytes, first: int) -> None:
        view = sectors.reshape(-1).data
        done = 0
        while done < len(view):
            count = os.preadv(self._descriptor, [view[done:]], first * SECTOR_BYTES + done)
            if not count:
                return
            done += count


@contextmanager
def opened(path: Path) -> Iterator[SectorFile]:
    """The file for reading."""
    with _faults(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield SectorFile(descriptor, path)
    finally:
        os.close(descriptor)


@contextmanager
def replaced(path: Path, mode: int = 0o666) -> Iterator[SectorFile]:
    """An empty file that takes the place of `path` when the block ends without an error.

    After a crash at any moment `path` is what it was, or the complete new file; a crash before the
    rename can leave a hidden `.holdfast-*.partial` beside it, which nothing reads. After an error
    nothing is left. `mode` is subject to the umask.
    """
    target = path.resolve()
    partial = target.with_name(f".holdfast-{secrets.token_hex(8)}.partial")
    with _faults(path):
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        yield SectorFile(descriptor, path)
        with _faults(path):
            os.fsync(descriptor)  # a crash from here on leaves a complete .partial
            partial.replace(target)  # from here on the new file, once the directory is synced
            _sync_directory(target.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _fault(path, error) from error


def _fault(path: Path, error: OSError) -> ArchiveFault:
    return ArchiveFault(path=str(path), reason=error.strerror or str(error))
