"""A node under load is killed at random moments: what it has acknowledged is there afterwards,
whole, and what it has not is there whole or not at all.
"""

from __future__ import annotations

import asyncio
import io
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from mortal_node import QuickKzg

from da_node.coding import COLUMNS, EncodedBlob, encode

PROGRAM = Path(__file__).with_name("mortal_node.py")
CLIENTS = 4
LONGEST_PAYLOAD = 300_000
"""Three rows; most are of one."""
LONGEST_LIFE_S = 0.3
"""A node is killed at a random moment so long after the load has begun."""


class Witness:
    """What was posted to the node, and what it has answered."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.acknowledged: dict[str, bytes] = {}
        self.unanswered: list[bytes] = []
        """Posted, but the node died over it."""

    def payload(self) -> bytes:
        length = min(LONGEST_PAYLOAD, int(self._random.paretovariate(0.7) * 100))
        return self._random.randbytes(length)

    def life_s(self) -> float:
        return self._random.uniform(0, LONGEST_LIFE_S)


@asynccontextmanager
async def mortal_node(
    directory: Path,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process and its URL; it is dead afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(directory), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        assert url, "the node did not start"
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def post_until_it_dies(session: aiohttp.ClientSession, url: str, witness: Witness) -> None:
    while True:
        payload = witness.payload()
        try:
            async with session.post(url + "/v1/blobs", data=io.BytesIO(payload)) as response:
                assert response.status == 201
                witness.acknowledged[(await response.json())["blob_id"]] = payload
        except aiohttp.ClientError:
            witness.unanswered.append(payload)
            return


async def check(session: aiohttp.ClientSession, url: str, witness: Witness) -> None:
    """Everything acknowledged is there and whole; the rest is whole or unknown."""
    for blob_id, payload in witness.acknowledged.items():
        async with session.get(f"{url}/v1/blobs/{blob_id}") as response:
            assert (response.status, await response.read()) == (200, payload)
    while witness.unanswered:
        payload = witness.unanswered.pop()
        blob = encode(payload, QuickKzg())
        blob_id = blob.blob_id.hex0x
        async with session.get(f"{url}/v1/blobs/{blob_id}") as response:
            if response.status == 404:
                assert (await response.json())["code"] == "unknown_blob"
            else:
                assert (response.status, await response.read()) == (200, payload)
                await check_columns(session, url, blob)
                witness.acknowledged[blob_id] = payload
    async with session.get(f"{url}/metrics") as response:
        assert "holdfast_damaged_reads_total 0.0" in await response.text()
    await check_feed(session, url, witness)


async def check_columns(session: aiohttp.ClientSession, url: str, blob: EncodedBlob) -> None:
    indices = ",".join(map(str, range(COLUMNS)))
    path = f"/v1/blobs/{blob.blob_id.hex0x}/columns?index={indices}"
    async with session.get(url + path) as response:
        assert "Holdfast-Missing" not in response.headers
        expected = b"".join(blob.column(index).serialize() for index in range(COLUMNS))
        assert await response.read() == expected


async def check_feed(session: aiohttp.ClientSession, url: str, witness: Witness) -> None:
    """The feed lists what is there: no more, no less, nothing twice."""
    listed: list[str] = []
    after = 0
    while True:
        async with session.get(f"{url}/v1/blobs?after={after}&limit=1000") as response:
            page = (await response.json())["blobs"]
        listed += [entry["blob_id"] for entry in page]
        if len(page) < 1000:
            break
        after = page[-1]["cursor"]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(witness.acknowledged)


async def live_and_die(directory: Path, deaths: int, seed: int) -> Witness:
    witness = Witness(seed)
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for _ in range(deaths):
            async with mortal_node(directory) as (process, url):
                await check(session, url, witness)
                loop.call_later(witness.life_s(), process.kill)
                await asyncio.gather(
                    *(post_until_it_dies(session, url, witness) for _ in range(CLIENTS))
                )
                assert await process.wait() == -signal.SIGKILL
        async with mortal_node(directory) as (_, url):
            await check(session, url, witness)
    return witness


async def test_ten_deaths_lose_nothing(tmp_path: Path) -> None:
    witness = await live_and_die(tmp_path, deaths=10, seed=10)
    assert len(witness.acknowledged) > 10


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(5))
async def test_many_deaths_lose_nothing(tmp_path: Path, seed: int) -> None:
    witness = await live_and_die(tmp_path, deaths=20, seed=seed)
    assert len(witness.acknowledged) > 20
