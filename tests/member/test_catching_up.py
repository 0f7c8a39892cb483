"""A member that was away: it gets everything that is certified, the newest first, and only that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from member_specimens import (
    EXPIRES_AT,
    ME,
    NOW,
    certificate,
    committee,
    kzg,
    my_arc,
    small_blob,
)
from neighbours import Network, held, metrics_of, wanted

from committee.member import feeds
from committee.member.catching_up import FIRST_RETRY_S, GRACE_S
from committee.member.peers import FALSE_REST_S
from da_node.coding import EncodedBlob, Header
from da_node.coding.vectors import blob_from
from da_node.errors import WorkerLost
from da_node.node.rebuilding import Rebuilt
from da_node.service import NotEnough, StoreFull, UnknownBlob
from da_node.store import Offer

HOUR = 3600
OTHERS = (0, 2, 3)
ARC = tuple(my_arc())


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    """The others; the member under test is not there yet."""
    network = Network(tmp_path)
    for index in OTHERS:
        await network.start(index)
    yield network
    await network.close()


async def read_all(network: Network) -> int:
    """Read feeds to their end; how many turns that took."""
    turns = 1
    while await network.members[ME].catching_up.read_feeds():
        turns += 1
    return turns


async def catch_up(network: Network) -> None:
    await read_all(network)
    await network.members[ME].catching_up.bring()


async def test_a_member_that_comes_back_gets_all_of_it_the_newest_first(network: Network) -> None:
    blobs = [small_blob(seed) for seed in range(3)]
    expiries = [EXPIRES_AT - HOUR, EXPIRES_AT + HOUR, EXPIRES_AT]
    data = [
        await network.certify(blob, *OTHERS, expires_at=expires_at)
        for blob, expires_at in zip(blobs, expiries, strict=True)
    ]
    network.keep(0, small_blob(9))  # of which there is no certificate
    me = await network.start(ME)
    await read_all(network)
    assert wanted(me) == {(b.blob_id, e) for b, e in zip(blobs, expiries, strict=True)}
    assert "holdfast_wanted_blobs 3.0" in metrics_of(me)
    assert f"holdfast_wanted_oldest_seconds {NOW - (EXPIRES_AT - HOUR - 1_572_864)}.0" in (
        metrics_of(me)
    )
    await me.catching_up.bring()
    assert wanted(me) == set()
    for blob, expires_at, proof in zip(blobs, expiries, data, strict=True):
        assert held(me, blob) == ARC
        record = me.node.store.record(blob.blob_id)
        assert (record.expires_at, record.label) == (expires_at, "mine")
        assert me.node.store.certificate(blob.blob_id) == proof
    with pytest.raises(UnknownBlob):
        me.node.store.record(small_blob(9).blob_id)
    stored = [entry for entry in me.node.store.feed(0, 100) if entry.certificate is None]
    assert [entry.expires_at for entry in stored] == sorted(expiries, reverse=True)
    text = metrics_of(me)
    assert "holdfast_wanted_blobs 0.0" in text
    assert "holdfast_caught_up_blobs_total 3.0" in text
    assert 'holdfast_caught_up_columns_total{how="rebuilt"} 96.0' in text


async def test_a_long_feed_is_read_from_its_end_and_again_where_a_kill_left_it(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PAGE", 2)
    blobs = [small_blob(seed) for seed in range(7)]
    for blob in blobs:
        await network.certify(blob, 0, 2, 3)
    await network.start(ME)
    me = network.members[ME]
    assert await me.catching_up.read_feeds()
    first = {blob_id for blob_id, _ in wanted(me)}
    assert blobs[6].blob_id in first
    assert blobs[0].blob_id not in first
    me = await network.start(ME)  # as after a kill: nothing but the disk is left
    assert {blob_id for blob_id, _ in wanted(me)} == first
    assert await read_all(network) > 1
    assert {blob_id for blob_id, _ in wanted(me)} == {blob.blob_id for blob in blobs}
    assert 'holdfast_catch_up_behind{member="member 0"} 0.0' in metrics_of(me)
    await network.certify(small_blob(7), 0, 2, 3)
    assert await read_all(network) == 1
    assert len(wanted(me)) == 8


async def test_holes_of_a_pruned_feed_are_passed_at_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PAGE", 2)
    store = network.members[0].node.store
    old = small_blob(1)
    for turn in range(40):  # moves on and on, and leaves no entry behind
        network.keep(0, old, EXPIRES_AT + turn * HOUR)
    blobs = [small_blob(seed) for seed in range(2, 6)]
    for blob in blobs:
        network.keep(0, blob)
        data = certificate(0, 2, 3, of=blob).serialize()
        await network.members[0].take_certificate(blob.blob_id, data)
    assert store.last_cursor() == 48
    await network.start(ME)
    assert await read_all(network) <= 6
    assert len(wanted(network.members[ME])) == 4


async def test_what_cannot_be_rebuilt_stays_wanted_and_holds_nothing_up(network: Network) -> None:
    lost, found = sorted((small_blob(1), small_blob(2)), key=lambda blob: blob.blob_id)
    data = certificate(*OTHERS, of=lost).serialize()
    network.keep(0, lost)  # and nobody else
    await network.members[0].take_certificate(lost.blob_id, data)
    await network.certify(found, *OTHERS)
    me = await network.start(ME)
    await catch_up(network)
    assert wanted(me) == {(lost.blob_id, EXPIRES_AT)}
    assert held(me, found) == ARC
    with pytest.raises(NotEnough):
        me.node.store.record(lost.blob_id)

    network.keep(2, lost)
    await me.catching_up.bring()
    assert wanted(me), "it rests"
    network.time.now += FIRST_RETRY_S
    await me.catching_up.bring()
    assert held(me, lost) == ARC


@pytest.mark.parametrize("error", [WorkerLost(attempts=2), ZeroDivisionError()], ids=repr)
async def test_what_fails_here_rests_and_those_behind_it_have_their_turn(
    network: Network, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first, second = sorted((small_blob(1), small_blob(2)), key=lambda blob: blob.blob_id)
    for blob in (first, second):
        await network.certify(blob, *OTHERS)
    me = await network.start(ME)
    columns = me.node.rebuilding.columns

    async def failing(header: Header, *rest: Any) -> Rebuilt:
        if header == first.header:
            raise error
        return await columns(header, *rest)

    monkeypatch.setattr(me.node.rebuilding, "columns", failing)
    await catch_up(network)
    assert held(me, second) == ARC
    assert wanted(me) == {(first.blob_id, EXPIRES_AT)}
    assert 'holdfast_background_failures_total{work="catch up"} 1.0' in metrics_of(me)


async def test_a_full_disk_ends_the_turn_and_nothing_is_forgotten(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        await network.certify(small_blob(seed), *OTHERS)
    me = await network.start(ME)
    await read_all(network)

    def full(*_: object) -> None:
        raise StoreFull(needed_bytes=1, free_bytes=0, budget_bytes=0)

    with monkeypatch.context() as patch:
        patch.setattr(me.node.store, "settle", full)
        with pytest.raises(StoreFull):
            await me.catching_up.bring()
    assert len(wanted(me)) == 2
    network.time.now += FIRST_RETRY_S
    await me.catching_up.bring()
    assert wanted(me) == set()


async def test_columns_that_somebody_serves_are_not_rebuilt(network: Network) -> None:
    blob = small_blob(1)
    data = certificate(*OTHERS, of=blob).serialize()
    store = network.members[2].node.store
    store.put_blob(blob.header, [blob.column(j) for j in ARC], expires_at=EXPIRES_AT)
    await network.members[2].take_certificate(blob.blob_id, data)
    me = await network.start(ME)
    await catch_up(network)
    assert held(me, blob) == ARC
    assert 'holdfast_caught_up_columns_total{how="served"} 32.0' in metrics_of(me)


async def test_a_blob_whose_disperser_let_go_is_brought_after_a_moment_of_grace(
    network: Network,
) -> None:
    me = await network.start(ME)
    await read_all(network)
    arriving, late = small_blob(1), small_blob(2)
    await network.certify(arriving, *OTHERS)
    data = await network.certify(late, *OTHERS)
    await me.take_certificate(late.blob_id, data)
    await catch_up(network)
    assert len(wanted(me)) == 2, "its columns may be on their way"
    network.keep(ME, arriving)
    network.time.now += GRACE_S
    await me.catching_up.bring()
    assert wanted(me) == set()
    assert held(me, late) == held(me, arriving) == ARC
    assert 'holdfast_caught_up_columns_total{how="rebuilt"} 32.0' in metrics_of(me)
    certified = {entry.blob_id for entry in me.node.store.feed(0, 9) if entry.certificate}
    assert certified == {late.blob_id, arriving.blob_id}


async def test_a_member_that_lies_is_named_and_passed_over(network: Network) -> None:
    forged, good = small_blob(1), small_blob(2)
    network.keep(0, forged)
    lie = certificate(*OTHERS, of=good).serialize()
    network.members[0].node.store.put_certificates(
        [
            Offer(
                header=forged.header,
                expires_at=EXPIRES_AT,
                certificate=lie,
                stays=lambda _: True,
            )
        ]
    )
    await network.certify(good, *OTHERS)
    me = await network.start(ME)
    await catch_up(network)
    assert wanted(me) == set()
    assert held(me, good) == ARC, "from the two that do not lie"
    failures = 'holdfast_peer_failures_total{kind="false",member="member 0"}'
    assert f"{failures} 1.0" in metrics_of(me)
    await read_all(network)
    assert f"{failures} 1.0" in metrics_of(me), "it is left alone for an hour"
    network.time.now += FALSE_REST_S
    await read_all(network)
    assert f"{failures} 2.0" in metrics_of(me)


async def test_with_nobody_there_nothing_is_forgotten(network: Network) -> None:
    await network.certify(small_blob(1), *OTHERS)
    me = await network.start(ME)
    await read_all(network)
    for index in OTHERS:
        await network.stop(index)
    await me.catching_up.bring()
    assert len(wanted(me)) == 1
    assert 'holdfast_peer_failures_total{kind="unavailable",member="member 3"}' in metrics_of(me)
    for index in OTHERS:
        await network.start(index)
    network.time.now += FIRST_RETRY_S
    await me.catching_up.bring()
    assert wanted(me) == set()


async def test_what_has_expired_is_not_brought_any_more(network: Network) -> None:
    await network.certify(small_blob(1), *OTHERS)
    me = await network.start(ME)
    await read_all(network)
    network.clock.now = EXPIRES_AT
    await me.catching_up.bring()
    assert "holdfast_caught_up_blobs_total 0.0" in metrics_of(me)
    network.clock.now = EXPIRES_AT + HOUR + 1
    await me.node.pruning.once()
    assert wanted(me) == set()


# ---------------------------------------------------------------- void columns


def crooked(*void: int) -> EncodedBlob:
    """Of an encoder that committed to something else in those columns."""
    vector = {
        "payload": {"length": 100, "seed": "crooked"},
        "void_columns": void,
        "void_leaf": "01" * 32,
    }
    return blob_from(vector, kzg())


async def test_a_void_column_is_recognised_and_left_alone(network: Network) -> None:
    blob = crooked(40)
    await network.certify(blob, *OTHERS)
    network.keep(0, blob)
    # Its neighbour's path is known, since somebody has had it.
    store = network.members[2].node.store
    store.put_blob(blob.header, [blob.column(41)], expires_at=EXPIRES_AT)
    me = await network.start(ME)
    await catch_up(network)
    assert wanted(me) == set()
    assert held(me, blob) == tuple(j for j in ARC if j != 40)
    assert me.node.store.record(blob.blob_id).void_columns == (40,)
    assert "holdfast_void_columns_total 1.0" in metrics_of(me)
    assert await me.node.scrubbing.blob(me.node.store.record(blob.blob_id)) == []
    offer = certificate(*OTHERS, of=blob).serialize()
    assert not (await me.take_certificate(blob.blob_id, offer)).wanted
    assert committee().keyset.arcs[ME] == my_arc()


async def test_columns_of_which_nothing_can_be_shown_are_tried_again_later(
    network: Network,
) -> None:
    """With one void column in an arc of which nobody else has any, none of it has a path."""
    blob = crooked(40)
    await network.certify(blob, *OTHERS)
    me = await network.start(ME)
    await catch_up(network)
    assert wanted(me) == {(blob.blob_id, EXPIRES_AT)}
    store = network.members[2].node.store
    store.put_blob(blob.header, [blob.column(41)], expires_at=EXPIRES_AT)
    network.time.now += FIRST_RETRY_S
    await me.catching_up.bring()
    assert wanted(me) == set()
    assert me.node.store.record(blob.blob_id).void_columns == (40,)
