"""A disk that is really full: a small tmpfs in a mount namespace of a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DISK_BYTES = 24 * 1024 * 1024

IN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
"""An unprivileged user may mount a tmpfs in a namespace, where the kernel's settings let it."""

MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'


@pytest.fixture
def on_small_disk(tmp_path: Path) -> list[str]:
    """The beginning of a command that runs on a disk of `DISK_BYTES`, mounted at `tmp_path`."""
    command = [*IN_NAMESPACE, "sh", "-c", MOUNT, "sh", str(DISK_BYTES), str(tmp_path)]
    try:
        allowed = subprocess.run([*command, "true"], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("a small disk needs util-linux' unshare, which is not installed")
    if allowed.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {allowed.stderr.decode().strip()}")
    return command


def test_a_full_disk_refuses_whole_blobs_and_goes_on_reading(
    on_small_disk: list[str], tmp_path: Path
) -> None:
    script = Path(__file__).with_name("fill_disk.py")
    done = subprocess.run(
        [*on_small_disk, sys.executable, script, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
