"""A sampler's process killed at random moments: `make crash`."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

import pytest
from sampler_network import running_network, sampling, until

from sampler.conclusion import Finding

KILLS = 8


@pytest.mark.crash
async def test_killed_at_random_it_forgets_no_blob_and_draws_no_sample_anew(tmp_path: Path) -> None:
    chance = random.Random(3)
    async with running_network(tmp_path / "network", real_time=True) as network:
        keyset = tmp_path / "keyset.json"
        keyset.write_bytes(network.committee.serialize())
        directory = tmp_path / "sampler"
        receipts = []
        for _ in range(KILLS):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from sampler.cli.sampler import sampler; sampler()"),
                *("run", "--port", "0", "--log-json", "--directory", str(directory)),
                *("--keysets", str(keyset), "--feeds", network.urls[0]),
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            assert json.loads(await process.stderr.readline())["event"] == "listening"
            receipts.append(await network.post())
            await asyncio.sleep(chance.random() * 1.5)
            process.kill()
            await process.communicate()
        async with sampling(network, directory, feeds=network.urls[0]) as (sampler, _):
            steps = sampler.state.steps

            async def all_found() -> bool:
                found = [await sampler.state.run(steps.verdict, one.blob_id) for one in receipts]
                return all(one is not None for one in found)

            await until(all_found)
            given = await sampler.state.run(steps.verdicts, 0, 1000)
            node = await sampler._client.node(network.urls[0])

            async def is_whole() -> bool:
                covered = await sampler.hearing.covered(node.node_id)
                return covered.upto >= 2 * KILLS and not list(covered.gaps())

            await until(is_whole)
    assert {one.verdict for one in given} == {Finding.AVAILABLE}
    ids = [one.blob_id for one in given]
    assert sorted(ids) == sorted(one.blob_id for one in receipts)  # each once
