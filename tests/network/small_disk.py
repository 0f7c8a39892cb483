"""A small disk for one member, and what fills it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DISK_BYTES = 768 << 20
"""What a node keeps free for its log, and 256 MiB."""
PIECE_BYTES = 1 << 20


@contextmanager
def small_disk(path: Path) -> Iterator[str | None]:
    """A file system of that size at `path`; yields why there is none where it cannot be mounted."""
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(path)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        yield f"a small disk cannot be mounted here: {done.stderr.strip()}"
        return
    try:
        yield None
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def full(directory: Path) -> Iterator[None]:
    """The disk of a directory has no room, or less than a piece."""
    ballast = directory / "ballast"
    try:
        with ballast.open("wb") as file, suppress(OSError):
            for piece in range(DISK_BYTES // PIECE_BYTES):
                os.posix_fallocate(file.fileno(), piece * PIECE_BYTES, PIECE_BYTES)
        room = os.statvfs(directory)
        assert room.f_bavail * room.f_frsize < PIECE_BYTES
        yield
    finally:
        ballast.unlink()
