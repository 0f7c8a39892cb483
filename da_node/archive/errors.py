"""The errors of archive files, under the roots of the one tree (`da_node.errors`).

Rejected
└── BadData             422  bytes that parse or verify as nothing
    ├── BadArchive, BadTag, BadEntry,
    └── BeyondParity, OtherEncoding
Unavailable
└── ArchiveFault        503  an archive file cannot be read or written
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.errors import BadData, Unavailable


@dataclass(eq=False, kw_only=True)
class BadArchive(BadData):
    """An archive file is not one, or is damaged beyond its parity."""

    code = "bad_archive"
    template = "{path}: {reason}"
    path: str
    reason: str


@dataclass(eq=False, kw_only=True)
class BadTag(BadData):
    """The first bytes of an archive's sector say what kind of file it is, and its shape."""

    code = "bad_tag"
    template = "{value} is not how a sector of a Holdfast archive begins"
    value: str


@dataclass(eq=False, kw_only=True)
class BadEntry(BadData):
    """An archive's content is a list of complete entries, each under its own SHA-256."""

    code = "bad_entry"
    template = "an entry of the archive {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class BeyondParity(BadData):
    """A codeword of an archive holds more damage than its 32 parity bytes restore."""

    code = "beyond_parity"
    template = "{damaged} of the {rows} sectors of a stripe are damaged, more than parity restores"
    damaged: int
    rows: int


@dataclass(eq=False, kw_only=True)
class OtherEncoding(BadData):
    """An archived payload does not encode to the id under which it was kept: whoever encoded that
    blob did not follow the scheme. The payload is that blob's all the same."""

    code = "other_encoding"
    template = "blob {blob_id} was encoded dishonestly: its payload's own id is {expected}"
    advice = "it cannot be posted under its id again; `holdfast archive extract` gives its payload"
    blob_id: str
    expected: str


@dataclass(eq=False, kw_only=True)
class ArchiveFault(Unavailable):
    """The disk failed, or is full, while an archive file was read or written."""

    code = "archive_fault"
    template = "{path}: {reason}"
    advice = "free disk space or check the disk; an archive that was there before is unchanged"
    retry_after_s = 60
    path: str
    reason: str
