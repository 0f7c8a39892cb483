"""One process for one key: whoever signs with a keystore's key holds its file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from committee.errors import KeyInUse


@contextmanager
def holding(keystore: Path) -> Iterator[None]:
    """No other process holds the keystore meanwhile; that does not wait for it.

    The lock is the kernel's and goes with the process, however that ends. A copy of the file is
    another file. Raises KeyInUse, OSError.
    """
    descriptor = os.open(keystore, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeyInUse(what=str(keystore)) from None
        yield
    finally:
        os.close(descriptor)
