"""Restoring a damaged archive from its own parity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from da_node.archive.disk import SectorFile, opened, replaced
from da_node.archive.errors import BadArchive, BeyondParity
from da_node.archive.layout import BODY, Layout, seal
from da_node.archive.reading import summary_of
from da_node.archive.reed_solomon import PARITY_ROWS, Bytes, restore
from da_node.archive.survey import PIECE_SECTORS, UNWATCHED, Progress, Survey, survey
from da_node.archive.writing import ArchiveSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What a repair did."""

    archive: ArchiveSummary
    """The archive, verified as it lies on disk now."""

    repaired_sectors: int
    """Sectors that were damaged or missing; 0 if the file was left as it was."""

    removed_bytes: int
    """Bytes that followed the archive's end."""


def repair_archive(path: Path, *, progress: Progress = UNWATCHED) -> RepairReport:
    """Restore an archive to exactly what was written. A file that is not damaged is not touched.

    The mended file is written beside the damaged one, verified to its last byte, and only then
    takes its place. Raises ArchiveFault; BadArchive if the damage is beyond the parity, and
    then the file is as it was; UnsupportedVersion.
    """
    with opened(path) as damaged:
        # survey, copy, then survey and entries of the copy
        progress.expect(4 * damaged.byte_length)
        found = survey(damaged, progress)
        if found.is_clean:
            return RepairReport(
                archive=summary_of(damaged, progress), repaired_sectors=0, removed_bytes=0
            )
        with replaced(path, mode=damaged.mode) as mended:
            _copy(damaged, mended, found.layout, progress)
            try:
                for stripe in np.flatnonzero(~found.intact.all(axis=0)):
                    _mend_stripe(mended, found, int(stripe))
            except BeyondParity as error:
                raise BadArchive(path=str(path), reason=str(error)) from error
            archive = summary_of(mended, progress)
    return RepairReport(
        archive=archive, repaired_sectors=found.damaged, removed_bytes=found.surplus_bytes
    )


def mend(stripe: Bytes, intact: npt.NDArray[np.bool_]) -> Bytes:
    """The bodies of a stripe, shape (rows, 4048), from its sectors as read, shape (rows, 4096).

    Up to 32 damaged sectors are ignored altogether and restored from the others. If there are
    more, only those that are all zeros are, and wrong bytes elsewhere are searched for.
    Raises BeyondParity.
    """
    erased = np.flatnonzero(~intact)
    if erased.size > PARITY_ROWS:
        erased = np.flatnonzero(~stripe.any(axis=1))  # a sector that was ever written has a tag
    return restore(stripe[:, BODY], erased.tolist())


def _mend_stripe(file: SectorFile, found: Survey, stripe: int) -> None:
    """Write the damaged sectors of one stripe anew."""
    layout = found.layout
    positions = np.arange(layout.rows) * layout.stripes + stripe
    sectors = np.concatenate([file.read(int(position), 1) for position in positions])
    intact = found.intact[:, stripe]
    sectors[:, BODY] = mend(sectors, intact)
    seal(sectors, layout, positions)
    for row in np.flatnonzero(~intact):
        file.write(int(positions[row]), sectors[row : row + 1])


def _copy(source: SectorFile, target: SectorFile, layout: Layout, progress: Progress) -> None:
    """The sectors that belong to the archive; zeros for those that are gone."""
    for first in range(0, layout.sectors, PIECE_SECTORS):
        sectors = source.read(first, min(PIECE_SECTORS, layout.sectors - first))
        target.write(first, sectors)
        progress.advance(sectors.nbytes)
