"""A member whose disk is full, in a network whose other members are well."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from honoured import Ledger, require_kept

from committee.devnet import LocalCommittee
from committee.errors import DispersalFailed

FULL = 3
DISK_BYTES = 576 << 20
"""Somewhat more than a node keeps free for its log."""
PAYLOAD_BYTES = 150_000


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(path)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_signs_nothing_says_so_and_is_read_all_the_same(tmp_path: Path) -> None:
    chance = Random(5)
    with small_disk(tmp_path / "member-3" / "data"), LocalCommittee.running(tmp_path) as committee:
        ledger = Ledger(committee)
        ledger.post(chance.randbytes(PAYLOAD_BYTES))
        ballast = committee.directory(FULL) / "ballast"
        room = os.statvfs(ballast.parent)
        ballast.write_bytes(bytes(room.f_bavail * room.f_frsize))
        refused = chance.randbytes(PAYLOAD_BYTES)
        committee.kill(0)  # so that its signature would be needed
        with pytest.raises(DispersalFailed) as caught:
            ledger.post(refused)
        reason = caught.value.failures[f"member-{FULL}"]
        assert "would exceed the budget" in reason
        committee.start(0)
        assert FULL not in ledger.post(refused).certificate.signers
        ledger.require_honoured()
        ballast.unlink()
        committee.kill(0)
        assert FULL in ledger.post(chance.randbytes(PAYLOAD_BYTES)).certificate.signers
        committee.start(0)
        ledger.require_honoured()
        committee.network.stop()
        assert require_kept(
            committee.committee, FULL, committee.directory(FULL), committee.log(FULL)
        )
