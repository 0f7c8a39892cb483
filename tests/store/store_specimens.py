"""What the tests of the store speak of: a time, a clock, an observer, some columns."""

from __future__ import annotations

from pathlib import Path

from da_node.coding import COLUMNS, EncodedBlob, VerifiedColumn
from da_node.retention import expires_at_for
from da_node.store import Observer

NOW = 1_767_225_600
"""2026-01-01, a whole hour."""

EXPIRY = expires_at_for(NOW)


class Clock:
    """Says what it was set to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Notes(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.damaged: list[tuple[bytes, int]] = []
        self.commits: list[int] = []
        self.reopenings = 0

    def column_damaged(self, blob_id: bytes, index: int, reason: str) -> None:
        self.damaged.append((blob_id, index))

    def committed(self, jobs: int, written_bytes: int) -> None:
        self.commits.append(jobs)

    def reopened(self) -> None:
        self.reopenings += 1


def columns_of(blob: EncodedBlob, *indices: int) -> list[VerifiedColumn]:
    """Some columns of a blob; all if none is named."""
    return [blob.column(index) for index in indices or range(COLUMNS)]


def flip(path: Path, position: int) -> None:
    """Invert one byte of a file in place."""
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes((byte ^ 0xFF,)))
