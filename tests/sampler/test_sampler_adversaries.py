"""What members, feeds and clocks do to a sampler, over sockets."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from sampler_network import (
    ASKS_AGAIN,
    HANGS_S,
    Network,
    all_of,
    of_blob,
    running_network,
    sampling,
    until,
)

from committee.devnet.faults import OtherBlob, Silent, Truncate, Withhold
from da_node.client import FeedEvent
from da_node.coding import BlobId, Commitment, Header, MerkleRoot, local_verifier
from da_node.service import FalseAnswer
from da_node.service.http.answers import json_answer
from sampler.bounds import CLOCK_SKEW_S, SILENT_SESSIONS
from sampler.cli.evidence import evidence_text
from sampler.conclusion import Finding
from sampler.confidence import Rule
from sampler.documents import time_of
from sampler.intervals import Interval
from sampler.sampler import Sampler
from sampler.session import Session
from sampler.state import Lane, Stored

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERYBODY = [0, 1, 2, 3]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def healed(network: Network) -> AsyncIterator[None]:
    yield
    await network.heal()


async def verdict(sampler: Sampler, blob_id: BlobId, after: int = 0) -> Stored:
    async def later() -> Stored | None:
        stored = await sampler.state.run(sampler.state.steps.verdict, blob_id)
        return stored if stored is not None and stored.cursor > after else None

    found: Stored = await until(later)
    return found


async def require(sampler: Sampler, blob_id: BlobId, finding: Finding) -> None:
    """The first verdict on a blob is this one; if not, the failure shows its evidence."""
    found = await verdict(sampler, blob_id)
    evidence = await sampler.state.run(sampler.state.steps.evidence, blob_id)
    assert found.verdict == finding, evidence_text(json.loads(evidence or b"{}"))


async def test_a_withheld_blob_holds_up_no_other(network: Network, tmp_path: Path) -> None:
    """Its questions are never answered; there is one session at a time left for the others."""
    payload, blob_id = network.payload()
    await network.arm(EVERYBODY, all_of(blob_id, "silent"))
    async with sampling(network, tmp_path, sessions=2) as (sampler, _):
        await network.post(payload=payload)
        others = [await network.post() for _ in range(3)]
        for other in others:
            await require(sampler, other.blob_id, Finding.AVAILABLE)
        assert await sampler.state.run(sampler.state.steps.verdict, blob_id) is None


async def test_whole_arcs_withheld_by_more_than_may_fail(network: Network, tmp_path: Path) -> None:
    """Who asks about this blob is not answered. Of three members at least two signed."""
    payload, blob_id = network.payload()
    async with sampling(network, tmp_path, feeds=network.urls[3], **ASKS_AGAIN) as (sampler, _):
        good = await network.post()
        await require(sampler, good.blob_id, Finding.AVAILABLE)
        await network.arm([0, 1, 2], all_of(blob_id, "silent"))
        await network.post(payload=payload)
        await require(sampler, blob_id, Finding.WITHHELD)


async def test_another_blobs_points_in_place_of_its_own(network: Network, tmp_path: Path) -> None:
    other = await network.post()
    payload, blob_id = network.payload()
    fault = OtherBlob(path=of_blob(blob_id), instead=other.blob_id.hex0x)
    await network.arm([0, 1, 2], fault)
    async with sampling(network, tmp_path, feeds=network.urls[3]) as (sampler, _):
        await network.post(payload=payload)
        await require(sampler, blob_id, Finding.WITHHELD)


async def test_our_own_network_cut_accuses_nobody(network: Network, tmp_path: Path) -> None:
    """It is cut before the blob is announced; controls are known."""
    good = await network.post()
    async with sampling(network, tmp_path) as (sampler, _):
        await require(sampler, good.blob_id, Finding.AVAILABLE)
    receipt = await network.post()
    event = FeedEvent(
        cursor=1,
        blob_id=receipt.blob_id,
        header=receipt.header,
        expires_at=receipt.expires_at,
        label="",
        certificate=receipt.certificate,
    )
    async with (
        a_feed([]) as url,
        sampling(network, tmp_path, feeds=url, deadline_s=5.0, question_s=3.0) as (sampler, _),
    ):
        assert sampler.judge.controls.having(network.urls, receipt.blob_id)
        await network.arm(EVERYBODY, Silent())
        await sampler.hearing.announce("ours", Interval(0, 1), [event], is_new=True)
        found = await verdict(sampler, receipt.blob_id)
        assert found.verdict == Finding.INCONCLUSIVE


async def test_a_member_that_withholds_one_point_of_every_column_is_no_reason_to_doubt(
    network: Network, tmp_path: Path
) -> None:
    """One of four may do as it likes."""
    payload, blob_id = network.payload(1_000_000)
    lost = tuple(64 * column + column % 64 for column in range(128))
    await network.arm([2], Withhold(path=of_blob(blob_id), points=lost))
    async with sampling(network, tmp_path) as (sampler, _):
        await network.post(payload=payload)
        await require(sampler, blob_id, Finding.AVAILABLE)


async def test_nothing_is_asked_of_what_is_about_to_be_deleted(
    network: Network, tmp_path: Path
) -> None:
    receipt = await network.post()
    late = receipt.expires_at - 3600
    async with sampling(network, tmp_path, clock=lambda: late) as (sampler, _):

        async def is_given_up() -> bool:
            known = await sampler.state.run(sampler.state.steps.blob, receipt.blob_id)
            return known is not None and not sum(
                (await sampler.state.run(sampler.state.steps.counts)).values()
            )

        await until(is_given_up)
        assert await sampler.state.run(sampler.state.steps.verdict, receipt.blob_id) is None
        assert "holdfast_missed_blobs_total" in sampler.metrics.render().decode()
    # A moment earlier there is time for one session.
    early = late - int(HANGS_S)
    async with sampling(network, tmp_path / "early", clock=lambda: early) as (sampler, _):
        await require(sampler, receipt.blob_id, Finding.AVAILABLE)


async def test_the_last_session_of_a_blob_is_over_before_anybody_may_delete_it(
    network: Network, tmp_path: Path
) -> None:
    """Begun at the last moment, of members whose clocks are ahead of ours by all that is put up
    with: an hour lies between, and none of them has deleted anything, or says so.
    """
    receipt = await network.post()
    before, began = network.clock.now, receipt.expires_at - 3600 - int(HANGS_S)
    network.clock.now = began + CLOCK_SKEW_S
    try:
        async with sampling(network, tmp_path, clock=lambda: began) as (one, _):
            await require(one, receipt.blob_id, Finding.AVAILABLE)
            assert one.hearing.offsets_s
            assert one.hearing.trusts_clock
    finally:
        network.clock.now = before


async def test_a_promise_that_is_over_is_held_against_nobody(
    network: Network, tmp_path: Path
) -> None:
    """A feed says that the blob stays for longer than its members promised, and a node still hands
    over the certificate; the members have deleted it, as they may.
    """
    before, receipt = network.clock.now, await network.post()
    network.clock.now = receipt.expires_at + 2 * 3600
    gone = Withhold(path=f"/v1/blobs/{receipt.blob_id.hex0x}/points", columns=tuple(range(128)))
    await network.arm(EVERYBODY, gone)
    event = FeedEvent(
        cursor=1,
        blob_id=receipt.blob_id,
        header=receipt.header,
        expires_at=receipt.expires_at + 86_400,
        label="",
        certificate=None,
    )
    certified = msgspec.structs.replace(event, cursor=2, certificate=receipt.certificate)
    try:
        async with (
            a_feed([]) as url,
            sampling(network, tmp_path, feeds=url, certificate_wait_s=0.0) as (sampler, _),
        ):
            await sampler.hearing.announce("liar", Interval(0, 1), [event], is_new=True)
            await sampler.hearing.announce("liar", Interval(1, 2), [certified], is_new=True)

            async def is_over() -> bool:
                counts = await sampler.state.run(sampler.state.steps.counts)
                found = await sampler.state.run(sampler.state.steps.verdict, receipt.blob_id)
                return found is not None or not sum(counts.values())

            await until(is_over)
            assert await sampler.state.run(sampler.state.steps.verdict, receipt.blob_id) is None
    finally:
        network.clock.now = before


async def test_a_clock_that_is_wrong_makes_nobody_a_liar(network: Network, tmp_path: Path) -> None:
    """Ours is behind: members have deleted what we still ask for, and say so."""
    receipt = await network.post()
    before = network.clock.now
    async with sampling(network, tmp_path, clock=lambda: before) as (sampler, _):
        await require(sampler, receipt.blob_id, Finding.AVAILABLE)
        other = await network.post()
        await require(sampler, other.blob_id, Finding.AVAILABLE)
    # This session goes on until its deadline. No member is asked for the time meanwhile.
    async with (
        a_feed([]) as url,
        sampling(network, tmp_path, feeds=url, clock=lambda: before, deadline_s=3.0) as (
            sampler,
            _,
        ),
    ):
        network.clock.now = receipt.expires_at + 1
        sampler.hearing.heard(network.urls[0], network.clock())
        assert not sampler.hearing.trusts_clock
        report = await sampler.health.report()
        assert not report.probes["clock"].ok
        judged = await sampler.judge.judge(
            receipt.header,
            sampler.judge.terms(
                await sampler.judge.certificate(receipt.blob_id, receipt.certificate), 0
            ),
            random.Random(1).randbytes(32),
            trusts_clock=sampler.hearing.trusts_clock,
        )
        network.clock.now = before
        assert judged.verdict.finding is Finding.INCONCLUSIVE


async def test_two_verdicts_on_a_blob_never_bear_the_same_second(
    network: Network, tmp_path: Path
) -> None:
    """The clock stands, or goes back: *withheld* and *available* of one second cost a stake."""
    payload, blob_id = network.payload()
    await network.arm(EVERYBODY, all_of(blob_id))
    async with sampling(network, tmp_path) as (sampler, _):
        await network.post(payload=payload)
        await require(sampler, blob_id, Finding.WITHHELD)
        first = await verdict(sampler, blob_id)
        await network.heal()
        network.clock.now -= 2
        try:
            await sampler.state.run(sampler.state.steps.put_off, blob_id, network.clock())
            second = await verdict(sampler, blob_id, first.cursor)
        finally:
            network.clock.now += 2
    assert second.verdict == Finding.AVAILABLE
    assert time_of(second.document) == time_of(first.document) + 1


# ---------------------------------------------------------------- feeds


@asynccontextmanager
async def a_feed(events: list[dict[str, Any]]) -> AsyncIterator[str]:
    """A node that has nothing but a feed, and no stream of it."""

    async def node(request: web.Request) -> web.Response:
        return json_answer(
            {
                "node_id": "liar",
                "version": "1",
                "keyset_hash": None,
                "arc": {"start": 0, "count": 0},
                "retention_s": 1_572_864,
                "time": 1_800_000_123,
            }
        )

    async def page(request: web.Request) -> web.Response:
        after, limit = int(request.query["after"]), int(request.query["limit"])
        found = [event for event in events if event["cursor"] > after][:limit]
        return json_answer({"blobs": found})

    application = web.Application()
    application.router.add_get("/v1/node", node)
    application.router.add_get("/v1/blobs", page)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def announced(cursor: int, header: Header, certificate: bytes | None = None) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "blob_id": header.blob_id.hex0x,
        "header": "0x" + header.serialize().hex(),
        "expires_at": 1_800_000_123 + 1_572_864,
        "label": "",
        "certificate": None if certificate is None else "0x" + certificate.hex(),
    }


def garbage(seed: int) -> Header:
    """A header of nothing; every other one is not even a point of the group."""
    chance = random.Random(seed)
    point = b"\xc0" + bytes(47) if seed % 2 else chance.randbytes(48)
    return Header(
        payload_length=1 + chance.randrange(10**6),
        merkle_root=MerkleRoot(chance.randbytes(32)),
        commitment=Commitment(point),
    )


async def test_hundreds_of_garbage_blobs_announced_hold_up_no_real_one(
    network: Network, tmp_path: Path
) -> None:
    """Without a valid certificate they have a quarter of the sessions, and come last."""
    real = await network.post()
    assert real.certificate is not None
    forged = bytearray(real.certificate)
    forged[-1] ^= 1
    events = [announced(1 + seed, garbage(seed)) for seed in range(400)]
    events += [announced(500 + seed, real.header, bytes(forged)) for seed in range(20)]
    async with (
        a_feed(events) as url,
        sampling(network, tmp_path, feeds=f"{url},{network.urls[0]}", sessions=4) as (sampler, _),
    ):

        async def has_read() -> bool:
            covered = await sampler.hearing.covered("liar")
            return covered.upto == 519 and not list(covered.gaps())

        await until(has_read)
        await require(sampler, real.blob_id, Finding.AVAILABLE)
        later = await network.post()
        found = await verdict(sampler, later.blob_id)
        assert found.verdict == Finding.AVAILABLE
        waiting = await sampler.state.run(sampler.state.steps.counts)
        assert waiting[Lane.UNCERTIFIED] > 100
        assert waiting[Lane.NEW] == waiting[Lane.RETRY] == 0


async def test_what_cannot_be_is_not_sampled_whatever_a_feed_says(
    network: Network, tmp_path: Path
) -> None:
    """A blob that has expired or claims to stay longer than any does, another one's certificate, a
    commitment that is no point: none of them is asked for, and none gets a verdict.
    """
    real, other = await network.post(), await network.post()
    now, longest = int(network.clock.now), network.committee.keyset.retention_s
    forged = [garbage(2), garbage(4)]  # of even ones the commitment is no point

    def event(cursor: int, header: Header, expires_at: int) -> FeedEvent:
        return FeedEvent(
            cursor=cursor,
            blob_id=header.blob_id,
            header=header,
            expires_at=expires_at,
            label="",
            certificate=other.certificate if header is real.header else None,
        )

    events = [event(1 + n, header, now + longest) for n, header in enumerate(forged)]
    events += [event(3, garbage(1), now), event(4, garbage(3), now + longest + 2 * 86_400)]
    events.append(event(5, real.header, real.expires_at))
    async with (
        a_feed([]) as url,
        sampling(network, tmp_path, feeds=url, certificate_wait_s=0.0) as (sampler, _),
    ):
        committees, kzg = sampler.committees, local_verifier()
        for _ in range(2):  # what was verified is remembered, of its own blob alone
            committees.verify(other.certificate or b"", other.blob_id, kzg)
            with pytest.raises(FalseAnswer, match="another blob"):
                committees.verify(other.certificate or b"", real.blob_id, kzg)
        await network.arm(EVERYBODY, Truncate(path=f"/v1/blobs/{real.blob_id.hex0x}/certificate"))
        await sampler.hearing.announce("liar", Interval(0, 5), events, is_new=True)

        async def is_over() -> bool:
            counts = await sampler.state.run(sampler.state.steps.counts)
            return not sum(counts.values())

        await until(is_over)
        steps = sampler.state.steps
        known = [
            (await sampler.state.run(steps.blob, one.blob_id)) is not None
            for one in (*forged, garbage(1), garbage(3), real.header)
        ]
        given = await sampler.state.run(steps.verdicts, 0, 10)
    assert known == [True, True, False, False, True]
    # By the nodes' own word the blob is there; nobody's certificate vouched for it.
    assert [one.blob_id for one in given] == [real.blob_id]
    assert json.loads(given[0].document)["message"]["rule"] == Rule.STRICT


@pytest.mark.parametrize("cursors", [[2**70], [7] * 500], ids=["far", "same"])
async def test_a_feed_with_impossible_cursors_stops_nothing(
    cursors: list[int], network: Network, tmp_path: Path
) -> None:
    """It is tried again later; others are followed meanwhile."""
    events = [announced(cursor, garbage(1)) for cursor in cursors]
    async with (
        a_feed(events) as url,
        sampling(network, tmp_path, feeds=f"{url},{network.urls[0]}") as (sampler, _),
    ):
        failures = sampler.metrics.feed_failures.labels(url)

        async def has_failed() -> bool:
            return failures._value.get() >= 2  # type: ignore[no-any-return]

        await until(has_failed)
        receipt = await network.post()
        await require(sampler, receipt.blob_id, Finding.AVAILABLE)
        assert not any(task.done() for task in sampler._loops[:2])


async def test_a_session_without_the_certificate_is_begun_again_once_it_comes(
    network: Network, tmp_path: Path
) -> None:
    """Members say nothing meanwhile. What is asked then is of the same random order, the session
    that nobody vouched for says nothing, and nobody is expected to be silent who may have chosen to
    be by the questions of the first.
    """
    receipt = await network.post()
    blob_id = receipt.blob_id
    unreadable = Truncate(path=f"/v1/blobs/{blob_id.hex0x}/certificate")
    await network.arm(EVERYBODY, all_of(blob_id, "silent"), unreadable)
    seen: list[Session] = []

    def watch(session: Session) -> None:
        if all(session is not one for one in seen):
            seen.append(session)

    async def begun(sessions: int) -> None:
        async def have_begun() -> bool:
            return len(seen) >= sessions

        await until(have_begun)

    event = FeedEvent(
        cursor=1,
        blob_id=blob_id,
        header=receipt.header,
        expires_at=receipt.expires_at,
        label="",
        certificate=None,
    )
    certified = msgspec.structs.replace(event, cursor=2, certificate=receipt.certificate)
    async with (
        a_feed([]) as url,
        sampling(
            network, tmp_path, feeds=url, certificate_wait_s=0.0, watch=watch, **ASKS_AGAIN
        ) as (sampler, _),
    ):
        await sampler.hearing.announce("liar", Interval(0, 1), [event], is_new=True)
        await begun(1)
        silence = sampler._turns._silence
        for _ in range(SILENT_SESSIONS):
            silence.ended(network.committee, silent=[3], answered=[])
        assert silence.expected(network.committee) == {3}
        await sampler.hearing.announce("liar", Interval(1, 2), [certified], is_new=True)
        await begun(2)
        await network.heal()
        await require(sampler, blob_id, Finding.AVAILABLE)
        given = await sampler.state.run(sampler.state.steps.verdicts, 0, 10)
    first, second = seen
    assert (first.plan.rule, second.plan.rule) == (Rule.STRICT, Rule.CERTIFIED)
    assert first.plan.order.secret == second.plan.order.secret
    assert second.plan.division.expected == frozenset()
    assert not first.is_over
    assert [one.blob_id for one in given] == [blob_id]


async def test_a_feed_without_a_stream_is_read_in_pages(network: Network, tmp_path: Path) -> None:
    """The disperser's own, which has no cursors of its own to stream by."""
    async with sampling(network, tmp_path, feeds=network.disperser) as (sampler, _):
        receipt = await network.post()
        await require(sampler, receipt.blob_id, Finding.AVAILABLE)


async def test_what_was_missed_is_read_once_and_without_gaps(
    network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path, feeds=network.urls[0]) as (sampler, _):
        first = await network.post()
        await verdict(sampler, first.blob_id)
    missed = [await network.post() for _ in range(3)]
    async with sampling(network, tmp_path, feeds=network.urls[0]) as (sampler, _):
        new = await network.post()
        for receipt in (*missed, new):
            await require(sampler, receipt.blob_id, Finding.AVAILABLE)
        node = await sampler._client.node(network.urls[0])

        async def is_whole() -> bool:
            covered = await sampler.hearing.covered(node.node_id)
            return not list(covered.gaps())

        await until(is_whole)
        given = await sampler.state.run(sampler.state.steps.verdicts, 0, 1000)
    # Two announcements of each, and one verdict.
    ids = [one.blob_id for one in given]
    assert len(ids) == len(set(ids))
