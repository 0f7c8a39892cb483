"""What a sampler costs and how soon it knows, beside whole cells, a KZG batch, and its members."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.measure import Row, at_most, paired
from committee.devnet import LocalCommittee
from committee.documents import Committee
from da_node.client import Client, Receipt
from da_node.client.client import local_pace
from da_node.client.wire import points_request
from da_node.coding import (
    CELL_BYTES,
    COLUMNS,
    PIECE_BYTES,
    PROOF_BYTES,
    BlobId,
    EncodedBlob,
    Point,
    encode,
    local_verifier,
    verify_many,
    verify_points,
)
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.confidence import WANTED_ERROR, Rule, Unit, samples_for
from sampler.controls import Controls
from sampler.costs import costs
from sampler.custody import Custody
from sampler.judging import Judge, Policy
from sampler.patience import Patience
from sampler.serving import running_sampler
from sampler.settings import SamplerSettings
from sampler.verifying import Verifier

MIB = 1 << 20
POINTS_VERIFIED, VERIFY_ROUNDS, VERIFY_BOUND = 48, 7, 1.3
ANNOUNCED, ANNOUNCED_BYTES, ANNOUNCED_BOUND = 15, MIB, 3.0
SAMPLED, SAMPLED_BYTES, SAMPLED_AT_ONCE, SAMPLED_BOUND = 120, 16 * MIB, 16, 0.5
FRAMING_BYTES = 500
"""Of one question and answer without their bodies: request line, fields, status."""
SETTINGS = {
    "member": {"reads_per_second_per_client": 1_000_000, "max_reads": 4096},
}
BOUNDS = {
    (16 * MIB, Rule.CERTIFIED): 0.01,
    (16 * MIB, Rule.STRICT): 0.022,
    (MIB, Rule.CERTIFIED): 0.06,
    (MIB, Rule.STRICT): 0.15,
}


def run() -> Iterator[Row]:
    """All rows; the last two need a network of five processes."""
    yield from sample_bytes()
    yield verifying()
    yield from beside_a_network()


# ---------------------------------------------------------------- bytes


def sample_bytes() -> Iterator[Row]:
    """Bodies alone, as the issue counts them; framing stands beside."""
    members = Custody(
        columns_of=tuple(frozenset(range(32 * i, 32 * i + 32)) for i in range(4)), faults=1
    )
    for one in costs(members, (16 * MIB, MIB, 100_000), (WANTED_ERROR,)):
        cells = per_cell_bytes(one.payload_bytes)
        for silent, cost in enumerate(one.by_silent):
            if cost is None:
                continue
            bound = None if silent else BOUNDS.get((one.payload_bytes, one.rule))
            name = f"{one.payload_bytes / MIB:.3g} MiB, {one.rule.name.lower()}, {silent} silent"
            is_small = one.payload_bytes == 100_000 and not silent
            ratio = cost.sample_bytes / cells if is_small else cost.share
            target = "report"
            if is_small:
                target, bound = "≤ 1.12×", 1.12
            elif bound is not None:
                target = f"≤ {bound}×"
            framing = cost.samples * FRAMING_BYTES
            yield Row(
                what=f"sample to 1e-6: {name}",
                figure=f"{cost.samples} {cost.unit.name.lower()}, {cost.sample_bytes / 1e3:.1f} kB "
                f"(+ about {framing / 1e3:.0f} kB of framing)",
                beside=f"per-cell scheme: {cells / 1e3:.1f} kB"
                if is_small
                else f"the payload: {one.payload_bytes / 1e3:.0f} kB",
                ratio=ratio,
                target=target,
                reached=None if bound is None else ratio <= bound,
            )


def per_cell_bytes(payload_bytes: int) -> int:
    """Sampling the same bytes as PeerDAS blobs: of each, as many cells with their proofs as leave
    the same error."""
    blobs = -(-payload_bytes // (4096 * PIECE_BYTES))
    cells = samples_for(COLUMNS, COLUMNS - COLUMNS // 2 + 1, WANTED_ERROR)
    assert cells is not None
    return blobs * cells * (CELL_BYTES + PROOF_BYTES)


# ---------------------------------------------------------------- verifying


def verifying() -> Row:
    """Points of distinct columns, beside the KZG call alone."""
    blob = encode(os.urandom(SAMPLED_BYTES), threads=2)
    points = drawn(blob, POINTS_VERIFIED)
    kzg = local_verifier()
    commitments = [blob.header.commitment] * len(points)
    columns = [point.column for point in points]
    cells, proofs = [point.cell for point in points], [point.proof for point in points]
    ours, theirs, ratio = paired(
        lambda: verify_points(blob.header, points, kzg),
        lambda: kzg.verify_cells(commitments, columns, cells, proofs),
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
    held = [blob.column(column).point(random.randrange(64)) for column in columns]
    return [Point.parse(point.serialize(), blob.header) for point in held]


# ---------------------------------------------------------------- a network


def beside_a_network() -> Iterator[Row]:
    """Members on one core, the sampler with its KZG worker on the other, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory:
        os.sched_setaffinity(0, cores[-1:])
        with LocalCommittee.running(Path(directory) / "network", more=SETTINGS) as committee:
            os.sched_setaffinity(0, cores[:1])
            try:
                yield asyncio.run(announced(committee, Path(directory)))
                yield asyncio.run(sampled(committee))
            finally:
                os.sched_setaffinity(0, cores)


