"""Every durable step of catching up fails, in both ways, and the power goes: nothing is forgotten,
nothing is there by half, and whoever goes on from the disk that is left gets all of it.

The feeds and columns of the others come from a double of the client. The check knows nothing but
what the others hold, and must fail on a database that does not sync.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from lossy_disk import LossyDatabase, LossyDisk, NeverSyncing
from member_specimens import (
    EXPIRES_AT,
    ME,
    NOW,
    Clock,
    certificate,
    committee,
    my_arc,
    secret,
    small_blob,
)
from neighbours import remembering_kzg

from committee.member import feeds
from committee.member.catching_up import CatchingUp
from committee.member.certificates import Certificates
from committee.member.feed_position import Position
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peers
from committee.member.seat import Seats
from da_node.client import FeedEvent, NodeInfo, Pace
from da_node.coding import Header, VerifiedColumn
from da_node.errors import StoreFault
from da_node.node.metrics import NodeMetrics
from da_node.node.node import Node
from da_node.service import NodeSettings, NotEnough, UnknownBlob
from da_node.store import Store

HOUR = 3600
NODE_ID = "0x0b"
NEVER_CAME, MOVES, SECOND = (small_blob(seed) for seed in (1, 2, 3))
CERTIFIED = ((NEVER_CAME, EXPIRES_AT), (MOVES, EXPIRES_AT + HOUR), (SECOND, EXPIRES_AT))
KEPT_OF_THE_LOG = (0, 1)
"""Writes that the power leaves of those that were not synced."""


@functools.cache
def feed() -> tuple[FeedEvent, ...]:
    """Of member 0."""
    return tuple(
        FeedEvent(
            cursor=cursor,
            blob_id=blob.blob_id,
            header=blob.header,
            expires_at=expires_at,
            label="",
            certificate=certificate(0, 2, 3, of=blob, expires_at=expires_at).serialize(),
        )
        for cursor, (blob, expires_at) in enumerate(CERTIFIED, start=1)
    )


class Others:
    """Stands in for the client: one member has a feed, and all serve their arcs."""

    async def node(self, node: str) -> NodeInfo:
        return NodeInfo(
            node=node,
            node_id=NODE_ID,
            version="1",
            keyset_hash=None,
            columns=frozenset(),
            retention_s=1,
            time=NOW,
        )

    async def list(self, after: int, limit: int, *, node: str) -> list[FeedEvent]:
        if node != committee().members[0].url:
            return []
        return [event for event in feed() if event.cursor > after][:limit]

    async def columns(
        self, header: Header, indices: Sequence[int], *, node: str
    ) -> list[VerifiedColumn]:
        (blob,) = (blob for blob, _ in CERTIFIED if blob.header == header)
        return [blob.column(index) for index in indices]

    async def status(self, *_: Any, **__: Any) -> Any:
        raise UnknownBlob(blob_id="0x")


@asynccontextmanager
async def member_on(database: LossyDatabase) -> AsyncIterator[tuple[Store, CatchingUp]]:
    """A member on a disk, without its network."""
    clock, metrics, kzg = Clock(NOW), NodeMetrics(), remembering_kzg()
    node = Node(
        settings=NodeSettings(directory=Path("unused"), kernel_threads=1),
        store=Store(database, clock=clock, headroom_bytes=0),
        kzg=kzg,
        metrics=metrics,
        node_id="0x00",
        clock=clock,
        timers=asyncio.get_running_loop(),
    )
    seats = Seats([committee()], secret(ME).public_key)
    pace = Pace(clock=lambda: 0.0, sleep=asyncio.sleep, draw=lambda: 0.5)
    counted = MemberMetrics(metrics.registry)
    others: Any = Others()
    try:
        yield (
            node.store,
            CatchingUp(
                node=node,
                seats=seats,
                certificates=Certificates(seats, kzg),
                peers=Peers(
                    seats=seats,
                    store=node.store,
                    workers=node.workers,
                    client=others,
                    metrics=counted,
                    pace=pace,
                ),
                metrics=counted,
                pace=pace,
                interval_s=1.0,
                bytes_per_s=1 << 40,
            ),
        )
    finally:
        await node.stop()


def begin(store: Store) -> None:
    """Before it was away the member had one of the blobs, until an earlier expiry."""
    columns = [MOVES.column(index) for index in my_arc()]
    store.put_blob(MOVES.header, columns, expires_at=EXPIRES_AT)


async def tell(member: CatchingUp, disk: LossyDisk) -> None:
    """Catch up, as far as it goes before a step fails. Two entries at a time: there is a gap."""
    fails_at = disk.fail_at or 1 << 30
    while await member.read_feeds() and disk.steps < fails_at:
        pass
    if disk.steps < fails_at:
        await member.bring()


async def check(disk: LossyDisk) -> None:
    """From scratch, after the power went: what was read is here or wanted; then all of it comes."""
    async with member_on(LossyDatabase(disk)) as (store, member):
        runs = position(store).runs
        for cursor, (blob, expires_at) in enumerate(CERTIFIED, start=1):
            if any(run.first <= cursor < run.stop for run in runs):
                wanted = store.wanted_until(expires_at, None, 10)
                is_wanted = blob.blob_id in {one.blob_id for one in wanted}
                assert is_wanted or is_here(store, cursor)
        disk.fail_at = None
        await tell(member, disk)
        assert all(is_here(store, cursor) for cursor in (1, 2, 3))
        assert store.wanted_count() == 0
        certified = [entry.blob_id for entry in store.feed(0, 99) if entry.certificate]
        assert sorted(certified) == sorted(blob.blob_id for blob, _ in CERTIFIED)
        assert store.usage().blobs == 3


def is_here(store: Store, cursor: int) -> bool:
    blob, expires_at = CERTIFIED[cursor - 1]
    try:
        record = store.record(blob.blob_id)
    except (UnknownBlob, NotEnough):
        return False
    columns = [store.read_column(record, index) for index in my_arc()]
    return record.expires_at >= expires_at and None not in columns


def position(store: Store) -> Position:
    """In the feed of member 0, as it is remembered behind the mark of its node."""
    member = committee().members[0]
    return Position.parse((store.position(sha256(member.public_key).digest()) or b"")[32:])


@pytest.fixture(autouse=True)
def two_entries_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAGE", 2)


async def steps_of_the_story() -> int:
    disk = LossyDisk()
    async with member_on(LossyDatabase(disk)) as (store, member):
        begin(store)
        started = disk.steps
        await tell(member, disk)
        assert store.wanted_count() == 0
    return disk.steps - started


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
async def test_wherever_the_power_goes_nothing_is_forgotten(keep_failed: bool) -> None:
    steps = await steps_of_the_story()
    assert steps >= 18
    for step in range(1, steps + 1):
        for torn_after in KEPT_OF_THE_LOG:
            disk = LossyDisk()
            async with member_on(LossyDatabase(disk)) as (store, member):
                begin(store)
                disk.fail_at, disk.keep_failed = disk.steps + step, keep_failed
                disk.torn_after = torn_after
                with suppress(StoreFault):
                    await tell(member, disk)
                assert disk.steps >= disk.fail_at
            await check(disk)


async def test_the_check_fails_on_a_database_that_does_not_sync() -> None:
    disk = LossyDisk()
    async with member_on(NeverSyncing(disk)) as (store, member):
        begin(store)
        await tell(member, disk)
        assert all(is_here(store, cursor) for cursor in (1, 2, 3))
    async with member_on(LossyDatabase(disk)) as (store, _):
        assert not any(is_here(store, cursor) for cursor in (1, 2, 3))
