"""Writing an archive: the content goes to the file first, then each stripe gets its parity.

Both passes hold a few megabytes, whatever the length of the archive; the second reads back what
the first has just written.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from da_node.archive.disk import SectorFile, replaced
from da_node.archive.entry import ArchiveEntry, EntrySummary
from da_node.archive.errors import BadArchive
from da_node.archive.layout import (
    ARCHIVE_ID_BYTES,
    BODY,
    BODY_BYTES,
    SECTOR_BYTES,
    Layout,
    seal,
)
from da_node.archive.reed_solomon import parity_of
from da_node.archive.survey import PIECE_SECTORS, UNWATCHED, Progress

_PIECE_STRIPES: Final = 16
"""Stripes that get their parity at once: at most 255 × 16 sectors, 17 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSummary:
    """What an archive file holds."""

    path: Path
    layout: Layout
    """Its shape: how long it is, and how much of it may be lost."""

    entries: tuple[EntrySummary, ...]
    """Its blobs in the order in which they were written."""


def write_archive(
    path: Path, entries: Iterable[ArchiveEntry], *, progress: Progress = UNWATCHED
) -> ArchiveSummary:
    """Write an archive of one blob or more. Durable when it returns; a file that was at `path`
    before is replaced in one step, and stays if anything fails, `entries` included.

    Entries are taken one at a time and not kept. `progress` sees the second pass.
    Raises ArchiveFault, and BadArchive if there are no entries.
    """
    with replaced(path) as file:
        content = _ContentWriter(file)
        summaries = []
        for entry in entries:
            for piece in entry.serialize():
                content.write(piece)
            summaries.append(entry.summary)
        if not summaries:
            raise BadArchive(path=str(path), reason="an archive holds at least one blob")
        layout = Layout(
            archive_id=secrets.token_bytes(ARCHIVE_ID_BYTES), content_bytes=content.finish()
        )
        _protect(file, layout, progress)
    return ArchiveSummary(path=path, layout=layout, entries=tuple(summaries))


class _ContentWriter:
    """Lays content into the bodies of sectors that have no tags yet."""

    def __init__(self, file: SectorFile) -> None:
        self._file = file
        self._content = np.zeros(PIECE_SECTORS * BODY_BYTES, np.uint8)
        self._filled = 0
        self._sectors_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append content."""
        rest = np.frombuffer(data, np.uint8)
        while rest.size:
            taken = rest[: self._content.size - self._filled]
            self._content[self._filled : self._filled + taken.size] = taken
            self._filled += taken.size
            rest = rest[taken.size :]
            if self._filled == self._content.size:
                self._flush()

    def finish(self) -> int:
        """Write what is left, padded with zeros; the content's length."""
        content_bytes = self._sectors_written * BODY_BYTES + self._filled
        self._flush()
        return content_bytes

    def _flush(self) -> None:
        self._content[self._filled :] = 0
        count = -(-self._filled // BODY_BYTES)
        sectors = np.zeros((count, SECTOR_BYTES), np.uint8)
        sectors[:, BODY] = self._content[: count * BODY_BYTES].reshape(count, BODY_BYTES)
        self._file.write(self._sectors_written, sectors)
        self._sectors_written += count
        self._filled = 0


def _protect(file: SectorFile, layout: Layout, progress: Progress) -> None:
    """Give every stripe its parity and every sector its tag and digest."""
    progress.expect(layout.file_bytes)
    rows, data_rows, stripes = layout.rows, layout.data_rows, layout.stripes
    for first in range(0, stripes, _PIECE_STRIPES):
        width = min(_PIECE_STRIPES, stripes - first)
        piece = np.empty((rows, width, SECTOR_BYTES), np.uint8)
        for row in range(data_rows):
            piece[row] = file.read(row * stripes + first, width)  # zeros past the content's end
        for stripe in range(width):
            piece[data_rows:, stripe, BODY] = parity_of(piece[:data_rows, stripe, BODY])
        positions = np.arange(rows)[:, None] * stripes + first + np.arange(width)
        seal(piece.reshape(-1, SECTOR_BYTES), layout, positions.reshape(-1))
        for row in range(rows):
            file.write(row * stripes + first, piece[row])
        progress.advance(piece.nbytes)
