"""Feeds of members that prune, move blobs, and are dishonest: every entry that is there is read,
and whatever one of them answers, the others' feeds are read on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lossy_disk import LossyDatabase, LossyDisk
from member_specimens import EXPIRES_AT, ME, NOW, Clock, certificate, committee, secret, small_blob
from neighbours import remembering_kzg

from committee.attestation import Attestation, verify_attestation
from committee.certificate import certify
from committee.member import feeds
from committee.member.certificates import Certificates
from committee.member.feeds import Feeds
from committee.member.metrics import MemberMetrics
from committee.member.peers import FALSE_REST_S, Peers
from committee.member.seat import Seats
from da_node.client import FeedEvent, NodeInfo, Pace
from da_node.node.metrics import NodeMetrics
from da_node.node.node import Node
from da_node.service import NodeSettings
from da_node.store import Store
from da_node.store.records import indices_of

PAGE = 4


def event(cursor: int, seed: int | None = None) -> FeedEvent:
    """A blob that is certified, or one that is only stored."""
    blob = small_blob(seed or 0)
    proof = None if seed is None else certificate(0, 2, 3, of=blob).serialize()
    return FeedEvent(
        cursor=cursor,
        blob_id=blob.blob_id,
        header=blob.header,
        expires_at=EXPIRES_AT,
        label="",
        certificate=proof,
    )


@dataclass
class Others:
    """Stands in for the client: feeds by URL."""

    feeds: dict[str, list[FeedEvent]] = field(default_factory=dict)
    node_ids: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    async def node(self, node: str) -> NodeInfo:
        return NodeInfo(
            node=node,
            node_id=self.node_ids.get(node, "0x0b"),
            version="1",
            keyset_hash=None,
            columns=frozenset(),
            retention_s=1,
            time=NOW,
        )

    async def list(self, after: int, limit: int, *, node: str) -> list[FeedEvent]:
        self.asked += 1
        return [one for one in self.feeds.get(node, []) if one.cursor > after][:limit]


@dataclass
class Reading:
    """A member that reads feeds, without its network."""

    store: Store
    feeds: Feeds
    seats: Seats
    peers: Peers
    others: Others
    disk: LossyDisk
    now: list[float]
    """What the members rest by."""
    urls: Sequence[str]

    async def all(self) -> int:
        turns = 1
        while await self.feeds.read_on():
            turns += 1
        return turns

    def wanted(self) -> set[bytes]:
        return {one.blob_id for one in self.store.wanted_until(EXPIRES_AT, None, 1000)}


@pytest.fixture
async def reading(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    monkeypatch.setattr(feeds, "PAGE", PAGE)
    disk, now = LossyDisk(), [0.0]
    clock, metrics, kzg = Clock(NOW), NodeMetrics(), remembering_kzg()
    counted = MemberMetrics(metrics.registry)
    node = Node(
        settings=NodeSettings(directory=Path("unused"), kernel_threads=1),
        store=Store(LossyDatabase(disk), clock=clock, headroom_bytes=0),
        kzg=kzg,
        metrics=metrics,
        node_id="0x00",
        clock=clock,
        timers=asyncio.get_running_loop(),
    )
    seats = Seats([committee()], secret(ME).public_key)
    others: Any = Others()
    peers = Peers(
        seats=seats,
        store=node.store,
        workers=node.workers,
        client=others,
        metrics=counted,
        pace=Pace(clock=lambda: now[0], sleep=asyncio.sleep, draw=lambda: 0.5),
    )
    made = Feeds(
        node=node,
        certificates=Certificates(seats, kzg),
        peers=peers,
        metrics=counted,
        noted=lambda *_: None,
    )
    urls = [member.url for member in committee().members]
    try:
        yield Reading(node.store, made, seats, peers, others, disk, now, urls)
    finally:
        await node.stop()


async def test_a_hole_anywhere_hides_nothing_below_it(reading: Reading) -> None:
    """Blobs that moved, and keysets of different retentions, leave holes in the middle."""
    below = [event(cursor, cursor) for cursor in (3, 4, 6, 9)]
    above = [event(200 + seed, seed) for seed in range(10, 16)]
    reading.others.feeds[reading.urls[0]] = below + above
    await reading.all()
    assert reading.wanted() == {one.blob_id for one in below + above}


async def test_the_end_of_a_feed_that_goes_while_it_is_looked_for_is_no_matter(
    reading: Reading,
) -> None:
    entries = [event(cursor) for cursor in range(1, 40)]
    reading.others.feeds[reading.urls[0]] = entries
    ask = reading.others.list

    async def vanishing(after: int, limit: int, *, node: str) -> list[FeedEvent]:
        found = await ask(after, limit, node=node)
        if reading.others.asked >= 8:
            entries.clear()
        return found

    reading.others.list = vanishing  # type: ignore[method-assign]
    await reading.all()
    reading.others.asked = 0
    reading.others.feeds[reading.urls[2]] = [event(1, 1)]
    await reading.all()
    assert reading.wanted() == {small_blob(1).blob_id}


async def test_a_bug_that_one_feed_hits_ends_no_other_and_not_the_reading(
    reading: Reading,
) -> None:
    ask = reading.others.list

    async def faulty(after: int, limit: int, *, node: str) -> list[FeedEvent]:
        if node == reading.urls[0]:
            raise ZeroDivisionError
        return await ask(after, limit, node=node)

    reading.others.list = faulty  # type: ignore[method-assign]
    reading.others.feeds[reading.urls[2]] = [event(1, 1)]
    await reading.all()
    assert reading.wanted() == {small_blob(1).blob_id}


async def test_a_member_that_keeps_us_waiting_keeps_only_itself_waiting(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "TURN_S", 0.1)
    ask = reading.others.list

    async def slow(after: int, limit: int, *, node: str) -> list[FeedEvent]:
        if node == reading.urls[0]:
            await asyncio.Event().wait()
        return await ask(after, limit, node=node)

    reading.others.list = slow  # type: ignore[method-assign]
    reading.others.feeds[reading.urls[2]] = [event(1, 1)]
    await reading.feeds.read_on()
    monkeypatch.setattr(feeds, "TURN_S", 60.0)
    await reading.all()  # without the slow one, which rests
    assert reading.wanted() == {small_blob(1).blob_id}


async def test_what_was_passed_over_is_found_once_its_keyset_is_followed(
    reading: Reading,
) -> None:
    """Members are told of a new keyset one after the other; some when it is in force already."""
    blob, new = small_blob(1), committee(not_before=NOW - 100, seeds=(4, 1, 2, 3))
    what = Attestation(keyset_hash=new.keyset.hash, blob_id=blob.blob_id, expires_at=EXPIRES_AT)
    proof = certify(
        blob.header,
        [
            verify_attestation(new.keyset, what, place, what.sign(secret(seed)))
            for place, seed in ((0, 4), (2, 2), (3, 3))
        ],
    )
    under_new = msgspec.structs.replace(event(1, 1), certificate=proof.serialize())
    reading.others.feeds[reading.urls[2]] = [under_new, event(2, 2)]
    await reading.all()
    assert reading.wanted() == {small_blob(2).blob_id}
    reading.seats.follow([committee(), new])
    await reading.all()
    assert reading.wanted() == {small_blob(1).blob_id, small_blob(2).blob_id}


async def test_a_certificate_of_another_keyset_wants_its_own_arc(reading: Reading) -> None:
    """A payload that was posted just before and just after a rotation."""
    blob, new = small_blob(1), committee(not_before=NOW - 100, seeds=(1, 4, 2, 3))
    what = Attestation(keyset_hash=new.keyset.hash, blob_id=blob.blob_id, expires_at=EXPIRES_AT)
    proof = certify(
        blob.header,
        [
            verify_attestation(new.keyset, what, place, what.sign(secret(seed)))
            for place, seed in ((1, 4), (2, 2), (3, 3))
        ],
    )
    reading.seats.follow([committee(), new])
    reading.others.feeds[reading.urls[2]] = [event(1, 1)]
    await reading.all()
    reading.others.feeds[reading.urls[3]] = [
        msgspec.structs.replace(event(1, 1), certificate=proof.serialize())
    ]
    await reading.all()
    (one,) = reading.store.wanted_until(EXPIRES_AT, None, 9)
    arcs = {*committee().keyset.arcs[ME], *new.keyset.arcs[0]}
    assert set(indices_of(one.columns)) == arcs


async def test_a_member_with_ever_new_nodes_is_remembered_once(reading: Reading) -> None:
    url = reading.urls[0]
    reading.others.feeds[url] = [event(1, 1)]
    keys = set()
    for turn in range(5):
        reading.others.node_ids[url] = f"node {turn}"
        await reading.all()
        keys = {key for key in reading.disk.synced if key.startswith(b"p")}
    assert len(keys) == 1


async def test_one_that_lied_rests_whatever_else_it_answers(reading: Reading) -> None:
    peer = reading.peers.awake[0]

    async def answer() -> str:
        return "well"

    reading.peers.failed(peer, "false", "a lie")
    reading.peers.failed(peer, "unavailable", "silence")
    assert await reading.peers.hear(peer, answer()) == "well"
    reading.now[0] = FALSE_REST_S - 1
    assert peer not in reading.peers.awake
    reading.now[0] = FALSE_REST_S
    assert peer in reading.peers.awake
