"""How long a node's event loop stands still while it is under load, measured inside the node.

Beside it, in the same run, stands the loop of a process that does nothing: what that is late by is
the machine's doing, and where it is near the bound, so is the node whatever it does.
"""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from benchmarks.measure import Row
from da_node.node.bounds import LAG_INTERVAL_S

BOUND_S = 0.030
LOAD_S = 20.0
POSTERS = 3
READERS = 3
PAYLOAD_BYTES = (1 << 20, 4 << 20, 16 << 20)
"""Each poster goes through them in turn."""
METRIC = "holdfast_event_loop_lag_longest_seconds"


def run() -> Iterator[Row]:
    """One row: the longest stall, beside the bound that the node has to keep."""
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as idle,
        tempfile.TemporaryDirectory() as directory,
        running_node(Path(directory)) as url,
    ):
        idle.submit(int).result()  # the process is there before the load begins
        stall_s, idle_s, posted, read = asyncio.run(load(url, idle))
    sizes = "/".join(str(size >> 20) for size in PAYLOAD_BYTES)
    yield Row(
        what=f"longest stall of a node's event loop, {POSTERS} posters and {READERS} readers of "
        f"{sizes} MiB for {LOAD_S:.0f} s",
        figure=f"{stall_s * 1e3:.1f} ms; {posted} posts, {read} reads",
        beside=f"the bound: {BOUND_S * 1e3:.0f} ms; an idle process: {idle_s * 1e3:.1f} ms",
        ratio=stall_s / BOUND_S,
        target="≤ 1×",
        reached=stall_s <= BOUND_S,
    )


@contextmanager
def running_node(directory: Path) -> Iterator[str]:
    """`holdfast node run` on a free port; its URL."""
    command = [str(Path(sys.executable).with_name("holdfast")), "node", "run", "--log-json"]
    command += ["--directory", str(directory / "node"), "--port", "0", "--max-uploads", "64"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            first = json.loads(process.stderr.readline())
            yield first["url"]
        finally:
            process.kill()


async def load(url: str, idle: Executor) -> tuple[float, float, int, int]:
    """The longest stall of the node and of an idle loop, in seconds; posts and reads answered."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        await until_ready(session, url)
        began = await longest_stall_s(session, url)
        end_s = loop.time() + LOAD_S
        idling = loop.run_in_executor(idle, idle_stall_s, LOAD_S)
        known: list[str] = []
        posts = [post(session, url, end_s, known) for _ in range(POSTERS)]
        reads = [read(session, url, end_s, known) for _ in range(READERS)]
        counts = await asyncio.gather(*posts, *reads)
        stall_s = await longest_stall_s(session, url)
    print(f"  (longest stall while starting: {began * 1e3:.1f} ms)")
    return stall_s, await idling, sum(counts[:POSTERS]), sum(counts[POSTERS:])


def idle_stall_s(duration_s: float) -> float:
    """The longest that the loop of this process, which has nothing else to do, is late by."""

    async def watch() -> float:
        loop = asyncio.get_running_loop()
        end_s, longest_s = loop.time() + duration_s, 0.0
        while (due_s := loop.time() + LAG_INTERVAL_S) < end_s:
            await asyncio.sleep(LAG_INTERVAL_S)
            longest_s = max(longest_s, loop.time() - due_s)
        return longest_s

    return asyncio.run(watch())


async def until_ready(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        async with session.get(url + "/readyz") as response:
            if response.status == 200:
                return
        await asyncio.sleep(0.1)


async def post(session: aiohttp.ClientSession, url: str, end_s: float, known: list[str]) -> int:
    count = 0
    while asyncio.get_running_loop().time() < end_s:
        payload = io.BytesIO(os.urandom(PAYLOAD_BYTES[count % len(PAYLOAD_BYTES)]))
        async with session.post(url + "/v1/blobs", data=payload) as response:
            response.raise_for_status()
            known.append((await response.json())["blob_id"])
        count += 1
    return count


async def read(session: aiohttp.ClientSession, url: str, end_s: float, known: Sequence[str]) -> int:
    count = 0
    while asyncio.get_running_loop().time() < end_s:
        if not known:
            await asyncio.sleep(0.01)
            continue
        path = f"/v1/blobs/{known[count % len(known)]}"
        if count % 2:
            path += "/points?point=" + ",".join(map(str, range(0, 8192, 128)))
        async with session.get(url + path) as response:
            response.raise_for_status()
            async for _ in response.content.iter_any():
                pass
        count += 1
    return count


async def longest_stall_s(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(url + "/metrics") as response:
        text = await response.text()
    line = next(line for line in text.splitlines() if line.startswith(METRIC + " "))
    return float(line.split()[1])
