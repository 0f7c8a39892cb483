"""Blobs, encoded once, and fake nodes that serve them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_node import FakeNode, FakePace

from da_node.client import Client, Limits
from da_node.coding import EncodedBlob, encode, local_verifier


@dataclass(frozen=True)
class Sample:
    """A payload and its blob."""

    payload: bytes = field(repr=False)
    blob: EncodedBlob = field(repr=False)


def _sample(seed: int, size: int) -> Sample:
    payload = random.Random(seed).randbytes(size)
    return Sample(payload, encode(payload, local_verifier()))


@pytest.fixture(scope="session")
def sample() -> Sample:
    """Two rows, so that leaves are more than one element, and a payload in all 64 data columns."""
    return _sample(1, 250_000)


@pytest.fixture(scope="session")
def other() -> Sample:
    """Another blob of the same shape."""
    return _sample(2, 250_000)


@pytest.fixture
def time() -> FakePace:
    return FakePace()


Start = Callable[..., Awaitable[FakeNode]]
Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def start(stack: AsyncExitStack, sample: Sample, other: Sample) -> Start:
    """Starts a fake node that has both blobs."""

    async def start(**options: Any) -> FakeNode:
        node = FakeNode(**({"blobs": [sample.blob, other.blob]} | options))
        runner = await node.serve()
        stack.push_async_callback(runner.cleanup)
        return node

    return start


@pytest.fixture
async def connect(stack: AsyncExitStack, time: FakePace) -> Connect:
    """A client of some nodes, whose clock moves only when it sleeps."""

    async def connect(*nodes: FakeNode | str, **options: Any) -> Client:
        urls = [node if isinstance(node, str) else node.url for node in nodes]
        settings = {
            "pace": time.pace,
            "threads": 1,
            "limits": Limits(idle_s=5.0),
            "hedge_s": None,
        } | options
        return await stack.enter_async_context(Client(urls, **settings))

    return connect
