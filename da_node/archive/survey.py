"""Which sectors of an archive file are whole, by hash alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from da_node.archive.disk import SectorFile
from da_node.archive.errors import BadArchive, BadTag
from da_node.archive.layout import SECTOR_BYTES, SHARED_BYTES, Layout, whole
from da_node.archive.reed_solomon import PARITY_ROWS, Bytes

PIECE_SECTORS: Final = 256
"""Sectors handled at once: 1 MiB."""


class Progress(Protocol):
    """Told how far the work on a file has come, in bytes."""

    def expect(self, total: int, /) -> None:
        """So many bytes will be gone through."""

    def advance(self, count: int, /) -> None:
        """So many more bytes are done."""


class Unwatched:
    """Progress that nobody looks at."""

    def expect(self, total: int, /) -> None:
        """Nothing."""

    def advance(self, count: int, /) -> None:
        """Nothing."""


UNWATCHED: Final = Unwatched()


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a file looks like."""

    layout: Layout
    """The shape it was written in."""

    intact: npt.NDArray[np.bool_]
    """Shape (rows, stripes): which sectors are undamaged and in their place."""

    surplus_bytes: int
    """Bytes behind the last sector, which are not the archive's."""

    @property
    def damaged(self) -> int:
        """How many sectors are not intact."""
        return int(np.count_nonzero(~self.intact))

    @property
    def is_clean(self) -> bool:
        """The file is exactly what was written."""
        return not self.damaged and not self.surplus_bytes

    @property
    def complaint(self) -> str:
        """What is wrong with a file that is not clean, in words."""
        if not self.damaged:
            return f"{self.surplus_bytes} bytes follow the end of the archive"
        worst = int(np.count_nonzero(~self.intact, axis=0).max())
        return (
            f"{self.damaged} of {self.layout.sectors} sectors are damaged, at most {worst} in one "
            f"stripe; `holdfast archive repair` is certain to restore up to {PARITY_ROWS} in each"
        )


def survey(file: SectorFile, progress: Progress = UNWATCHED) -> Survey:
    """Hash every sector. BadArchive if the file is no archive, or too short to be repaired."""
    file_bytes = file.byte_length
    intact_by_tag: dict[bytes, array[int]] = {}
    for first, sectors in _pieces(file, file_bytes):
        for index in np.flatnonzero(whole(sectors, first)):
            tag = sectors[index, :SHARED_BYTES].tobytes()
            intact_by_tag.setdefault(tag, array("Q")).append(first + int(index))
        progress.advance(min(len(sectors) * SECTOR_BYTES, file_bytes - first * SECTOR_BYTES))
    if intact_by_tag:
        # A stale sector of another archive has another tag; the file's own are the many.
        tag, positions = max(intact_by_tag.items(), key=lambda item: len(item[1]))
    else:
        tag, positions = _voted_tag(file, file_bytes), array("Q")
    layout = _layout(file, tag, file_bytes)
    intact = np.zeros(layout.sectors, np.bool_)
    held = np.array(positions, np.intp)
    intact[held[held < layout.sectors]] = True
    return Survey(
        layout=layout,
        intact=intact.reshape(layout.rows, layout.stripes),
        surplus_bytes=max(0, file_bytes - layout.file_bytes),
    )


def _layout(file: SectorFile, tag: bytes, file_bytes: int) -> Layout:
    """The layout told by the tag, believed only if it fits the file's length: nothing is sized by
    a tag that a forger, or chance, made up."""
    try:
        layout = Layout.parse(tag)
    except BadTag:
        raise BadArchive(
            path=str(file.path), reason="this is not a Holdfast archive, or nothing of one is left"
        ) from None
    fewest_bytes = layout.fewest_sectors * SECTOR_BYTES
    if file_bytes < fewest_bytes:
        raise BadArchive(
            path=str(file.path),
            reason=f"{file_bytes} of {layout.file_bytes} bytes are left; the parity restores "
            f"a tail only while {fewest_bytes} are",
        )
    return layout


def _voted_tag(file: SectorFile, file_bytes: int) -> bytes:
    """What most sectors that are not lost altogether have at each place of the shared tag.

    Only asked if no sector is intact: where a stripe's codewords can be decoded at all, those
    that are wrong at one place are then fewer than half.
    """
    counts = np.zeros((SHARED_BYTES, 256), np.int64)
    for _, sectors in _pieces(file, file_bytes):
        tags = sectors[sectors.any(axis=1), :SHARED_BYTES]
        counts += [np.bincount(column, minlength=256) for column in tags.T]
    return bytes(counts.argmax(axis=1).tolist())


def _pieces(file: SectorFile, file_bytes: int) -> Iterator[tuple[int, Bytes]]:
    """The whole file: position of the first sector, sectors."""
    sectors = -(-file_bytes // SECTOR_BYTES)
    for first in range(0, sectors, PIECE_SECTORS):
        yield first, file.read(first, min(PIECE_SECTORS, sectors - first))
