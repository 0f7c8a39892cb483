"""A client gets the true payload or an error that says why not, whatever nodes do."""

import asyncio
import threading

import pytest
from fake_node import (
    cut_short,
    document,
    endless,
    hang,
    hang_up,
    refuse,
    reply,
)

from da_node.client import Client, Limits, RetryPolicy
from da_node.client.reader import POINT_REQUESTS
from da_node.coding import BlobId
from da_node.errors import (
    FalseAnswer,
    NoNode,
    NotEnoughReached,
    NotFound,
    NotReady,
    OperationTimeout,
    PeerUnreachable,
    Pruned,
    RangeNotSatisfiable,
    StoreFault,
    TooManyRequests,
    UnknownBlob,
    WorkerLost,
    WrongLength,
)

NOBODY = "http://127.0.0.1:1"
UNKNOWN = BlobId(bytes(32))


def flip(where):
    """One flipped bit at that place."""

    def tamper(index, data):
        changed = bytearray(data)
        changed[where] ^= 1
        return bytes(changed)

    return tamper


# ---------------------------------------------------------------- whole payloads


async def test_a_payload_comes_back_from_the_data_columns_alone(start, connect, sample):
    node = await start()
    client = await connect(node)
    assert await client.get(sample.blob.blob_id) == sample.payload
    assert sorted(node.asked_indices()) == list(range(64))


async def test_a_known_header_is_not_fetched_again(start, connect, sample):
    node = await start()
    client = await connect(node)
    assert await client.get(sample.blob.header) == sample.payload
    assert node.asked("/header") == []


async def test_columns_are_spread_over_those_who_keep_them(start, connect, sample):
    arcs = [(0, 32), (32, 32), (64, 32), (96, 32)]
    nodes = [
        await start(arc=(first, count), columns=set(range(first, first + count)))
        for first, count in arcs
    ]
    client = await connect(*nodes)
    assert await client.get(sample.blob.blob_id) == sample.payload
    assert [len(node.asked_indices()) for node in nodes] == [32, 32, 0, 0]


async def test_nodes_that_keep_the_same_share_the_work(start, connect, sample):
    nodes = [await start(), await start()]
    client = await connect(*nodes)
    # Where it is known what they keep; otherwise a read begins with whoever has said so first.
    custody = {node.url: range(128) for node in nodes}
    assert await client.get(sample.blob.blob_id, custody=custody) == sample.payload
    assert [len(node.asked_indices()) for node in nodes] == [32, 32]


async def test_parity_stands_in_for_data_columns_that_nobody_holds(start, connect, sample):
    node = await start(columns=set(range(40, 104)))
    client = await connect(node)
    assert await client.get(sample.blob.blob_id) == sample.payload


async def test_columns_beyond_an_arc_are_found_by_status(start, connect, sample):
    node = await start(arc=(0, 32), columns=set(range(0, 64)))
    client = await connect(node)
    assert await client.get(sample.blob.blob_id) == sample.payload
    assert len(node.asked("/status")) == 1


async def test_custody_is_believed_instead_of_what_nodes_say_they_keep(start, connect, sample):
    # Today's arcs, the other way round from those under which the blob was stored.
    first = await start(arc=(64, 64), columns=set(range(64)))
    second = await start(arc=(0, 64), columns=set(range(64, 128)))
    stranger = await start()
    client = await connect(first, second, stranger)
    custody = {first.url: range(64), second.url: range(64, 128)}
    header = sample.blob.header
    assert await client.get(header, custody=custody) == sample.payload
    assert await client.get_range(header, 5, 70_000, custody=custody) == sample.payload[5:70_000]
    columns = await client.columns(header, [100, 3], custody=custody)
    assert [column.index for column in columns] == [100, 3]
    points = await client.points(header, [70 * 64, 9], custody=custody)
    assert [point.index for point in points] == [70 * 64, 9]
    assert set(first.asked_indices()) == set(range(64))
    assert second.asked_indices() == [100]
    assert first.asked("/node") + second.asked("/node") + stranger.requests == []


async def test_a_node_without_custody_is_asked_where_the_others_are_not_enough(
    start, connect, sample
):
    keeper, stranger = await start(columns=set(range(30))), await start()
    client = await connect(keeper, stranger)
    custody = {keeper.url: range(64)}
    assert await client.get(sample.blob.header, custody=custody) == sample.payload
    assert len(stranger.asked("/status")) == 1
    points = await client.points(sample.blob.header, [9, 40 * 64], custody=custody)
    assert [point.index for point in points] == [9, 40 * 64]
    assert [request.query["point"] for request in stranger.asked("/points")] == ["2560"]


