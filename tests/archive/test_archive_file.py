"""Archive files as a whole: written, read, refused, and what failures leave behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from archive_specimens import SECTOR, archive_of, entry_of, flipped
from hypothesis import given, settings
from hypothesis import strategies as st

from da_node.archive import ArchiveEntry, read_archive, reed_solomon, verify_archive, write_archive
from da_node.archive.errors import ArchiveFault, BadArchive
from da_node.archive.layout import Layout, seal
from da_node.errors import UnsupportedVersion


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=5), st.integers())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "several"
    entries = [
        entry_of(np.random.default_rng(abs(seed)).bytes(length), label=f"n°{index}", seed=index)
        for index, length in enumerate(lengths)
    ]
    written = write_archive(path, iter(entries))
    assert list(read_archive(path)) == entries
    assert verify_archive(path) == written
    assert written.entries == tuple(entry.summary for entry in entries)
    assert written.layout.file_bytes == path.stat().st_size


@pytest.mark.parametrize("sectors", [1, 223, 224, 256, 16 * 223, 16 * 223 + 1])
def test_lengths_around_every_boundary_come_back(tmp_path: Path, sectors: int) -> None:
    frame = len(b"".join(entry_of(b"x").serialize())) - 1
    for payload_bytes in (sectors * 4048 - frame, sectors * 4048 - frame + 1):
        entry = entry_of(np.random.default_rng(sectors).bytes(payload_bytes))
        write_archive(tmp_path / "a", [entry])
        (read,) = read_archive(tmp_path / "a")
        assert read == entry


def test_an_undamaged_file_is_verified_without_any_field_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_of(tmp_path / "a", 100)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded something")

    monkeypatch.setattr(reed_solomon, "_combine", refuse)
    monkeypatch.setattr(reed_solomon, "_decode", refuse)
    verify_archive(tmp_path / "a")


def test_an_archive_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="at least one blob"):
        write_archive(tmp_path / "a", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"x", b"PK\x03\x04" * 5000, bytes(200_000), b"HFARCH" + bytes(9000)]
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(BadArchive, match="not a Holdfast archive"):
        verify_archive(path)
    assert path.read_bytes() == content


def forged(shared_tag: bytes) -> bytes:
    """A file of 40 sectors with right digests that begin with this tag."""

    class Forgery(Layout):
        @property
        def shared_tag(self) -> bytes:
            return shared_tag

    sectors = np.zeros((40, SECTOR), np.uint8)
    seal(sectors, Forgery(archive_id=bytes(8), content_bytes=1), np.arange(40))
    return sectors.tobytes()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(forged(b"HFARCH\x00\x02" + bytes(15) + b"\x01"))
    with pytest.raises(UnsupportedVersion):
        verify_archive(tmp_path / "a")


def test_a_forged_length_sizes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(forged(b"HFARCH\x00\x01" + bytes(8) + b"\xff" * 8))
    with pytest.raises(BadArchive, match="163840 of"):
        verify_archive(tmp_path / "a")


def test_content_that_is_no_entry_is_refused(tmp_path: Path) -> None:
    tag = b"HFARCH\x00\x01" + bytes(14) + (4 * 4048).to_bytes(2, "big")
    (tmp_path / "a").write_bytes(forged(tag)[: 36 * SECTOR])
    with pytest.raises(BadArchive, match="header has version 0"):
        verify_archive(tmp_path / "a")


@pytest.mark.parametrize("tail", [b"\0", b"x" * SECTOR])
def test_bytes_behind_the_end_are_noticed(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(archive_of(path, 100) + tail)
    with pytest.raises(BadArchive, match=f"{len(tail)} bytes follow the end"):
        verify_archive(path)


def test_damage_is_counted_and_nothing_is_read_from_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(flipped(archive_of(path, 100), 5, 3 * SECTOR, 3 * SECTOR + 9))
    with pytest.raises(BadArchive, match="2 of 33 sectors are damaged, at most 2 in one stripe"):
        next(read_archive(path))


def test_a_missing_file_and_a_missing_directory_are_disk_faults(tmp_path: Path) -> None:
    with pytest.raises(ArchiveFault, match="No such file"):
        verify_archive(tmp_path / "none")
    with pytest.raises(ArchiveFault, match="No such file"):
        write_archive(tmp_path / "none" / "a", [entry_of(b"x")])


def test_entries_that_fail_halfway_leave_the_old_archive(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = archive_of(path, 100)

    def entries() -> Iterator[ArchiveEntry]:
        yield entry_of(b"first")
        raise KeyError("the second is gone")

    with pytest.raises(KeyError):
        write_archive(path, entries())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


class FailingDisk:
    """Counts the system calls of a write, and fails one of them: before it has done anything, or
    after it has done all."""

    def __init__(self, fails_at: int | None, *, kept: bool) -> None:
        self.calls = 0
        self._fails_at = fails_at
        self._kept = kept

    def wrap(self, call: Callable[..., int]) -> Callable[..., int]:
        def wrapped(*args: object) -> int:
            self.calls += 1
            fails = self.calls - 1 == self._fails_at
            result = call(*args) if self._kept or not fails else 0
            if fails:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return result

        return wrapped


@pytest.mark.parametrize("kept", [False, True])
def test_a_full_disk_at_any_write_or_sync_leaves_the_old_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    path = tmp_path / "a"
    before = archive_of(path, 100)

    def write_with(disk: FailingDisk) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", disk.wrap(os.pwrite))
            patch.setattr(os, "fsync", disk.wrap(os.fsync))
            write_archive(path, [entry_of(b"new")])

    counter = FailingDisk(None, kept=kept)
    write_with(counter)
    path.write_bytes(before)
    for call in range(counter.calls):
        with pytest.raises(ArchiveFault, match="No space left"):
            write_with(FailingDisk(call, kept=kept))
        assert list(tmp_path.iterdir()) == [path]
        if call < counter.calls - 1:
            assert path.read_bytes() == before
        else:  # the directory's sync: the rename has happened, and the file is complete
            assert [entry.payload for entry in read_archive(path)] == [b"new"]


KILLED_BEFORE_RENAME = """
import os, pathlib, signal, sys
from archive_specimens import entry_of
from da_node.archive import write_archive
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_archive(pathlib.Path(sys.argv[1]), [entry_of(b"new")])
"""


def test_a_kill_between_write_and_rename_leaves_the_old_archive(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = archive_of(path, 100)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_RENAME, path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    (partial,) = set(tmp_path.iterdir()) - {path}
    assert partial.match(".holdfast-*.partial")
    assert [entry.payload for entry in read_archive(partial)] == [b"new"]
