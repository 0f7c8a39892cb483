"""The contracts that exist only in tests, compiled once a run: five seconds of a core."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec
import pytest

from bridge_client.artifacts import Artifact
from bridge_client.compiler import compile_contracts

SOLIDITY = Path(__file__).parent / "solidity"


def compiled_for_tests(temporary: pytest.TempPathFactory) -> dict[str, Artifact]:
    """By name. Whichever of the run's processes comes first compiles; the others wait for it."""
    directory = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has its own below the run's
        directory = directory.parent
    kept = directory / "contracts-of-tests.json"
    with (directory / "contracts-of-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(msgspec.json.encode(compile_contracts(SOLIDITY, ())))
    return msgspec.json.decode(kept.read_bytes(), type=dict[str, Artifact])
