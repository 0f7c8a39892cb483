"""Archive files: what is left of a blob when the network has pruned it. A file keeps one blob or
many, header and payload, and repairs itself without any peer.

How much it survives, exactly. The file is a matrix of 4096-byte sectors, S *stripes* wide and 33 to
255 rows high, 32 of them parity (`layout`). A stripe of it is restored if

1. at most 32 of its sectors are damaged, wherever they lie and however many of their bytes are
   wrong, or lost; or
2. at each of the 4096 places in a sector, twice the number of its sectors that are wrong there,
   plus the number of its sectors that are lost altogether, is at most 32. Lost means: reads as
   zeros throughout, cannot be read, or lies past the file's end. Without losses that is any 16
   flipped bytes in every codeword.

A file is restored if each of its stripes is; else it is refused and left as it is. So it survives

- any one lost 4 KiB sector, and any 32 of them; the first, the last and any other are alike, since
  every sector carries all that is known about the file;
- one damaged run of 32·S sectors or less, that is any (32·S − 1)·4096 + 1 bytes in a row, without
  knowing where they lie;
- the loss of its last 32·S·4096 bytes; a file that is shorter than that is refused.

32·S sectors are 32 of every `rows` sectors: an eighth of a large file, more of a small one. An
archive whose content fills n sectors of 4048 bytes has S = ceil(n / 223) stripes; it is 16 % longer
than its payloads when large, and at least 33 sectors, 132 KiB.

Out of its reach: bytes inserted or removed anywhere but at the end, since everything behind them is
out of its place (more than the tail above; copies that lost a sector must keep its room), and a
disk that fails as a whole. Checksums and parity are against accidents: whoever can write the file
can write another. What proves a payload is its blob id, by encoding it again
(`ArchiveEntry.verify_encoding`).
"""

from da_node.archive.disk import SectorFile
from da_node.archive.entry import ArchiveEntry, EntrySummary
from da_node.archive.layout import Layout
from da_node.archive.reading import read_archive, verify_archive
from da_node.archive.repair import RepairReport, repair_archive
from da_node.archive.survey import Progress
from da_node.archive.writing import ArchiveSummary, write_archive

__all__ = [
    "ArchiveEntry",
    "ArchiveSummary",
    "EntrySummary",
    "Layout",
    "Progress",
    "RepairReport",
    "SectorFile",
    "read_archive",
    "repair_archive",
    "verify_archive",
    "write_archive",
]
