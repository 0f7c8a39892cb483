"""From a payload to its certificate: four members and a disperser, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from pathlib import Path

import aiohttp
import ckzg

from benchmarks.measure import Row, at_most, seconds
from committee.devnet import LocalCommittee
from da_node.coding import ROW_BYTES, Kzg, LocalKzg, encode
from da_node.coding.kzg import SETUP_FILE, load_setup

MIB = 1 << 20
CHANNEL = "op-channel.zlib"
CHANNEL_ROUNDS, CHANNEL_BOUND = 21, 1.4
LARGE_BYTES = 16 * MIB
LARGE_ROUNDS, LARGE_BOUND = 7, 3.0
CLIENTS, EACH = 8, 6
"""The sustained load: so many clients, each with so many payloads, one after the other."""
IN_MEMORY = Path("/dev/shm")
"""A file system on which a sync has nothing to do."""
SETTINGS = {"member": {"max_uploads": 64}, "disperser": {"max_uploads": 64}}


def run() -> Iterator[Row]:
    """What a rollup waits for, and what a committee takes in."""
    prover = LocalKzg(precompute=8)
    prover.load()
    with network(None) as url:
        yield certified_channel(url)
        yield certified_large(url, prover)
        synced_s = sustained_s(url)
    if IN_MEMORY.is_dir():
        with network(IN_MEMORY) as url:
            yield sustained(synced_s, sustained_s(url), prover)


@contextmanager
def network(parent: Path | None) -> Iterator[str]:
    """Where to post; all of it lies below `parent`, or where temporary files do."""
    with (
        tempfile.TemporaryDirectory(dir=parent) as directory,
        LocalCommittee.running(Path(directory), more=SETTINGS) as committee,
    ):
        yield committee.disperser_url


def certified_channel(url: str) -> Row:
    """Beside the curve work, which no way of spreading a blob can do without."""
    channel = (resources.files("da_node.cli") / "sample" / CHANNEL).read_bytes()
    with resources.as_file(resources.files("da_node.coding") / SETUP_FILE) as path:
        setup = load_setup(path, 8)
    row = b"".join(b"\x00" + os.urandom(31) for _ in range(ROW_BYTES // 32))

    def curve_work() -> None:
        ckzg.blob_to_kzg_commitment(row, setup)
        ckzg.compute_cells_and_kzg_proofs(row, setup)

    return beside(
        f"POST {CHANNEL} ({len(channel) >> 10} KiB) → certificate, p50",
        url,
        lambda: os.urandom(8) + channel[8:],
        "ckzg: commitment and proofs of one row",
        lambda _: curve_work(),
        rounds=CHANNEL_ROUNDS,
        bound=CHANNEL_BOUND,
    )


def certified_large(url: str, prover: Kzg) -> Row:
    return beside(
        f"POST {LARGE_BYTES // MIB} MiB → certificate, p50",
        url,
        lambda: os.urandom(LARGE_BYTES),
        "encode alone",
        lambda payload: encode(payload, prover, threads=1),
        rounds=LARGE_ROUNDS,
        bound=LARGE_BOUND,
    )


def beside(
    what: str,
    url: str,
    draw: Callable[[], bytes],
    peer: str,
    work: Callable[[bytes], object],
    *,
    rounds: int,
    bound: float,
) -> Row:
    """Posts and the peer's work in turn. Every post is of a payload that nobody has seen, since a
    repeat is certified already."""

    async def measured() -> list[tuple[float, float]]:
        pairs = []
        async with aiohttp.ClientSession() as session:
            for _ in range(rounds + 1):
                payload = draw()
                start = time.perf_counter()
                await post(session, url, payload)
                ours = time.perf_counter() - start
                # What members do in the background belongs to the post, not to its peer.
                await asyncio.sleep(0.2)
                pairs.append((ours, await asyncio.to_thread(seconds, partial(work, payload))))
        return pairs[1:]

    pairs = asyncio.run(measured())
    ours, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    return at_most(what, statistics.median(ours), peer, statistics.median(theirs), ratio, bound)


def sustained_s(url: str) -> float:
    """Seconds in which all payloads of all clients are certified."""

    async def client(session: aiohttp.ClientSession, payloads: list[bytes]) -> None:
        for payload in payloads:
            await post(session, url, payload)

    async def all_of_them() -> float:
        async with aiohttp.ClientSession() as session:
            await post(session, url, os.urandom(MIB))
            work = [[os.urandom(MIB) for _ in range(EACH)] for _ in range(CLIENTS)]
            start = time.perf_counter()
            await asyncio.gather(*(client(session, payloads) for payloads in work))
            return time.perf_counter() - start

    return asyncio.run(all_of_them())


def sustained(synced_s: float, unsynced_s: float, prover: Kzg) -> Row:
    count = CLIENTS * EACH
    payload = os.urandom(MIB)
    encode_s = statistics.median(
        seconds(lambda: encode(payload, prover, threads=1)) for _ in range(5)
    )
    rates = [f"{count / one:.1f} MiB/s" for one in (synced_s, unsynced_s)]
    return Row(
        what=f"sustained posts of 1 MiB from {CLIENTS} clients, synced",
        figure=rates[0],
        beside=f"members on a disk in memory: {rates[1]}; encoding alone, one thread: "
        f"{1 / encode_s:.1f} MiB/s",
        ratio=unsynced_s / synced_s,
        target="report",
        reached=None,
    )


async def post(session: aiohttp.ClientSession, url: str, payload: bytes) -> None:
    async with session.post(f"{url}/v1/blobs", data=payload) as response:
        answer = await response.json()
        response.raise_for_status()
        assert answer["certificate"], answer
