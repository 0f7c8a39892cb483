"""Files of keys and keysets: written whole, never over another one, read with a bound."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from committee.errors import BadDocument


def create_file(path: Path, data: bytes, mode: int) -> None:
    """Write a new file with these permission bits (umask applies). Durable when this returns.

    After a crash at any moment `path` is absent or complete; a crash can leave a hidden
    `.holdfast-*.partial` of the same permissions beside it. Raises FileExistsError where `path` is
    there already, and OSError where the disk refuses; then nothing is left.
    """
    target = path.resolve()
    partial = target.with_name(f".holdfast-{secrets.token_hex(8)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)  # a crash from here on leaves a complete .partial
        target.hardlink_to(partial)  # unlike a rename this never replaces a key
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST, "is there already and is not replaced", str(path)
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    _sync_directory(target.parent)


def read_file(path: Path, bound_bytes: int) -> bytes:
    """All of a file of at most `bound_bytes`. Raises BadDocument where it is longer, OSError."""
    with path.open("rb") as stream:
        data = stream.read(bound_bytes + 1)
    if len(data) > bound_bytes:
        raise BadDocument(source=str(path), reason=f"it is longer than {bound_bytes} bytes")
    return data


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
