"""Entries and damage for the archive's tests."""

from __future__ import annotations

import random
from pathlib import Path

from da_node.archive import ArchiveEntry, write_archive
from da_node.coding import Commitment, Header, MerkleRoot

SECTOR = 4096
INFINITY = Commitment(b"\xc0" + bytes(47))
"""The one commitment that is known without encoding anything; the archive does not mind."""


def entry_of(payload: bytes, *, label: str = "", seed: int = 0) -> ArchiveEntry:
    """An entry whose header commits to nothing."""
    root = MerkleRoot(random.Random(seed).randbytes(32))
    header = Header(payload_length=len(payload), merkle_root=root, commitment=INFINITY)
    return ArchiveEntry(
        header=header, payload=payload, stored_at=1_700_000_001, expires_at=None, label=label
    )


def archive_of(path: Path, payload_bytes: int) -> bytes:
    """Write an archive of one random payload; the file's bytes."""
    write_archive(path, [entry_of(random.Random(payload_bytes).randbytes(payload_bytes))])
    return path.read_bytes()


def overwritten(data: bytes, start: int, patch: bytes) -> bytes:
    """The same bytes with `patch` at `start`."""
    assert start + len(patch) <= len(data)
    return data[:start] + patch + data[start + len(patch) :]


def flipped(data: bytes, *places: int) -> bytes:
    """The same bytes, with one bit changed at each place."""
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 0x20
    return bytes(changed)
