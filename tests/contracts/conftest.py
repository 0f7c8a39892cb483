"""One development chain per hardfork for the whole session; each test leaves it as it found it.

A block's time follows from the blocks before it: the machine's clock is no part of any test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "committee"))  # its keys and certificates
from bridge_specimens import Bridged
from chain_under_test import Chain
from compiled_for_tests import compiled_for_tests
from settlement_specimens import Settled

from bridge_client.anvil import anvil
from bridge_client.artifacts import Artifact

BEGAN_AT = 1_800_000_000
"""The chain's first block, in unix seconds."""

sys.setrecursionlimit(1000)  # web3 raises it, and nested JSON would overflow the stack


@pytest.fixture(scope="session", params=["prague", "osaka"])
def started(request: pytest.FixtureRequest) -> Iterator[Chain]:
    with anvil(request.param, "--timestamp", str(BEGAN_AT)) as url:
        chain = Chain.at(url)
        chain.go_by_blocks()
        yield chain


@pytest.fixture(scope="session")
def standing(started: Chain) -> Settled:
    """A settlement as most tests have it, there before any of them."""
    return Settled.on(started)


@pytest.fixture(scope="session")
def standing_bridge(standing: Settled, test_contracts: dict[str, Artifact]) -> Bridged:
    """A bridge on it, with 10,000 in escrow."""
    made = Bridged.on(standing, test_contracts)
    made.deposit(10_000)
    return made


@pytest.fixture
def chain(started: Chain) -> Iterator[Chain]:
    before = started.snapshot()
    yield started
    started.restore(before)


@pytest.fixture(scope="session")
def test_contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return compiled_for_tests(tmp_path_factory)
