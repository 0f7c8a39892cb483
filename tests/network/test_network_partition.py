"""A network whose members are hosts of their own, and whose cables are cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APART = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""An unprivileged user may make hosts and cables in a namespace, where the kernel lets it."""
OWN_RUN = "mount -t tmpfs none /run && "
"""Where `ip netns` keeps its names: with the namespace they are gone."""
TRIAL = OWN_RUN + "ip netns add one && ip link add cable type veth peer name end netns one"


def test_a_partition_stops_what_it_must_and_nothing_else(tmp_path: Path) -> None:
    try:
        trial = subprocess.run([*APART, "sh", "-c", TRIAL], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("hosts and cables need util-linux' unshare, which is not installed")
    if trial.returncode:
        pytest.skip(f"hosts and cables cannot be made here: {trial.stderr.decode().strip()}")
    script = [sys.executable, str(HERE / "partitioned_network.py"), str(tmp_path)]
    done = subprocess.run(
        [*APART, "sh", "-c", OWN_RUN + 'exec "$@"', "sh", *script],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
