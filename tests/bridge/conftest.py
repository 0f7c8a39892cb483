"""One development chain for the whole session; each test leaves it as it found it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "committee"))  # its keys and certificates
sys.path.append(str(Path(__file__).parent.parent / "contracts"))  # its contracts on a chain
sys.path.append(str(Path(__file__).parent.parent / "client"))  # its fake node
from chain_under_test import Chain
from compiled_for_tests import compiled_for_tests
from desk import Desk, opened_desk

from bridge_client.anvil import anvil
from bridge_client.artifacts import Artifact

sys.setrecursionlimit(1000)  # web3 raises it, and nested JSON would overflow the stack


@pytest.fixture(scope="session")
def running_chain() -> Iterator[tuple[str, Chain]]:
    with anvil("osaka") as url:
        yield url, Chain.at(url)


@pytest.fixture
def l1(running_chain: tuple[str, Chain]) -> Iterator[tuple[str, Chain]]:
    """Its URL, and the contract tests' view of it."""
    url, chain = running_chain
    chain.advance(0)
    before = chain.snapshot()
    yield url, chain
    chain.restore(before)


@pytest.fixture(scope="session")
def test_tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """Tokens that exist only in tests, compiled."""
    return compiled_for_tests(tmp_path_factory)


@pytest.fixture
def desk(l1: tuple[str, Chain], tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(l1, tmp_path) as made:
        yield made