async def announced(committee: LocalCommittee, directory: Path) -> Row:
    """From a certified blob's event, as any follower of the same feed sees it, to the verdict."""
    members = committee.committee.members
    settings = SamplerSettings(
        directory=directory / "sampler", port=0, feeds=members[0].url, kernel_threads=1
    )
    kzg = KzgPool(1, proves=False)
    await asyncio.to_thread(kzg.warm)
    heard: dict[BlobId, float] = {}

    async def listen() -> None:
        async with Client(members[0].url, kzg=kzg) as client:
            async for event in client.events():
                if event.certificate is not None:
                    heard.setdefault(event.blob_id, time.perf_counter())

    async with running_sampler(
        settings, committees=Committees([committee.committee]), key=None, kzg=kzg
    ) as (sampler, _):
        listening = asyncio.create_task(listen())
        await asyncio.sleep(2.0)  # both streams are open
        taken: list[float] = []
        with sampler.news.subscribe() as news:
            for _ in range(ANNOUNCED + 1):
                receipt = await post(committee, ANNOUNCED_BYTES)
                await news.get()
                taken.append(time.perf_counter() - heard[receipt.blob_id])
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        async with asking(kzg) as asker:
            rtt_s = await slowest_round_trip(asker, committee.committee, receipt)
            heard_points = await asker.ask(
                members[0].url,
                receipt.header,
                Unit.POINTS,
                [64 * n for n in range(20)],
                timeout_s=10.0,
            )
        points = list(heard_points.held.values())
        times = []
        for _ in range(VERIFY_ROUNDS):
            began = time.perf_counter()
            await asyncio.to_thread(verify_many, [(receipt.header, one) for one in points], kzg)
            times.append(time.perf_counter() - began)
    p50, beside = statistics.median(taken[1:]), rtt_s + statistics.median(times)
    return at_most(
        f"announced → verdict, {ANNOUNCED_BYTES // MIB} MiB, no faults, p50",
        p50,
        "the slowest member's round trip, and the verify",
        beside,
        p50 / beside,
        ANNOUNCED_BOUND,
    )


async def sampled(committee: LocalCommittee) -> Row:
    """Sessions one beside the other, beside what verifying the same cells takes alone."""
    receipts = [await post(committee, SAMPLED_BYTES) for _ in range(2)]
    kzg = KzgPool(1, proves=False)
    await asyncio.to_thread(kzg.warm)
    async with asking(kzg) as asker:
        judge = judge_of(committee.committee, asker, kzg)
        certificates = [await judge.certificate(one.blob_id, one.certificate) for one in receipts]
        gate = asyncio.Semaphore(SAMPLED_AT_ONCE)
        asked = 0

        async def one(number: int) -> None:
            nonlocal asked
            receipt = receipts[number % 2]
            terms = judge.terms(certificates[number % 2], receipt.expires_at)
            async with gate:
                judged = await judge.judge(receipt.header, terms, secrets.token_bytes(32))
            assert judged.verdict.finding is Finding.AVAILABLE
            asked += judged.verdict.asked

        await one(0)
        asked = 0
        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(SAMPLED)))
        ours_s = time.perf_counter() - began
    blob = encode(os.urandom(MIB), threads=1)
    points = drawn(blob, asked // SAMPLED)
    cells, proofs = [point.cell for point in points], [point.proof for point in points]
    columns, commitments = [point.column for point in points], [blob.header.commitment]
    began = time.perf_counter()
    for _ in range(SAMPLED):
        kzg_verify = local_verifier().verify_cells
        kzg_verify(commitments * len(points), columns, cells, proofs)
    bound_s = time.perf_counter() - began
    kzg.close()
    ratio = bound_s / ours_s
    return Row(
        what=f"blobs of {SAMPLED_BYTES // MIB} MiB sampled on one core",
        figure=f"{SAMPLED / ours_s:.1f} a second",
        beside=f"KZG alone, a batch of {len(points)} cells each: {SAMPLED / bound_s:.1f} a second",
        ratio=ratio,
        target=f"≥ {SAMPLED_BOUND}×",
        reached=ratio >= SAMPLED_BOUND,
    )


@asynccontextmanager
async def asking(kzg: KzgPool) -> AsyncIterator[Asker]:
    verifier = Verifier(kzg, threads=1)
    asker = Asker(verifier, kzg, local_pace(), connections=64)
    try:
        yield asker
    finally:
        await verifier.close()
        await asker.close()


def judge_of(committee: Committee, asker: Asker, kzg: KzgPool) -> Judge:
    chance = random.SystemRandom()
    return Judge(
        policy=Policy(
            wanted=WANTED_ERROR,
            patience=Patience(),
            together=False,
            most_items=1024,
            chain_id=1,
            key=None,
        ),
        committees=Committees([committee]),
        nodes=[committee.members[0].url],
        asker=asker,
        controls=Controls(time.time, chance),
        kzg=kzg,
        clock=time.time,
        pace=local_pace(),
        chance=chance,
    )


async def slowest_round_trip(asker: Asker, committee: Committee, receipt: Receipt) -> float:
    """Of one question and its answer, connections being open; of each member the median."""
    medians = []
    for arc, member in zip(committee.keyset.arcs, committee.members, strict=True):
        transport = await asker.transport(member.url)
        times = []
        for column in list(arc)[:20]:
            request = points_request(receipt.header, [64 * column])
            began = time.perf_counter()
            await transport.once(member.url, request)
            times.append(time.perf_counter() - began)
        medians.append(statistics.median(times))
    return max(medians)


async def post(committee: LocalCommittee, size_bytes: int) -> Receipt:
    async with Client(committee.disperser_url) as client:
        return await client.post(os.urandom(size_bytes))
