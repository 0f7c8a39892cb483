"""What a sampler costs and how soon it knows.

*Bytes*: `benchmarks.sample_bytes`.

*Announced → verdict*: a running sampler's verdict, from the moment at which another follower of the
same feed has the certified blob's event. "The slowest member's round trip" beside it can be read
in two ways, each of which has a row: what the sample's questions take, all asked at once, until the
slowest member's last answer is here; or what a single question takes, to the slowest member, with
nothing else under way. A session has twenty answered, so only the first is what it waits for. Both
are taken right after each verdict, with the verifying of one batch, and the ratio is the median of
the blobs' own.

*Blobs a second*: sessions beside each other, sixteen different blobs, one question a request as by
default. Sampler and KZG worker share one core, all servers have the other one. The servers send
twenty answers a blob and may be the slower side; so what counts is how long the sampler's two
processes were at work, by the scheduler, and the same of KZG alone with a batch of cells for each
blob. The two are measured in turn. What the wall clock says stands beside.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.cores import cpu_s, on_core, two_cores
from benchmarks.measure import Row, at_most, paired
from benchmarks.sample_bytes import sample_bytes
from benchmarks.sessions import asking, available, judge_of, post
from committee.devnet import LocalCommittee
from committee.documents import Committee
from da_node.client import Client, Receipt
from da_node.client.wire import points_request, split_points
from da_node.coding import (
    COLUMNS,
    POINTS_PER_COLUMN,
    BlobId,
    EncodedBlob,
    Point,
    encode,
    local_verifier,
    verify_points,
)
from da_node.service.collector import spare_collector
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.confidence import Rule
from sampler.serving import running_sampler
from sampler.settings import SamplerSettings

MIB = 1 << 20
POINTS_VERIFIED, VERIFY_ROUNDS, VERIFY_BOUND = 48, 9, 1.3
ANNOUNCED, ANNOUNCED_BYTES, ANNOUNCED_BOUND = 25, MIB, 3.0
SAMPLED_BYTES, SAMPLED_BOUND = 16 * MIB, 0.5
SAMPLED_AT_ONCE, SAMPLED_ROUNDS = 16, 9
POINTS_OF_A_SAMPLE = 20
"""Certified, at 1e-6, with everybody answering."""
SETTINGS = {
    "member": {"reads_per_second_per_client": 1_000_000, "max_reads": 4096},
}


def run() -> Iterator[Row]:
    """All rows; most need a network of five processes. Members on one core, the sampler with its
    KZG worker on the other, where there are two.
    """
    yield verifying()
    ours, theirs = two_cores()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        with on_core(theirs):
            network = LocalCommittee.running(Path(name) / "network", more=SETTINGS)
            local = stack.enter_context(network)
        stack.enter_context(on_core(ours))
        kzg = KzgPool(1, proves=False)
        stack.callback(kzg.close)
        kzg.warm()
        committee, disperser = local.committee, local.disperser_url
        # In this order: later on the feed has blobs in it, which a new sampler catches up on.
        yield from asyncio.run(announced(committee, disperser, Path(name)))
        yield from asyncio.run(sample_bytes(committee, disperser, kzg))
        yield asyncio.run(sampled(committee, disperser, kzg))


# ---------------------------------------------------------------- verifying


def verifying() -> Row:
    """Points of distinct columns, beside the KZG call alone."""
    blob = encode(os.urandom(SAMPLED_BYTES), threads=2)
    points = drawn(blob, POINTS_VERIFIED)
    kzg = local_verifier()
    ours, theirs, ratio = paired(
        lambda: verify_points(blob.header, points, kzg),
        lambda: kzg.verify_cells(*opening(blob, points)),
        VERIFY_ROUNDS,
    )
    return at_most(
        f"verify {POINTS_VERIFIED} points of {SAMPLED_BYTES // MIB} MiB",
        ours,
        f"one KZG batch of {POINTS_VERIFIED} cells",
        theirs,
        ratio,
        VERIFY_BOUND,
    )


def drawn(blob: EncodedBlob, count: int) -> list[Point]:
    """As they come from the network: nothing about them is known."""
    columns = random.sample(range(COLUMNS), count)
    held = [blob.column(column).point(random.randrange(POINTS_PER_COLUMN)) for column in columns]
    return [Point.parse(point.serialize(), blob.header) for point in held]


def opening(
    blob: EncodedBlob, points: list[Point]
) -> tuple[list[bytes], list[int], list[bytes], list[bytes]]:
    """What KZG verifies of them: commitments, columns, cells, proofs."""
    return (
        [blob.header.commitment] * len(points),
        [point.column for point in points],
        [point.cell for point in points],
        [point.proof for point in points],
    )


# ---------------------------------------------------------------- blobs a second


async def sampled(committee: Committee, disperser: str, kzg: KzgPool) -> Row:
    """Rounds of sessions, each followed by as many KZG batches."""
    receipts = [await post(disperser, SAMPLED_BYTES) for _ in range(SAMPLED_AT_ONCE)]
    blob = encode(os.urandom(MIB), threads=1)
    claims = [opening(blob, drawn(blob, POINTS_OF_A_SAMPLE)) for _ in receipts]
    local_verifier().verify_cells(*claims[0])  # the setup is loaded
    processes = [os.getpid(), *(one.pid for one in multiprocessing.active_children() if one.pid)]
    at_work, on_the_wall, alone = [], [], []
    async with asking(kzg) as asker:
        judge = judge_of(committee, asker, kzg)

        async def again(receipt: Receipt, times: int) -> None:
            for _ in range(times):
                verdict = await available(judge, receipt, Rule.CERTIFIED)
                assert verdict.held == POINTS_OF_A_SAMPLE

        await asyncio.gather(*(again(one, 1) for one in receipts))
        spare_collector()  # as a sampler's own process does
        for _ in range(SAMPLED_ROUNDS):
            began, began_s = cpu_s(*processes), time.perf_counter()
            await asyncio.gather(*(again(one, 2) for one in receipts))
            on_the_wall.append((time.perf_counter() - began_s) / 2 / len(receipts))
            at_work.append((cpu_s(*processes) - began) / 2 / len(receipts))
            began_s = time.thread_time()
            for claim in claims:
                assert local_verifier().verify_cells(*claim)
            alone.append((time.thread_time() - began_s) / len(claims))
    ours, theirs, wall = map(statistics.median, (at_work, alone, on_the_wall))
    ratio = statistics.median(b / a for a, b in zip(at_work, alone, strict=True))
    return Row(
        what=f"blobs of {SAMPLED_BYTES // MIB} MiB sampled a second on one core",
        figure=f"{1 / ours:.0f} a second of its work, {1 / wall:.0f} by the wall clock",
        beside=f"KZG alone, a batch of {POINTS_OF_A_SAMPLE} cells each: {1 / theirs:.0f} a second",
        ratio=ratio,
        target=f"≥ {SAMPLED_BOUND}×",
        reached=ratio >= SAMPLED_BOUND,
    )


# ---------------------------------------------------------------- announced → verdict


async def announced(committee: Committee, disperser: str, directory: Path) -> list[Row]:
    """Blobs one after the other, each after the verdict on the one before."""
    feed = committee.members[0].url
    settings = SamplerSettings(directory=directory / "sampler", port=0, feeds=feed)
    kzg = KzgPool(1, proves=False)
    await asyncio.to_thread(kzg.warm)
    heard: dict[BlobId, asyncio.Future[float]] = {}
    loop = asyncio.get_running_loop()

    async def listen() -> None:
        async with Client(feed, kzg=kzg) as client:
            async for event in client.events():
                if event.certificate is not None:
                    one = heard.setdefault(event.blob_id, loop.create_future())
                    one.set_result(time.perf_counter())

    taken, alone, single = [], [], []
    async with (
        running_sampler(settings, committees=Committees([committee]), key=None, kzg=kzg) as (
            sampler,
            _,
        ),
        asking(kzg) as asker,
    ):
        listening = asyncio.create_task(listen())
        with sampler.news.subscribe() as news:
            await asyncio.sleep(2.0)  # both streams are open
            for _ in range(ANNOUNCED + 1):
                receipt = await post(disperser, ANNOUNCED_BYTES)
                now = 0.0
                while await sampler.state.run(sampler.state.steps.verdict, receipt.blob_id) is None:
                    await news.get()
                    now = time.perf_counter()
                began = await heard.setdefault(receipt.blob_id, loop.create_future())
                taken.append(now - began)
                alone.append(await by_itself(asker, committee, receipt, kzg))
                single.append(await round_trip(asker, committee, receipt))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    at_once, verify = (list(one) for one in zip(*alone[1:], strict=True))
    beside = {
        "all the sample's questions at once": at_once,
        "one question alone": single[1:],
    }
    return [until_verdict(taken[1:], name, asked, verify) for name, asked in beside.items()]


def until_verdict(taken: list[float], name: str, asked: list[float], verify: list[float]) -> Row:
    """Beside the slowest member's round trip of so many questions, and the verify."""
    together = zip(taken, asked, verify, strict=True)
    ratio = statistics.median(whole / (one + two) for whole, one, two in together)
    trip, checked = statistics.median(asked) * 1e3, statistics.median(verify) * 1e3
    return Row(
        what=f"announced → verdict, {ANNOUNCED_BYTES // MIB} MiB, no faults, p50",
        figure=f"{statistics.median(taken) * 1e3:.1f} ms",
        beside=f"the slowest member's round trip, {name}: {trip:.1f} ms, and the verify: "
        f"{checked:.1f} ms",
        ratio=ratio,
        target=f"≤ {ANNOUNCED_BOUND}×",
        reached=ratio <= ANNOUNCED_BOUND,
    )


