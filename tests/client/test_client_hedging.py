"""Nobody is waited for whom the read does not need, and nothing is forgotten by the next one."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fake_node import ManualPace, document, eventually, hang, items, refuse, reply

from da_node.client import Limits
from da_node.coding import BlobId, local_verifier
from da_node.errors import FalseAnswer, NoNode, NotEnoughReached, OperationTimeout, UnknownBlob

HEDGE_S = 2.0
ARCS = [(0, 32), (32, 32), (64, 32), (96, 32)]
UNKNOWN = BlobId(bytes(32))


@pytest.fixture
def manual():
    return ManualPace()


@pytest.fixture
def four(start):
    """Four members, each with its arc."""

    async def four(**options):
        return [
            await start(arc=arc, columns=set(range(arc[0], arc[0] + arc[1])), **options)
            for arc in ARCS
        ]

    return four


@pytest.fixture
def hedging(connect, manual):
    """A client that hedges, by time that the test lets pass."""

    async def hedging(*nodes, **options):
        settings = {"pace": manual.pace, "hedge_s": HEDGE_S, "limits": Limits(idle_s=60)}
        return await connect(*nodes, **(settings | options))

    return hedging


async def after_hedge(manual, work, when):
    """What the work gives if the hedge delay passes at that moment."""
    task = asyncio.ensure_future(work)
    await eventually(lambda: task.done() or (when() and manual.awaited))
    manual.advance(HEDGE_S)
    async with asyncio.timeout(20):
        return await task


class Progress(list):
    """Collects what a read tells about how far it is."""

    def __call__(self, done, total):
        self.append(done)

    def columns(self, sample):
        return self[-1] // sample.blob.column(0).byte_length if self else 0


# ---------------------------------------------------------------- columns


async def test_a_silent_member_costs_the_hedge_delay_and_no_more(four, hedging, sample, manual):
    members = await four()
    members[0].script["columns"] += [hang] * 9
    client = await hedging(*members)
    done = Progress()
    read = client.get(sample.blob.header, progress=done)
    assert await after_hedge(manual, read, lambda: done.columns(sample) == 32) == sample.payload
    assert len(members[2].asked_indices() + members[3].asked_indices()) == 32


async def test_without_the_hedge_a_silent_member_takes_the_whole_operation(four, connect, sample):
    members = await four()
    members[0].script["columns"] += [hang] * 9
    client = await connect(*members, hedge_s=None, operation_s=0.5, limits=Limits(idle_s=60))
    with pytest.raises(OperationTimeout):
        await client.get(sample.blob.header)


async def test_a_member_that_never_says_what_it_keeps_is_not_waited_for(
    four, hedging, sample, manual
):
    members = await four()
    members[3].script["node"].append(hang)
    client = await hedging(*members)
    async with asyncio.timeout(20):
        assert await client.get(sample.blob.header) == sample.payload
    assert manual.now == 0
    members[0].script["node"].append(hang)
    client = await hedging(*members)
    done = Progress()
    read = client.get(sample.blob.header, progress=done)
    assert await after_hedge(manual, read, lambda: done.columns(sample) == 32) == sample.payload


async def test_a_dead_member_is_stood_in_for_at_once(four, hedging, sample, manual):
    members = await four()
    client = await hedging("http://127.0.0.1:1", *members[1:])
    async with asyncio.timeout(20):
        assert await client.get(sample.blob.header) == sample.payload
    assert manual.now == 0


async def test_a_request_that_counts_no_more_is_cancelled(four, hedging, sample, manual):
    members = await four()
    members[0].script["columns"] += [hang] * 9
    client = await hedging(*members)
    done = Progress()
    read = client.get(sample.blob.header, progress=done)
    await after_hedge(manual, read, lambda: done.columns(sample) == 32)
    (request,) = members[0].asked("/columns")
    await eventually(lambda: request.transport is None or request.transport.is_closing())


async def test_columns_are_verified_while_others_are_on_their_way(
    start, hedging, sample, monkeypatch
):
    monkeypatch.setattr("da_node.client.gathering.BATCH_BYTES", 40 * 4400)
    verified = threading.Event()

    class Watched:
        def verify_cells(self, *arguments):
            verified.set()
            return local_verifier().verify_cells(*arguments)

    async def not_before_the_first_are_verified(request):
        await asyncio.to_thread(verified.wait, 20)
        wanted = [int(index) for index in request.query["index"].split(",")]
        return items(sample.blob.column(index).serialize() for index in wanted)

    node = await start()
    client = await hedging(node, kzg=Watched(), hedge_s=None)
    custody = {node.url: range(128)}
    true_answer = node.true_answer
    node.script["columns"] += [true_answer, not_before_the_first_are_verified]
    assert await client.get(sample.blob.header, custody=custody) == sample.payload
    assert len(node.asked("/columns")) == 2


async def test_a_liar_is_named_and_what_it_still_had_to_deliver_comes_from_others(
    start, hedging, sample, monkeypatch, caplog
):
    monkeypatch.setattr("da_node.client.gathering.BATCH_BYTES", 8 * 4400)
    liar = await start(tamper_column=lambda index, data: data if index < 8 else bytes(len(data)))
    honest = await start()
    client = await hedging(liar, honest, hedge_s=None)
    custody = {node.url: range(128) for node in (liar, honest)}
    assert await client.get(sample.blob.header, custody=custody) == sample.payload
    assert liar.url in caplog.text
    # The next read goes to the other one alone.
    liar.requests.clear()
    assert await client.get(sample.blob.header, custody=custody) == sample.payload
    assert liar.requests == []


# ---------------------------------------------------------------- from one read to the next


async def test_a_second_read_asks_nobody_anew_what_it_keeps(four, hedging, sample, other):
    members = await four()
    client = await hedging(*members)
    assert await client.get(sample.blob.header) == sample.payload
    heard = [len(member.asked("/node")) for member in members]
    assert await client.get(other.blob.header) == other.payload
    again = [len(member.asked("/node")) for member in members]
    # Whoever had not answered by the end of the first read may be asked once more.
    assert heard[:2] == again[:2] == [1, 1]
    assert sum(again) <= sum(heard) + 2


async def test_a_silent_member_is_waited_for_once_and_not_in_the_next_read(
    four, hedging, sample, manual
):
    members = await four()
    members[0].script["columns"] += [hang] * 9
    client = await hedging(*members)
    done = Progress()
    read = client.get(sample.blob.header, progress=done)
    await after_hedge(manual, read, lambda: done.columns(sample) == 32)
    async with asyncio.timeout(20):
        assert await client.get(sample.blob.header) == sample.payload
    assert manual.now == HEDGE_S
    assert len(members[0].asked("/columns")) == 1


async def test_a_member_that_keeps_something_else_now_is_believed_when_it_says_so(
    start, hedging, sample
):
    first, second = await start(arc=(0, 64)), await start(arc=(64, 64))
    client = await hedging(first, second, hedge_s=None)
    assert await client.get(sample.blob.header) == sample.payload
    # A rotation: each keeps what the other did.
    first.keyset_hash = second.keyset_hash = "0x02"
    first.arc, second.arc = second.arc, first.arc
    first.columns, second.columns = set(range(64, 128)), set(range(64))
    assert await client.get(sample.blob.header) == sample.payload
    first.requests.clear()
    second.requests.clear()
    assert await client.get(sample.blob.header) == sample.payload
    assert set(second.asked_indices()) == set(range(64))
    assert first.asked_indices() == []


# ---------------------------------------------------------------- points


async def test_a_silent_member_does_not_keep_points_waiting(start, hedging, sample, manual):
    everything = set(range(8192))
    silent = await start(columns=set(range(30)), points=everything)
    well = await start(columns=set(range(30)), points=everything)
    silent.script["points"] += [hang] * 99
    client = await hedging(silent, well)
    custody = {node.url: range(30) for node in (silent, well)}
    read = client.get(sample.blob.header, custody=custody)
    assert await after_hedge(manual, read, lambda: silent.asked("/points")) == sample.payload


async def test_points_are_looked_for_while_a_silent_member_may_still_deliver(
    start, hedging, sample, manual
):
    silent = await start(arc=(0, 64))
    poor = await start(arc=(64, 32), columns=set(range(64, 96)))
    release = asyncio.Event()

    async def late(request):
        await release.wait()
        return await silent.true_answer(request)

    silent.script["columns"].append(late)
    silent.script["points"] += [hang] * 99
    silent.script["status"] += [hang] * 9
    client = await hedging(silent, poor)
    task = asyncio.ensure_future(client.get(sample.blob.header))
    await eventually(lambda: HEDGE_S in manual.awaited and bool(silent.asked("/columns")))
    manual.advance(HEDGE_S)
    await eventually(lambda: bool(poor.asked("/points")))
    release.set()
    async with asyncio.timeout(20):
        assert await task == sample.payload


async def test_a_slow_node_that_is_the_only_one_is_not_asked_for_points_as_well(
    start, hedging, sample, manual
):
    slow = await start()
    release = asyncio.Event()

    async def late(request):
        await release.wait()
        return await slow.true_answer(request)

    slow.script["columns"].append(late)
    client = await hedging(slow)
    read = asyncio.ensure_future(client.get(sample.blob.header))
    await eventually(lambda: bool(slow.asked("/columns")))
    manual.advance(100)
    for _ in range(100):
        await asyncio.sleep(0)
    release.set()
    async with asyncio.timeout(20):
        assert await read == sample.payload
    assert slow.asked("/points") + slow.asked("/status") == []


async def test_points_of_one_that_was_slow_are_asked_for_when_it_has_answered(
    start, hedging, sample, manual
):
    slow = await start(columns=set(range(30)), points=set(range(8192)))
    poor = await start(columns={40})
    release = asyncio.Event()

    async def late(request):
        await release.wait()
        return await slow.true_answer(request)

    slow.script["columns"].append(late)
    client = await hedging(slow, poor)
    custody = {slow.url: range(30), poor.url: [40]}
    read = asyncio.ensure_future(client.get(sample.blob.header, custody=custody))
    await eventually(lambda: bool(slow.asked("/columns")))
    manual.advance(HEDGE_S)
    await eventually(lambda: bool(poor.asked("/points")))
    assert slow.asked("/points") == []
    release.set()
    async with asyncio.timeout(20):
        assert await read == sample.payload


async def test_points_asked_for_come_from_whoever_is_not_silent(start, hedging, sample, manual):
    silent, well = await start(), await start()
    silent.script["points"] += [hang] * 9
    client = await hedging(silent, well)
    work = client.points(sample.blob.header, [7, 300, 8000])
    found = await after_hedge(manual, work, lambda: silent.requests)
    assert [point.index for point in found] == [7, 300, 8000]


async def test_points_are_asked_for_first_of_those_who_keep_their_column(four, hedging, sample):
    members = await four()
    client = await hedging(*members)
    custody = {member.url: member.columns for member in members}
    points = await client.points(sample.blob.header, [64, 64 * 40, 64 * 127], custody=custody)
    assert [point.index for point in points] == [64, 64 * 40, 64 * 127]
    assert [len(member.asked("/points")) for member in members] == [1, 1, 0, 1]
    with pytest.raises(NotEnoughReached):
        await (await hedging(members[0])).points(sample.blob.header, [64, 64 * 40])


# ---------------------------------------------------------------- single answers


@pytest.mark.parametrize("what", ["header", "certificate", "status"])
async def test_a_silent_first_node_is_joined_by_the_next(start, hedging, sample, manual, what):
    silent, well = await start(), await start()
    silent.script[what].append(hang)
    client = await hedging(silent, well)
    work = getattr(client, what)(sample.blob.blob_id)
    await after_hedge(manual, work, lambda: silent.requests)
    assert len(well.requests) == 1
    # And asked after the other one for a while.
    await getattr(client, what)(sample.blob.blob_id)
    assert (len(silent.requests), len(well.requests)) == (1, 2)


async def test_without_the_hedge_a_silent_first_node_takes_the_whole_operation(
    start, connect, sample
):
    silent, well = await start(), await start()
    silent.script["header"].append(hang)
    client = await connect(silent, well, hedge_s=None, operation_s=0.3, limits=Limits(idle_s=60))
    with pytest.raises(OperationTimeout):
        await client.header(sample.blob.blob_id)


async def test_the_first_node_may_still_win(start, hedging, sample, manual):
    release = asyncio.Event()
    slow, slower = await start(), await start()

    async def late(request):
        await release.wait()
        return await slow.true_answer(request)

    slow.script["header"].append(late)
    slower.script["header"].append(hang)
    client = await hedging(slow, slower)
    task = asyncio.ensure_future(client.header(sample.blob.blob_id))
    await eventually(lambda: HEDGE_S in manual.awaited)
    manual.advance(HEDGE_S)
    await eventually(lambda: bool(slower.requests))
    release.set()
    assert await task == sample.blob.header


async def test_a_silent_node_makes_unknown_uncertain(start, hedging, manual):
    silent, ignorant = await start(), await start()
    silent.script["header"] += [hang] * 99
    client = await hedging(silent, ignorant, limits=Limits(idle_s=0.1))
    task = asyncio.ensure_future(client.header(UNKNOWN))
    async with asyncio.timeout(20):
        while not task.done():
            manual.advance(1)
            await asyncio.sleep(0)
    with pytest.raises(NoNode):
        await task


async def test_a_payload_is_posted_to_one_node_at_a_time(start, hedging, sample, manual):
    silent, well = await start(), await start()
    silent.script["blobs"].append(hang)
    client = await hedging(silent, well, operation_s=0.3)
    with pytest.raises(OperationTimeout):
        await client.post(sample.payload, check=False)
    assert manual.awaited == []
    assert well.requests == []


@pytest.mark.parametrize("one", [True, False])
async def test_a_status_of_another_blob_is_false(start, hedging, sample, other, one):
    node = await start()

    async def of_another(request):
        return document(
            blob_id=other.blob.blob_id.hex0x, state="available", expires_at=1, columns=[]
        )

    node.script["status"].append(of_another)
    client = await hedging(node)
    with pytest.raises(FalseAnswer, match=other.blob.blob_id.hex0x):
        await client.status(sample.blob.blob_id, node=node.url if one else None)


async def test_a_refusal_is_no_silence(start, hedging, sample, manual):
    ignorant, well = await start(blobs=[]), await start()
    client = await hedging(ignorant, well)
    assert await client.header(sample.blob.blob_id) == sample.blob.header
    ignorant.script["header"].append(refuse(UnknownBlob(blob_id="x")))
    well.script["header"].append(reply(b"cut"))
    with pytest.raises(NoNode):
        await client.header(sample.blob.blob_id)
    assert manual.now == 0
