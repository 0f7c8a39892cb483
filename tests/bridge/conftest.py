"""One development chain for the whole session; each test leaves it as it found it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "committee"))  # its keys and certificates
sys.path.append(str(Path(__file__).parent.parent / "contracts"))  # its contracts on a chain
from chain_under_test import Chain

from bridge_client.anvil import anvil


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
