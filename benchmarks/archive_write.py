"""Archive files, one thread, beside a plain copy with SHA-256 and beside `reedsolo` alone."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from reedsolo import RSCodec

from benchmarks.measure import Row, at_most, paired, seconds
from da_node.archive import ArchiveEntry, repair_archive, verify_archive, write_archive
from da_node.archive.layout import SECTOR_BYTES
from da_node.archive.reed_solomon import MAX_DATA_ROWS, PARITY_ROWS
from da_node.coding import MAX_PAYLOAD_BYTES, Commitment, Header, MerkleRoot

PAYLOAD_BYTES = 64 << 20
WRITE_BOUND_BYTES_PER_S = 40e6
PIECE_BYTES = 1 << 20
ROUNDS = 3


def run() -> Iterator[Row]:
    """All rows of this file; needs four times the archive's room in the temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "archive")
        entry = entry_of(PAYLOAD_BYTES)
        layout = write_archive(path, [entry]).layout
        yield from writing(path, entry, layout.file_bytes)
        yield verifying(path)
        yield from repairing(path, layout.reach_bytes)
        yield repairing_largest(path)


def entry_of(payload_bytes: int) -> ArchiveEntry:
    """An entry under a header that commits to nothing: the archive does not encode."""
    header = Header(
        payload_length=payload_bytes,
        merkle_root=MerkleRoot(os.urandom(32)),
        commitment=Commitment(b"\xc0" + bytes(47)),
    )
    return ArchiveEntry(header=header, payload=os.urandom(payload_bytes))


def writing(path: Path, entry: ArchiveEntry, file_bytes: int) -> Iterator[Row]:
    plain = os.urandom(file_bytes)
    ours, theirs, ratio = paired(
        lambda: write_archive(path, [entry]),
        lambda: copy_with_sha256(plain, path.with_name("copy")),
        ROUNDS,
    )
    speed = file_bytes / ours
    what = f"write an archive of {PAYLOAD_BYTES >> 20} MiB, synced"
    yield Row(
        what=what,
        figure=f"{speed / 1e6:.0f} MB/s of file",
        beside=f"copy + SHA-256 of as many bytes, synced: {file_bytes / theirs / 1e6:.0f} MB/s",
        ratio=ratio,
        target="≥ 40 MB/s",
        reached=speed >= WRITE_BOUND_BYTES_PER_S,
    )
    piece = plain[: 64 * MAX_DATA_ROWS]
    codec = RSCodec(PARITY_ROWS)
    encoded_bytes = len(codec.encode(piece))
    reference = encoded_bytes / min(seconds(lambda: codec.encode(piece)) for _ in range(ROUNDS))
    yield Row(
        what=what,
        figure=f"{speed / 1e6:.0f} MB/s of file",
        beside=f"reedsolo's own encode, on {len(piece)} bytes: {reference / 1e6:.2f} MB/s",
        ratio=speed / reference,
        target="report",
        reached=None,
    )


def copy_with_sha256(data: bytes, path: Path) -> None:
    """What any checked copy of the file has to do."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, len(data), PIECE_BYTES):
            piece = memoryview(data)[start : start + PIECE_BYTES]
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def verifying(path: Path) -> Row:
    data = path.read_bytes()
    ours, theirs, ratio = paired(
        lambda: verify_archive(path), lambda: hashlib.sha256(data).digest(), ROUNDS
    )
    return at_most("verify it, undamaged", ours, "SHA-256 of its bytes", theirs, ratio, None)


def repairing(path: Path, reach_bytes: int) -> Iterator[Row]:
    """Each kind of damage once per round; the peer is verifying the same file."""
    original = path.read_bytes()
    chance = random.Random(1)

    def lost_sector() -> bytes:
        return bytes(SECTOR_BYTES) + original[SECTOR_BYTES:]

    def lost_tail() -> bytes:
        return original[:-reach_bytes]

    def flips() -> bytes:
        damaged = bytearray(original)
        for _ in range(1000):
            damaged[chance.randrange(len(damaged))] ^= 1
        return bytes(damaged)

    for what, damage in (
        ("its first sector lost", lost_sector),
        (f"its last {reach_bytes / 1e6:.1f} MB lost", lost_tail),
        ("1000 bytes flipped", flips),
    ):
        yield repair_row(path, what, damage)


def repair_row(path: Path, what: str, damage: Callable[[], bytes]) -> Row:
    path.write_bytes(damage())
    ours = seconds(lambda: repair_archive(path))
    theirs = seconds(lambda: verify_archive(path))
    return at_most(f"repair it, {what}", ours, "verify it", theirs, ours / theirs, None)


def repairing_largest(path: Path) -> Row:
    """The largest payload of the protocol, as much lost in one run as can be restored."""
    layout = write_archive(path, [entry_of(MAX_PAYLOAD_BYTES)]).layout
    original = path.read_bytes()
    run_bytes = layout.reach_bytes - SECTOR_BYTES + 1
    start = len(original) // 3 + 1
    damaged = original[:start] + os.urandom(run_bytes) + original[start + run_bytes :]
    what = f"largest payload, {run_bytes / 1e6:.1f} MB in the middle overwritten"
    return repair_row(path, what, lambda: damaged)