async def test_points_stand_in_where_64_columns_cannot_be_found(start, connect, sample):
    node = await start(
        columns=set(range(10, 70)),
        points={64 * column + offset for column in range(128) for offset in range(48)},
    )
    client = await connect(node)
    assert await client.get(sample.blob.blob_id) == sample.payload
    assert await client.get_range(sample.blob.blob_id, 5, 70_000) == sample.payload[5:70_000]


async def test_under_a_certificate_any_4096_points_are_enough(start, connect, sample):
    # 2048 points of whole columns, and 32 of each other column, which count for nothing by
    # themselves.
    node = await start(
        columns=set(range(64, 96)),
        points={64 * column + offset for column in range(128) for offset in range(32)},
    )
    client = await connect(node)
    assert await client.get(sample.blob.blob_id, certified=True) == sample.payload
    with pytest.raises(NotEnoughReached):
        await client.get(sample.blob.blob_id)


async def test_one_column_too_few_is_an_error_that_counts_them(start, connect, sample):
    node = await start(columns=set(range(63)))
    client = await connect(node)
    with pytest.raises(NotEnoughReached) as caught:
        await client.get(sample.blob.blob_id)
    assert (caught.value.held, caught.value.needed) == (63, 64)


async def test_progress_ends_with_all_that_was_needed(start, connect, sample):
    client = await connect(await start())
    seen = []
    await client.get(sample.blob.blob_id, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > len(sample.payload)


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("start_byte", "stop_byte"),
    [(0, 1), (0, 250_000), (249_999, 250_000), (3967, 3969), (3968, 7936), (50_000, 50_000)],
)
async def test_a_range_is_read_from_just_the_columns_that_hold_it(
    start, connect, sample, start_byte, stop_byte
):
    node = await start()
    client = await connect(node)
    found = await client.get_range(sample.blob.header, start_byte, stop_byte)
    assert found == sample.payload[start_byte:stop_byte]
    width = 64 * 2 * 31
    touched = {byte // width for byte in (start_byte, stop_byte - 1)}
    if start_byte < stop_byte:
        assert set(node.asked_indices()) == set(range(min(touched), max(touched) + 1))
    else:
        assert node.asked_indices() == []


async def test_a_range_whose_column_nobody_holds_is_recovered(start, connect, sample):
    node = await start(columns=set(range(1, 128)))
    client = await connect(node)
    assert await client.get_range(sample.blob.header, 0, 100) == sample.payload[:100]


async def test_a_range_past_the_end_is_refused(start, connect, sample):
    client = await connect(await start())
    with pytest.raises(RangeNotSatisfiable):
        await client.get_range(sample.blob.header, 0, 250_001)


# ---------------------------------------------------------------- liars


@pytest.mark.parametrize("where", [0, 1, 31, 4000, -48 - 7 * 32, -48, -1])
async def test_a_flipped_bit_anywhere_in_a_column_is_noticed_and_its_node_named_and_left(
    start, connect, sample, where
):
    liar, honest = await start(tamper_column=flip(where)), await start()
    client = await connect(liar, honest)
    assert await client.get(sample.blob.blob_id) == sample.payload
    assert len(liar.asked("/columns")) == 1
    alone = await connect(liar)
    with pytest.raises(NotEnoughReached) as caught:
        await alone.get(sample.blob.blob_id)
    assert "false column" in caught.value.failures[liar.url]
    assert len(liar.asked("/columns")) == 2
    assert liar.asked("/points") == []


@pytest.mark.parametrize("where", [0, 1, 2, 40, 2 + 64 + 5, 2 + 64 + 13 * 32, -1])
async def test_a_flipped_bit_anywhere_in_a_point_is_noticed(start, connect, sample, where):
    liar = await start(tamper_point=flip(where))
    client = await connect(liar)
    with pytest.raises(FalseAnswer) as caught:
        await client.points(sample.blob.header, [4000], node=liar.url)
    assert caught.value.url == liar.url


async def test_what_a_liar_has_still_to_be_asked_is_not(start, connect, sample, monkeypatch):
    monkeypatch.setattr("da_node.client.gathering.BATCH_BYTES", 1)
    liar, honest = await start(tamper_column=flip(-1)), await start()
    client = await connect(liar, honest)
    assert await client.get(sample.blob.header) == sample.payload
    assert len(liar.asked("/columns")) <= 8
    assert len(set(honest.asked_indices())) == 64


async def test_a_column_of_another_blob_is_false(start, connect, sample, other):
    liar = await start(tamper_column=lambda index, data: other.blob.column(index).serialize())
    client = await connect(liar)
    with pytest.raises(FalseAnswer, match="merkle root"):
        await client.columns(sample.blob.header, [3], node=liar.url)


@pytest.mark.parametrize(
    "answer",
    [
        lambda blob: reply(blob.column(4).serialize()),
        lambda blob: reply(blob.column(3).serialize() + blob.column(2).serialize()),
        lambda blob: reply(blob.column(2).serialize() * 2),
        lambda blob: reply(blob.column(2).serialize()[:-1]),
        lambda blob: reply(blob.column(2).serialize() + b"x"),
        lambda blob: reply(b"\xff" + blob.column(2).serialize()[1:]),
        lambda blob: reply(blob.column(2).serialize() * 3),
        lambda blob: endless,
    ],
    ids=["not asked", "order", "twice", "short", "tail", "index", "too many", "endless"],
)
async def test_an_answer_that_is_not_what_was_asked_is_false(start, connect, sample, answer):
    node = await start()
    node.script["columns"].append(answer(sample.blob))
    client = await connect(node)
    with pytest.raises(FalseAnswer) as caught:
        await client.columns(sample.blob.header, [2, 3], node=node.url)
    assert caught.value.url == node.url


async def test_an_empty_answer_is_no_columns(start, connect, sample):
    node = await start()
    node.script["columns"].append(reply(b""))
    node.script["points"].append(reply(b""))
    client = await connect(node)
    assert await client.columns(sample.blob.header, [2], node=node.url) == []
    assert await client.points(sample.blob.header, [2], node=node.url) == []


async def test_a_header_of_another_blob_is_false_and_the_next_node_is_asked(
    start, connect, sample, other
):
    liar = await start(tamper_header=lambda data: other.blob.header.serialize())
    client = await connect(liar, await start())
    assert await client.header(sample.blob.blob_id) == sample.blob.header
    alone = await connect(liar)
    with pytest.raises(FalseAnswer, match="header"):
        await alone.header(sample.blob.blob_id)


@pytest.mark.parametrize("length", [0, 1, 89])
async def test_a_cut_header_is_false(start, connect, sample, length):
    client = await connect(await start(tamper_header=lambda data: data[:length]))
    with pytest.raises(FalseAnswer):
        await client.header(sample.blob.blob_id)


FAR = (
    b'{"node_id": "x", "version": "1", "keyset_hash": null, "arc": {"start": 128, "count": 1}, '
    b'"retention_s": 1, "time": 1}'
)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", FAR])
async def test_a_node_that_speaks_nonsense_about_itself_is_left(start, connect, sample, body):
    liar, honest = await start(), await start()
    liar.script["node"].append(reply(body))
    client = await connect(liar, honest)
    assert await client.get(sample.blob.header) == sample.payload
    assert liar.asked("/columns") == []


@pytest.mark.parametrize("columns", [[200], [-1], ["x"], "all"])
async def test_a_false_status_is_refused(start, connect, sample, columns):
    node = await start()
    node.script["status"].append(
        lambda request: _later(document(state="x", expires_at=1, columns=columns))
    )
    client = await connect(node)
    with pytest.raises(FalseAnswer):
        await client.status(sample.blob.blob_id)


async def _later(value):
    return value


# ---------------------------------------------------------------- failures


async def test_a_node_that_is_busy_is_asked_again_when_it_said(start, connect, sample, time):
    node = await start()
    node.script["columns"] += [
        refuse(TooManyRequests(what="reads", bound=1), Retry_After="3"),
        refuse(StoreFault(reason="slow"), Retry_After="7"),
    ]
    client = await connect(node)
    assert await client.get(sample.blob.header) == sample.payload
    assert [int(seconds) for seconds in time.slept] == [3, 7]


async def test_others_are_asked_while_a_busy_node_rests(start, connect, sample, time):
    busy, other_node = await start(), await start()
    busy.script["columns"].append(refuse(StoreFault(reason="slow"), Retry_After="7"))
    client = await connect(busy, other_node)
    assert await client.get(sample.blob.header) == sample.payload
    assert time.slept == []


@pytest.mark.parametrize("answer", [hang_up, cut_short, reply(b"<html>", status=502)])
async def test_a_lost_answer_is_asked_for_again(start, connect, sample, answer):
    node = await start()
    for last in ("node", "header", "columns"):
        node.script[last].append(answer)
    client = await connect(node)
    assert await client.get(sample.blob.blob_id) == sample.payload


async def test_a_node_that_stays_silent_is_cut_off(start, connect, sample):
    silent, awake = await start(), await start()
    silent.script["columns"].append(hang)
    client = await connect(silent, awake, limits=Limits(idle_s=0.2))
    assert await client.get(sample.blob.header) == sample.payload


async def test_a_status_that_cannot_be_had_changes_nothing(start, connect, sample):
    first = await start(arc=(0, 40), columns=set(range(40)))
    second = await start(arc=(40, 8), columns=set(range(40, 64)))
    first.script["status"].append(refuse(UnknownBlob(blob_id="x")))
    client = await connect(first, second)
    assert await client.get(sample.blob.header) == sample.payload


async def test_trying_again_has_an_end(start, connect, sample, time):
    node = await start()
    node.script["columns"] += [refuse(StoreFault(reason="gone"))] * 100
    client = await connect(node, policy=RetryPolicy(attempts=3))
    with pytest.raises(NotEnoughReached) as caught:
        await client.get(sample.blob.header)
    assert len(node.asked("/columns")) == 3
    assert "gone" in caught.value.failures[node.url]


async def test_a_whole_call_has_an_end(start, connect, sample):
    node = await start()
    node.script["columns"] += [hang] * 100
    client = await connect(node, operation_s=0.2)
    with pytest.raises(OperationTimeout, match="reading took longer"):
        await client.get(sample.blob.header)


@pytest.mark.parametrize(
    "error",
    [
        UnknownBlob(blob_id="0x00"),
        Pruned(blob_id="0x00", expired_at=7),
        NotFound(what="route", value="x"),
    ],
)
async def test_what_is_refused_is_asked_once_and_raised_as_what_it_is(start, connect, error, time):
    node = await start()
    node.script["header"] += [refuse(error)] * 3
    client = await connect(node)
    with pytest.raises(type(error)) as caught:
        await client.header(UNKNOWN)
    assert caught.value.operands() == error.operands()
    assert len(node.requests) == 1
    assert time.slept == []


async def test_unknown_is_certain_only_if_every_node_says_so(start, connect):
    nodes = await start(), await start()
    client = await connect(*nodes)
    with pytest.raises(UnknownBlob):
        await client.header(UNKNOWN)
    client = await connect(nodes[0], NOBODY)
    with pytest.raises(NoNode) as caught:
        await client.header(UNKNOWN)
    assert set(caught.value.failures) == {nodes[0].url, NOBODY}
    assert "Connection refused" in caught.value.failures[NOBODY]


async def test_pruned_outweighs_unknown(start, connect):
    nodes = await start(), await start()
    nodes[1].script["header"].append(refuse(Pruned(blob_id="0x00", expired_at=7)))
    client = await connect(*nodes)
    with pytest.raises(Pruned):
        await client.header(UNKNOWN)


async def test_a_blob_is_read_from_those_who_have_it(start, connect, sample):
    client = await connect(NOBODY, await start(blobs=[]), await start())
    assert await client.get(sample.blob.blob_id) == sample.payload


async def test_nobody_there(connect, sample, time):
    client = await connect(NOBODY)
    with pytest.raises(PeerUnreachable, match="Connection refused"):
        await client.get(sample.blob.blob_id)
    assert len(time.slept) == RetryPolicy().attempts - 1


async def test_a_fault_of_our_own_verifier_is_no_lie_of_the_nodes(start, connect, sample):
    class Broken:
        def verify_cells(self, *arguments):
            raise WorkerLost(attempts=2)

    client = await connect(await start(), kzg=Broken())
    with pytest.raises(WorkerLost):
        await client.get(sample.blob.header)


async def test_points_are_waited_for_like_columns(start, connect, sample, time):
    node = await start(
        columns=set(range(63)), points=set(range(63 * 64, 64 * 64)) | set(range(8100))
    )
    node.script["points"].append(refuse(NotReady(reason="starting"), Retry_After="9"))
    client = await connect(node)
    assert await client.get(sample.blob.header) == sample.payload
    assert int(time.slept[0]) == 9


async def test_a_node_that_lies_about_points_is_left(start, connect, sample, caplog):
    everything = set(range(8192))
    liar = await start(columns=set(range(32)), points=everything, tamper_point=flip(-1))
    honest = await start(columns=set(range(32)), points=everything)
    client = await connect(liar, honest)
    assert await client.get(sample.blob.header) == sample.payload
    assert 1 <= len(liar.asked("/points")) <= POINT_REQUESTS
    assert "false point" in caplog.text


# ---------------------------------------------------------------- pieces and nodes


async def test_columns_and_points_come_verified_in_the_order_asked(start, connect, sample):
    client = await connect(await start())
    columns = await client.columns(sample.blob.blob_id, [127, 3, 64])
    assert [column.index for column in columns] == [127, 3, 64]
    assert columns[0].serialize() == sample.blob.column(127).serialize()
    indices = [8191, 0, *range(100, 500)]
    points = await client.points(sample.blob.blob_id, indices)
    assert [point.index for point in points] == indices
    assert points[0].serialize() == sample.blob.point(8191).serialize()


async def test_of_one_node_what_it_holds_and_of_all_everything_or_an_error(start, connect, sample):
    first = await start(columns={1, 2}, arc=(1, 2))
    second = await start(columns={2, 3}, arc=(2, 2))
    client = await connect(first, second)
    header = sample.blob.header
    assert [c.index for c in await client.columns(header, [1, 3], node=first.url)] == [1]
    assert [c.index for c in await client.columns(header, [3, 1])] == [3, 1]
    with pytest.raises(NotEnoughReached) as caught:
        await client.columns(header, [1, 3, 5])
    assert (caught.value.held, caught.value.needed) == (2, 3)
    assert [p.index for p in await client.points(header, [200, 64])] == [200, 64]
    with pytest.raises(NotEnoughReached) as caught:
        await client.points(header, [64, 640])
    assert (caught.value.unit, caught.value.held) == ("points", 1)


async def test_columns_of_a_busy_node_are_waited_for(start, connect, sample, time):
    node = await start()
    node.script["columns"] += [refuse(NotReady(reason="starting"))] * 2
    client = await connect(node)
    assert [c.index for c in await client.columns(sample.blob.header, [9])] == [9]
    assert len(time.slept) == 2


async def test_points_are_asked_of_the_next_node_where_one_fails(start, connect, sample):
    broken, well = await start(), await start()
    broken.script["points"] += [refuse(UnknownBlob(blob_id="0x00"))]
    client = await connect(broken, well)
    assert [p.index for p in await client.points(sample.blob.header, [7])] == [7]


async def test_what_nodes_say(start, connect, sample):
    node = await start(arc=(120, 16), columns={1, 5})
    client = await connect(node)
    info = await client.node()
    assert info.columns == frozenset(range(120, 128)) | frozenset(range(8))
    assert (info.node, info.node_id, info.keyset_hash) == (node.url, "0x01", None)
    status = await client.status(sample.blob.blob_id)
    assert (status.columns, status.label, status.node) == ({1, 5}, "a label", node.url)
    assert await client.status(sample.blob.blob_id, node=node.url) == status
    assert await client.certificate(sample.blob.blob_id) == b"certificate"


async def test_a_certificate_that_is_not_accepted_is_its_nodes_lie_and_the_next_is_asked(
    start, connect, sample
):
    liar, honest = await start(), await start()
    liar.script["certificate"] += [reply(b"forged")] * 2
    loop_thread = threading.get_ident()

    def accept(data):
        assert threading.get_ident() != loop_thread
        if data == b"forged":
            raise WrongLength(what="certificate", value=len(data), expected=11)
        return data.decode()

    client = await connect(liar, honest)
    assert await client.certificate(sample.blob.blob_id, accept=accept) == "certificate"
    alone = await connect(liar)
    with pytest.raises(FalseAnswer, match="certificate") as caught:
        await alone.certificate(sample.blob.blob_id, accept=accept)
    assert caught.value.url == liar.url


async def test_several_reads_at_once_share_a_client(start, connect, sample, other):
    client = await connect(await start())
    found = await asyncio.gather(client.get(sample.blob.blob_id), client.get(other.blob.blob_id))
    assert found == [sample.payload, other.payload]


async def test_a_client_outside_its_context_says_so(sample):
    with pytest.raises(RuntimeError, match="async with"):
        await Client("http://127.0.0.1:1").get(sample.blob.blob_id)
