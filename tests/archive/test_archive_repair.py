"""What an archive survives, and the edge of it."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from archive_specimens import SECTOR, archive_of, entry_of, flipped, overwritten
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from da_node.archive import (
    read_archive,
    repair_archive,
    verify_archive,
    write_archive,
)
from da_node.archive.errors import ArchiveFault, BadArchive

SMALL_ROWS = 33
"""A short payload: one stripe, one sector of content, 32 of parity."""

WIDE_PAYLOAD_BYTES = 300 * 4048
WIDE_STRIPES = 2
WIDE_REACH = 32 * WIDE_STRIPES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def small(path: Path) -> bytes:
    """A file of 33 sectors in one stripe."""
    return archive_of(path, 2000)


@pytest.fixture
def wide(path: Path) -> bytes:
    """A file of two stripes."""
    return archive_of(path, WIDE_PAYLOAD_BYTES)


def assert_repaired(path: Path, damaged: bytes, original: bytes) -> None:
    path.write_bytes(damaged)
    report = repair_archive(path)
    assert report.repaired_sectors or report.removed_bytes
    assert path.read_bytes() == original
    assert verify_archive(path) == report.archive


def assert_refused(path: Path, damaged: bytes) -> None:
    path.write_bytes(damaged)
    inode = path.stat().st_ino
    with pytest.raises(BadArchive):
        repair_archive(path)
    assert path.stat().st_ino == inode
    assert path.read_bytes() == damaged
    assert list(path.parent.iterdir()) == [path]


def with_lost(data: bytes, sectors: Sequence[int]) -> bytes:
    for sector in sectors:
        data = overwritten(data, sector * SECTOR, bytes(SECTOR))
    return data


def test_a_file_without_damage_is_not_touched(path: Path, small: bytes) -> None:
    before = path.stat()
    report = repair_archive(path)
    assert (report.repaired_sectors, report.removed_bytes) == (0, 0)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_sector_lost_anywhere_is_restored(path: Path, small: bytes) -> None:
    assert len(small) == SMALL_ROWS * SECTOR
    for sector in range(SMALL_ROWS):
        assert_repaired(path, with_lost(small, [sector]), small)


def test_a_lost_stretch_of_4096_bytes_at_odd_places_is_restored(path: Path, small: bytes) -> None:
    for start in range(0, len(small) - SECTOR, 3001):
        assert_repaired(path, overwritten(small, start, bytes(SECTOR)), small)


@pytest.mark.parametrize("survivor", [0, 1, 17, 32])
def test_one_sector_of_a_small_file_is_enough(path: Path, small: bytes, survivor: int) -> None:
    noise = random.Random(1).randbytes(len(small))
    kept = small[survivor * SECTOR : (survivor + 1) * SECTOR]
    assert_repaired(path, overwritten(noise, survivor * SECTOR, kept), small)


def test_33_lost_sectors_of_a_stripe_are_refused(path: Path, wide: bytes) -> None:
    stripe = range(1, len(wide) // SECTOR, WIDE_STRIPES)
    lost = random.Random(2).sample(stripe, 33)
    assert_repaired(path, with_lost(wide, lost[:32]), wide)
    assert_refused(path, with_lost(wide, lost))


def test_damage_in_one_run_at_unknown_place_up_to_the_bound(path: Path, wide: bytes) -> None:
    bound = (WIDE_REACH - 1) * SECTOR + 1
    noise = random.Random(3).randbytes(bound + 1)
    for start in (0, 1, SECTOR - 1, SECTOR, 7 * SECTOR + 100, len(wide) - bound):
        assert_repaired(path, overwritten(wide, start, noise[:bound]), wide)
    # One byte more, from the last byte of a sector on, meets one sector more than the reach.
    assert_refused(path, overwritten(wide, SECTOR - 1, noise))


def test_a_truncated_tail_up_to_the_bound(path: Path, wide: bytes) -> None:
    bound = WIDE_REACH * SECTOR
    for lost in (1, SECTOR, SECTOR + 1, bound - 1, bound):
        assert_repaired(path, wide[:-lost], wide)
    assert_refused(path, wide[: -(bound + 1)])


def test_a_truncated_tail_of_a_small_file_up_to_the_bound(path: Path, small: bytes) -> None:
    assert_repaired(path, small[:SECTOR], small)
    assert_refused(path, small[: SECTOR - 1])
    assert_refused(path, b"")


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_32_damaged_sectors_of_each_stripe_are_restored(
    path: Path, small: bytes, data: st.DataObject
) -> None:
    damaged = small
    for sector in data.draw(st.sets(st.integers(0, SMALL_ROWS - 1), min_size=1, max_size=32)):
        patch = data.draw(st.binary(min_size=1, max_size=40) | st.just(bytes(SECTOR)))
        offset = data.draw(st.integers(0, SECTOR - len(patch)))
        patched = overwritten(damaged, sector * SECTOR + offset, patch)
        damaged = patched if patched != damaged else flipped(damaged, sector * SECTOR + offset)
    assert_repaired(path, damaged, small)


def one_flip_per_sector(skipped: Sequence[int] = ()) -> list[int]:
    """Places of one flip in every sector of a small file, each at an offset of its own."""
    return [
        sector * SECTOR + 500 + 7 * sector for sector in range(SMALL_ROWS) if sector not in skipped
    ]


@pytest.mark.parametrize("offset", [0, 8, 23, 24, 31, 32, 1000, 4079, 4080, 4095])
def test_16_flips_at_one_place_of_a_stripe_with_no_sector_whole(
    path: Path, small: bytes, offset: int
) -> None:
    rows = random.Random(offset).sample(range(SMALL_ROWS), 16)
    places = [row * SECTOR + offset for row in rows]
    assert_repaired(path, flipped(small, *places, *one_flip_per_sector()), small)


@pytest.mark.parametrize("offset", [0, 23, 32, 4079])
def test_17_flips_at_one_place_of_a_stripe_with_no_sector_whole(
    path: Path, small: bytes, offset: int
) -> None:
    places = [row * SECTOR + offset for row in range(17)]
    assert_refused(path, flipped(small, *places, *one_flip_per_sector()))


@pytest.mark.parametrize("lost", [2, 10, 20])
def test_lost_sectors_count_half_of_flipped_ones(path: Path, small: bytes, lost: int) -> None:
    holes = range(5, 5 + lost)
    rest = [row for row in range(SMALL_ROWS) if row not in holes]
    places = [row * SECTOR + 2000 for row in rest[: (32 - lost) // 2 + 1]]
    damaged = flipped(with_lost(small, holes), *one_flip_per_sector(holes))
    assert_repaired(path, flipped(damaged, *places[:-1]), small)
    assert_refused(path, flipped(damaged, *places))


def test_flips_all_over_a_file_of_two_stripes(path: Path, wide: bytes) -> None:
    chance = random.Random(4)
    places = [chance.randrange(len(wide)) for _ in range(600)]
    sectors = {place // SECTOR for place in places}
    assert min(sum(sector % 2 == parity for sector in sectors) for parity in (0, 1)) > 32
    assert_repaired(path, flipped(wide, *places), wide)


def test_zero_sectors_of_a_payload_of_zeros_are_not_taken_for_lost(path: Path) -> None:
    write_archive(path, [entry_of(bytes(60 * 4048))])
    original = path.read_bytes()
    every_tag = range(0, len(original), SECTOR)
    assert_repaired(path, flipped(original, *(place + 4090 for place in every_tag)), original)


def test_bytes_behind_the_end_are_removed(path: Path, small: bytes) -> None:
    assert_repaired(path, small + b"more", small)


def test_a_stale_sector_of_another_archive_is_damage(path: Path, small: bytes) -> None:
    other = archive_of(path, 2000)
    assert other != small  # the same content under another random id
    assert_repaired(path, overwritten(small, 4 * SECTOR, other[4 * SECTOR : 20 * SECTOR]), small)


def test_a_sector_in_the_place_of_another_is_damage(path: Path, small: bytes) -> None:
    sector = small[4 * SECTOR : 5 * SECTOR]
    assert_repaired(path, overwritten(small, 9 * SECTOR, sector), small)


def test_what_looks_repaired_but_is_not_is_refused_end_to_end(path: Path, small: bytes) -> None:
    # 30 sectors lost and 2 flips where 1 is the bound: many codewords find a wrong neighbour.
    holes = range(30)
    damaged = with_lost(small, holes)
    for offset in range(100, 2000, 3):
        damaged = flipped(damaged, 30 * SECTOR + offset, 31 * SECTOR + offset, 32 * SECTOR + offset)
    assert_refused(path, damaged)


def test_sectors_that_the_disk_cannot_read_are_restored(
    path: Path, wide: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {3, 40, 41, 255, 256}
    inode = path.stat().st_ino
    preadv = os.preadv

    def failing(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        touched = range(offset // SECTOR, -(-(offset + len(buffers[0])) // SECTOR))
        if os.fstat(descriptor).st_ino == inode and bad.intersection(touched):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", failing)
    assert repair_archive(path).repaired_sectors == len(bad)
    assert path.read_bytes() == wide


def test_a_disk_that_fails_otherwise_is_a_fault(
    path: Path, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> int:
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(ArchiveFault, match="No such device"):
        repair_archive(path)


def test_a_repaired_file_keeps_its_permissions_and_its_link(path: Path, small: bytes) -> None:
    path.chmod(0o600)
    link = path.with_name("link")
    link.symlink_to(path)
    path.write_bytes(flipped(small, 1))
    repair_archive(link)
    assert link.is_symlink()
    assert path.read_bytes() == small
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(read_archive(link))) == 1
