"""`make soak`: a real node under load for minutes loses nothing, leaks nothing, stops cleanly."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

SOAK_S = 180.0
CLIENTS = 4
SIZES = (1, 31, 4_000, 126_977, 1_000_000, 4_000_000)
LEAK_BYTES = 200_000_000
"""What the second half of the run may add to what the first half took: buffers and caches, far
from the gigabytes that go through the node."""


@asynccontextmanager
async def real_node(directory: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    command = Path(sys.executable).with_name("holdfast")
    options = ["--directory", str(directory), "--port", "0", "--log-json", "--max-uploads", "64"]
    options += ["--reads-per-second-per-client", "100000"]
    process = await asyncio.create_subprocess_exec(
        command, "node", "run", *options, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        url = json.loads(await process.stderr.readline())["url"]
        drain = asyncio.create_task(process.stderr.read())
        yield process, url
        await drain
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def resident_bytes(process: asyncio.subprocess.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


class Load:
    """Posts and reads for as long as it is told, and remembers what was acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._random = random.Random(1)
        self.digests: dict[str, bytes] = {}

    async def run(self, session: aiohttp.ClientSession, seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client(session, seconds))

    async def _client(self, session: aiohttp.ClientSession, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            payload = self._random.randbytes(self._random.choice(SIZES))
            async with session.post(self._url + "/v1/blobs", data=io.BytesIO(payload)) as answer:
                assert answer.status in (200, 201)
                blob_id = (await answer.json())["blob_id"]
            self.digests[blob_id] = hashlib.sha256(payload).digest()
            await self.read(session, self._random.choice(list(self.digests)))

    async def read(self, session: aiohttp.ClientSession, blob_id: str) -> None:
        async with session.get(f"{self._url}/v1/blobs/{blob_id}") as answer:
            assert answer.status == 200
            assert hashlib.sha256(await answer.read()).digest() == self.digests[blob_id]


@pytest.mark.soak
async def test_load_for_minutes_loses_nothing_and_leaks_nothing(tmp_path: Path) -> None:
    timeout = aiohttp.ClientTimeout(total=120)
    async with (
        real_node(tmp_path / "node") as (process, url),
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        load = Load(url)
        await load.run(session, SOAK_S / 2)
        halfway = resident_bytes(process)
        await load.run(session, SOAK_S / 2)
        grown = resident_bytes(process) - halfway
        assert grown < LEAK_BYTES
        for blob_id in load.digests:
            await load.read(session, blob_id)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert len(load.digests) > CLIENTS * len(SIZES)
