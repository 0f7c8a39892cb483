"""Reading and verifying an archive: every sector against its digest, every entry against its own
SHA-256. Nothing is decoded; a damaged file is refused here and mended by `repair`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from da_node.archive.disk import SectorFile, opened
from da_node.archive.entry import ArchiveEntry
from da_node.archive.errors import BadArchive, BadEntry
from da_node.archive.layout import BODY, BODY_BYTES, Layout
from da_node.archive.reed_solomon import Bytes
from da_node.archive.survey import PIECE_SECTORS, UNWATCHED, Progress, survey
from da_node.archive.writing import ArchiveSummary
from da_node.errors import BadData


def read_archive(path: Path, *, progress: Progress = UNWATCHED) -> Iterator[ArchiveEntry]:
    """The archive's entries, one payload in memory at a time.

    The whole file is verified before the first entry comes out. Raises as verify_archive does.
    """
    with opened(path) as file:
        progress.expect(2 * file.byte_length)
        yield from _entries(file, _clean_layout(file, progress), progress)


def verify_archive(path: Path, *, progress: Progress = UNWATCHED) -> ArchiveSummary:
    """What the archive holds, if every byte of the file is as it was written.

    Raises ArchiveFault; BadArchive if the file is no archive or is damaged anywhere, and says
    where it stands; UnsupportedVersion.
    """
    with opened(path) as file:
        progress.expect(2 * file.byte_length)
        return summary_of(file, progress)


def summary_of(file: SectorFile, progress: Progress = UNWATCHED) -> ArchiveSummary:
    """verify_archive of an open file."""
    layout = _clean_layout(file, progress)
    entries = tuple(entry.summary for entry in _entries(file, layout, progress))
    return ArchiveSummary(path=file.path, layout=layout, entries=entries)


def _clean_layout(file: SectorFile, progress: Progress) -> Layout:
    found = survey(file, progress)
    if not found.is_clean:
        raise BadArchive(path=str(file.path), reason=found.complaint)
    return found.layout


def _entries(file: SectorFile, layout: Layout, progress: Progress) -> Iterator[ArchiveEntry]:
    content = _ContentReader(file, layout, progress)
    try:
        while content.left_bytes:
            yield ArchiveEntry.parse(content.take)
    except BadData as error:
        raise BadArchive(path=str(file.path), reason=str(error)) from error


class _ContentReader:
    """The content of an archive from its beginning to its end."""

    def __init__(self, file: SectorFile, layout: Layout, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._piece: Bytes = np.empty(0, np.uint8)
        self._next_sector = 0
        self.left_bytes = layout.content_bytes
        """Content not taken yet."""

    def take(self, count: int) -> bytearray:
        """The next `count` bytes. BadEntry if the content ends before."""
        if count > self.left_bytes:
            raise BadEntry(reason=f"ends {count - self.left_bytes} bytes early")
        self.left_bytes -= count
        taken = bytearray(count)
        rest = np.frombuffer(taken, np.uint8)
        while rest.size:
            if not self._piece.size:
                self._read_on()
            part = self._piece[: rest.size]
            rest[: part.size] = part
            rest = rest[part.size :]
            self._piece = self._piece[part.size :]
        return taken

    def _read_on(self) -> None:
        sectors = self._file.read(self._next_sector, PIECE_SECTORS)
        self._piece = np.ascontiguousarray(sectors[:, BODY]).reshape(PIECE_SECTORS * BODY_BYTES)
        self._next_sector += PIECE_SECTORS
        self._progress.advance(sectors.nbytes)
