"""A sampler beside real members, through fronts that make them faulty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sampler_network import SIGNER, Network, running_network, sampling

from committee.devnet.faults import (
    Cut,
    Drip,
    Fault,
    Garbage,
    Refuse,
    Silent,
    Truncate,
)
from da_node.coding import BlobId
from sampler.confidence import Rule
from sampler.verdict import Verdict, verify_verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def healed(network: Network) -> AsyncIterator[None]:
    yield
    await network.heal()


async def verdict_on(url: str, blob_id: BlobId, wait_s: int = 60, after: int = 0) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        path = f"{url}/v1/verdicts/{blob_id.hex0x}?wait={wait_s}&after={after}"
        async with session.get(path) as answer:
            document: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 200, document
            return document


async def test_a_blob_announced_is_found_available_and_the_verdict_is_signed(
    network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path) as (_, url):
        receipt = await network.post()
        found = await verdict_on(url, receipt.blob_id)
    assert (found["finding"], found["cursor"]) == ("available", 1)
    verdict = Verdict.parse(found["message"])
    assert verdict.blob_id == receipt.blob_id
    signature = bytes.fromhex(found["signature"].removeprefix("0x"))
    assert verify_verdict(verdict, 1, signature).signer == SIGNER.address
    assert verdict.rule is Rule.CERTIFIED
    assert verdict.asked == verdict.held >= 18


@pytest.mark.parametrize(
    "fault",
    [
        Silent(path="/v1/blobs/0x*"),
        Refuse(),
        Drip(path="/v1/blobs/0x*", bytes_per_s=1000),
        Cut(path="/v1/blobs/0x*", after_bytes=100),
        Truncate(path="/v1/blobs/0x*", to_bytes=1000),
        Garbage(path="/v1/blobs/0x*"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_one_member_at_fault_keeps_nothing_from_being_found_available(
    fault: Fault, network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path, feeds=network.urls[0]) as (_, url):
        receipt = await network.post()
        await network.arm([2], fault)
        found = await verdict_on(url, receipt.blob_id)
        assert found["finding"] == "available"
