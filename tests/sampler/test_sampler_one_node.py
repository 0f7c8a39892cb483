"""A node without a committee, sampled strictly: nobody promised anything."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sampler_network import PATIENT, kzg, until

from da_node.api.serving import running_node
from da_node.client import Client
from da_node.coding import local_prover
from da_node.service import NodeSettings
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.serving import running_sampler
from sampler.settings import SamplerSettings

NOW = 1_800_000_123


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[str]:
    async with running_node(
        NodeSettings(directory=tmp_path / "node", port=0, kernel_threads=1, shutdown_grace_s=0.0),
        kzg=kzg(),
        clock=lambda: NOW,
    ) as (_, url):
        yield url


async def test_its_blobs_are_found_available_by_the_strict_rule(node: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        settings = SamplerSettings(
            directory=tmp_path / "sampler",
            port=0,
            feeds=node,
            shutdown_grace_s=0.0,
            kernel_threads=1,
            **PATIENT | {"certificate_wait_s": 0.0},  # type: ignore[arg-type]
        )
        sampler, _ = await stack.enter_async_context(
            running_sampler(
                settings, committees=Committees([]), key=None, kzg=kzg(), clock=lambda: NOW
            )
        )
        client = await stack.enter_async_context(Client(node, kzg=local_prover()))
        receipt = await client.post(random.Random(1).randbytes(200_000))
        steps = sampler.state.steps

        async def found() -> object:
            return await sampler.state.run(steps.verdict, receipt.blob_id)

        await until(found)
        stored = await sampler.state.run(steps.verdict, receipt.blob_id)
        assert stored is not None
        document = json.loads(stored.document)
    assert stored.verdict == Finding.AVAILABLE
    assert document["message"]["rule"] == 0
    assert document["message"]["keysetHash"] == "0x" + "00" * 32
    assert document["signature"] is None
