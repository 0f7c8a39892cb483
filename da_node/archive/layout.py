"""Where everything lies in an archive file, and what each sector says about itself. Pure.

A file is a matrix of sectors, `rows` × `stripes`, written row by row:

    row 0             sector 0            sector 1            …  sector stripes − 1
    …                 content, the last sector padded with zeros, then zero sectors
    row data_rows     parity
    …
    row rows − 1      parity              …                      sector rows·stripes − 1

A *stripe* is one column of that matrix: one sector of every row. The bytes at the same offset of a
stripe's sectors are one codeword (`reed_solomon`), so a lost sector costs each of its codewords one
byte, and a run of damage as long as a row of the matrix no more than one byte either.

    sector  = tag 32 ‖ body 4048 ‖ digest 16                                            4096 bytes
    tag     = "HFARCH" ‖ version u16 (=1) ‖ archive_id 8 ‖ content_bytes u64 ‖ position u64
    digest  = the first 16 bytes of SHA256(tag ‖ body)

So every sector says whether it is whole, where it belongs, to which file (a random id tells a
stale sector of an older file at the same place), and how large the whole is: the layout is known
as long as any one sector is. Integers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt

from da_node.archive.errors import BadTag
from da_node.archive.reed_solomon import MAX_DATA_ROWS, PARITY_ROWS, Bytes
from da_node.errors import UnsupportedVersion

VERSION: Final = 1

SECTOR_BYTES: Final = 4096
"""What a disk loses at once."""

TAG_BYTES: Final = 32
DIGEST_BYTES: Final = 16
"""128 bits: no damage is ever taken for a whole sector."""

BODY_BYTES: Final = SECTOR_BYTES - TAG_BYTES - DIGEST_BYTES
BODY: Final = slice(TAG_BYTES, TAG_BYTES + BODY_BYTES)
"""The part of a sector that the parity covers."""

ARCHIVE_ID_BYTES: Final = 8

_MAGIC: Final = b"HFARCH"
_SHARED = struct.Struct(f">6sH{ARCHIVE_ID_BYTES}sQ")
"""The part of the tag that all sectors of a file share."""

SHARED_BYTES: Final = _SHARED.size
assert SHARED_BYTES + 8 == TAG_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The shape of one archive file; it follows from the length of the content."""

    archive_id: bytes
    """8 random bytes, drawn when the file is written."""

    content_bytes: int
    """Length of the entries; at least 1."""

    @property
    def stripes(self) -> int:
        """Sectors in a row: as few as allow at most 223 data rows."""
        return -(-self._content_sectors // MAX_DATA_ROWS)

    @property
    def data_rows(self) -> int:
        """Rows of content, 1 to 223."""
        return -(-self._content_sectors // self.stripes)

    @property
    def rows(self) -> int:
        """All rows, 33 to 255."""
        return self.data_rows + PARITY_ROWS

    @property
    def sectors(self) -> int:
        """All sectors of the file."""
        return self.rows * self.stripes

    @property
    def file_bytes(self) -> int:
        """The file's exact length."""
        return self.sectors * SECTOR_BYTES

    @property
    def fewest_sectors(self) -> int:
        """A file cut shorter than this has lost more rows than the parity restores."""
        return self.data_rows * self.stripes

    @property
    def reach_bytes(self) -> int:
        """So much of the file's end may be lost; of a run elsewhere, whose ends need not meet
        those of sectors, one sector less and a byte more."""
        return PARITY_ROWS * self.stripes * SECTOR_BYTES

    @property
    def shared_tag(self) -> bytes:
        """The 24 bytes that every sector of the file begins with."""
        return _SHARED.pack(_MAGIC, VERSION, self.archive_id, self.content_bytes)

    @classmethod
    def parse(cls, shared_tag: bytes) -> Layout:
        """The layout that a sector's first 24 bytes tell of. BadTag, UnsupportedVersion."""
        magic, version, archive_id, content_bytes = _SHARED.unpack(shared_tag)
        if magic != _MAGIC or not content_bytes:
            raise BadTag(value=shared_tag.hex())
        if version != VERSION:
            raise UnsupportedVersion(what="the archive", value=version, bound=VERSION)
        return cls(archive_id=archive_id, content_bytes=content_bytes)

    @property
    def _content_sectors(self) -> int:
        return -(-self.content_bytes // BODY_BYTES)


def seal(sectors: Bytes, layout: Layout, positions: npt.NDArray[np.int64]) -> None:
    """Write tag and digest into sectors, shape (n, 4096), that go to these positions."""
    sectors[:, :SHARED_BYTES] = np.frombuffer(layout.shared_tag, np.uint8)
    sectors[:, SHARED_BYTES:TAG_BYTES] = positions.astype(">u8")[:, None].view(np.uint8)
    sectors[:, BODY.stop :] = _digests(sectors)


def whole(sectors: Bytes, first: int) -> npt.NDArray[np.bool_]:
    """Which of the sectors read from position `first` on are undamaged and belong there."""
    positions = np.arange(first, first + len(sectors)).astype(">u8")[:, None].view(np.uint8)
    in_place = (sectors[:, SHARED_BYTES:TAG_BYTES] == positions).all(axis=1)
    undamaged = (sectors[:, BODY.stop :] == _digests(sectors)).all(axis=1)
    verdict: npt.NDArray[np.bool_] = in_place & undamaged
    return verdict


def _digests(sectors: Bytes) -> Bytes:
    """The digest that each sector ought to have: (n, 4096) → (n, 16)."""
    flat = sectors.reshape(-1).data
    digests = b"".join(
        sha256(flat[start : start + BODY.stop]).digest()[:DIGEST_BYTES]
        for start in range(0, len(flat), SECTOR_BYTES)
    )
    return np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)