async def by_itself(
    asker: Asker, committee: Committee, receipt: Receipt, kzg: KzgPool
) -> tuple[float, float]:
    """Seconds until all points of a sample are here, and then until they are verified."""
    header = receipt.header
    chosen = random.sample(range(COLUMNS * POINTS_PER_COLUMN), POINTS_OF_A_SAMPLE)

    async def ask(point: int) -> Point:
        url = keeper(committee, point // POINTS_PER_COLUMN)
        transport = await asker.transport(url)
        answer = await transport.once(url, points_request(header, [point]))
        return split_points(header, [point], answer.body)[0]

    began_s = time.perf_counter()
    points = await asyncio.gather(*map(ask, chosen))
    here_s = time.perf_counter()
    await asyncio.to_thread(verify_points, header, points, kzg)
    return here_s - began_s, time.perf_counter() - here_s


async def round_trip(asker: Asker, committee: Committee, receipt: Receipt) -> float:
    """Seconds of one question to the slowest member, nothing else being asked."""
    times = []
    for member, arc in zip(committee.members, committee.keyset.arcs, strict=True):
        transport = await asker.transport(member.url)
        began_s = time.perf_counter()
        point = arc.start * POINTS_PER_COLUMN
        await transport.once(member.url, points_request(receipt.header, [point]))
        times.append(time.perf_counter() - began_s)
    return max(times)


def keeper(committee: Committee, column: int) -> str:
    """The URL of the first member that keeps a column."""
    members = zip(committee.members, committee.keyset.arcs, strict=True)
    return next(member.url for member, arc in members if column in arc)
