"""The members' feed through a disperser: once, in order, resumable, and never with a gap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from disperser_specimens import NOW, keyset, keyset_of, kzg
from fake_member import eventually
from real_network import RealNetwork

from committee.disperser import feed, feeds
from committee.disperser.cursors import OWN_BOUND
from committee.disperser.disperser import Disperser
from committee.disperser.feeds import sources
from committee.keyset import VerifiedKeyset
from committee.succession import OVERLAP_S, Succession
from da_node.client import Client, RetryPolicy
from da_node.service import EventDecoder, ServerEvent

NextEvent = Callable[[], Awaitable[dict[str, Any] | None]]
OLD = keyset()
TURN = NOW + 100
NEW = keyset_of((1, 4, 2, 3), not_before=TURN)


@dataclass
class Feeding:
    """A disperser before members that have a feed."""

    network: RealNetwork
    disperser: Disperser
    url: str
    session: aiohttp.ClientSession

    async def store(self, number: int, label: str = "", seeds: tuple[int, ...] = ()) -> str:
        """A small blob comes to these members, or to all, as if dispersed; its id."""
        payload = b"blob %d" % number
        for seed in seeds or tuple(self.network.members):
            node = self.network.members[seed].member.node
            taken = await node.intake.take(
                bytearray(payload), payload, expires_at=_EXPIRES_AT, label=label
            )
        return taken.header.blob_id.hex0x

    @asynccontextmanager
    async def following(
        self, query: str = "", after: int | None = None
    ) -> AsyncIterator[NextEvent]:
        """A stream, as a function that gives its next event; None at its end."""
        fields = {} if after is None else {"Last-Event-ID": str(after)}
        decoder, ready = EventDecoder(max_event_bytes=4096), list[ServerEvent]()
        url = self.url + "/v1/events" + query
        async with self.session.get(url, headers=fields) as response:
            assert response.status == 200, await response.read()
            assert response.headers["Content-Type"] == "text/event-stream"

            async def following() -> dict[str, Any] | None:
                async with asyncio.timeout(20):
                    while not ready:
                        chunk = await response.content.readany()
                        if not chunk:
                            return None
                        ready.extend(decoder.feed(chunk))
                event = ready.pop(0)
                document: dict[str, Any] = json.loads(event.data)
                assert event.id == str(document["cursor"])
                return document

            yield following

    async def page(self, query: str = "", status: int = 200) -> Any:
        async with self.session.get(self.url + "/v1/blobs" + query) as response:
            document = json.loads(await response.read())
            assert response.status == status, document
            return document["blobs"] if status == 200 else document

    def let_be_sources(self, *seeds: int) -> None:
        self.disperser.feeds._sources = lambda: tuple(self.network.urls(*seeds))

    def followed(self) -> list[str]:
        return list(self.disperser.feeds._feeds)

    def seed_of(self, cursor: int) -> int:
        """Whose cursor it is."""
        tags = self.disperser.feeds._tags
        (url,) = [url for url, tag in tags.items() if tag == cursor // OWN_BOUND]
        return next(seed for seed, one in self.network.members.items() if one.url == url)


_EXPIRES_AT = -(-(NOW + OLD.retention_s) // 3600) * 3600


@asynccontextmanager
async def feeding_through(
    tmp_path: Path, *keysets: VerifiedKeyset, seeds: int = 4
) -> AsyncIterator[Feeding]:
    async with AsyncExitStack() as stack:
        network = RealNetwork(tmp_path, stack)
        for seed in range(seeds):
            await network.start_member(seed, *keysets)
        disperser, url = await network.start_disperser(*keysets)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Feeding(network, disperser, url, session)


@pytest.fixture
async def feeding(tmp_path: Path) -> AsyncIterator[Feeding]:
    async with feeding_through(tmp_path, OLD) as feeding:
        yield feeding


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["blob_id"] for event in events]


async def taken(following: NextEvent, count: int) -> list[dict[str, Any]]:
    found = []
    for _ in range(count):
        event = await following()
        assert event is not None
        found.append(event)
    return found


async def test_many_follow_through_one_subscription(feeding: Feeding) -> None:
    await feeding.store(0)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(feeding.following()) for _ in range(5)]
        stored = [await feeding.store(number) for number in range(1, 4)]
        for following in streams:
            assert ids(await taken(following, 3)) == stored
        (url,) = feeding.followed()
        member = next(one for one in feeding.network.members.values() if one.url == url)
        assert member.member.node.events.subscribers == 1


async def test_a_stream_resumes_after_the_last_event_seen(feeding: Feeding) -> None:
    stored = [await feeding.store(number) for number in range(4)]
    first = await feeding.page()
    assert ids(first) == stored
    async with feeding.following(after=first[1]["cursor"]) as following:
        seen = await taken(following, 2)
        live = await feeding.store(4)
        seen += await taken(following, 1)
    assert ids(seen) == [*stored[2:], live]
    async with feeding.following(after=0) as following:
        assert ids(await taken(following, 5)) == [*stored, live]


async def test_our_client_follows_lists_and_resumes(feeding: Feeding) -> None:
    stored = [await feeding.store(number) for number in range(3)]
    async with Client(feeding.url, kzg=kzg(), policy=RetryPolicy(attempts=1)) as client:
        (first, *_) = await client.list(limit=1)
        assert ids([{"blob_id": first.blob_id.hex0x}]) == stored[:1]
        rest = await client.list(first.cursor)
        assert [event.blob_id.hex0x for event in rest] == stored[1:]
        events = client.events(rest[0].cursor)
        assert (await anext(events)).blob_id.hex0x == stored[2]
        await events.aclose()
        newest = await client.newest_cursor()
        assert newest == rest[-1].cursor


async def test_a_label_chooses(feeding: Feeding) -> None:
    await feeding.store(0, "a")
    stored = await feeding.store(1, "b")
    assert ids(await feeding.page("?label=b")) == [stored]
    async with feeding.following("?label=b", after=0) as following:
        assert ids(await taken(following, 1)) == [stored]
        await feeding.store(2, "a")
        live = await feeding.store(3, "b")
        assert ids(await taken(following, 1)) == [live]


async def test_where_its_member_is_gone_a_reader_gets_another_ones_feed_from_the_beginning(
    feeding: Feeding,
) -> None:
    stored = [await feeding.store(number) for number in range(3)]
    async with feeding.following(after=0) as following:
        seen = await taken(following, 2)
        gone = feeding.seed_of(seen[-1]["cursor"])
        await feeding.network.members.pop(gone).stop.aclose()
        while (event := await following()) is not None:
            seen.append(event)
    missed = await feeding.store(3)
    async with feeding.following(after=seen[-1]["cursor"]) as following:
        again = await taken(following, 4)
    assert ids(again) == [*stored, missed]
    assert feeding.seed_of(again[0]["cursor"]) != gone
    page = await feeding.page(f"?after={seen[-1]['cursor']}")
    assert ids(page) == [*stored, missed]


async def test_a_reader_stays_with_its_member_whichever_others_follow(feeding: Feeding) -> None:
    stored = [await feeding.store(number) for number in range(3)]
    cursors = {}
    for seed in range(4):  # as if the others had been gone for a while
        feeding.let_be_sources(seed)
        cursors[seed] = (await feeding.page("?limit=1"))[0]["cursor"]
    feeding.let_be_sources(0, 1, 2, 3)
    for seed, cursor in cursors.items():
        page = await feeding.page(f"?after={cursor}")
        assert ids(page) == stored[1:]
        assert {feeding.seed_of(event["cursor"]) for event in page} == {seed}
        async with feeding.following(after=cursor) as following:
            assert ids(await taken(following, 2)) == stored[1:]
    assert len(feeding.followed()) == 4


async def test_a_member_with_a_new_directory_is_another_one(feeding: Feeding) -> None:
    stored = [await feeding.store(number) for number in range(3)]
    last = (await feeding.page())[-1]["cursor"]
    for one in feeding.network.members.values():
        one.member.node.node_id = "another " + one.member.node.node_id
    assert ids(await feeding.page(f"?after={last}")) == stored
    async with feeding.following(after=last) as following:
        assert ids(await taken(following, 3)) == stored


async def test_a_member_that_becomes_another_one_while_it_is_asked_begins_anew(
    feeding: Feeding, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [await feeding.store(number) for number in range(3)]
    last = (await feeding.page())[-1]["cursor"]
    (url,) = feeding.network.urls(feeding.seed_of(last))
    feeding.network.members[feeding.seed_of(last)].member.node.node_id = "another"

    async def still_thought_to_be(tag: int) -> str:
        return url

    monkeypatch.setattr(feeding.disperser.feeds, "_member_of", still_thought_to_be)
    async with feeding.following(after=last) as following:
        assert ids(await taken(following, 3)) == stored


@pytest.mark.parametrize("query", ["?after=17", "?after=-1", "?after=x", f"?after={1 << 63}"])
async def test_a_cursor_that_no_disperser_gives_is_refused(feeding: Feeding, query: str) -> None:
    assert (await feeding.page(query, 400))["code"] == "malformed_request"
    fields = {"Last-Event-ID": query.removeprefix("?after=")}
    async with feeding.session.get(feeding.url + "/v1/events", headers=fields) as response:
        assert response.status == 400


async def test_where_no_member_answers_it_says_so(feeding: Feeding) -> None:
    for one in feeding.network.members.values():
        await one.stop.aclose()
    document = await feeding.page(status=503)
    assert len(document["failures"]) == 4
    async with feeding.session.get(feeding.url + "/v1/events") as response:
        assert response.status == 503


async def test_one_that_falls_behind_is_ended_and_resumes(
    feeding: Feeding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "SUBSCRIBER_BACKLOG", 2)
    await feeding.store(0)
    (event,) = await feeding.disperser.client.list(node=feeding.network.urls(0)[0])
    async with feeding.following() as following:
        (followed,) = feeding.disperser.feeds._feeds.values()
        for _ in range(3):  # at once, before the stream gets to run
            followed.broadcast.publish(event)
        assert await following() is None
    await eventually(lambda: followed.broadcast.subscribers == 0)


async def test_there_are_only_so_many_streams(
    feeding: Feeding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding.disperser.streams, "_max_count", 1)
    async with (
        feeding.following(),
        feeding.session.get(feeding.url + "/v1/events") as response,
    ):
        assert response.status == 429


async def test_streams_end_when_the_disperser_stops(feeding: Feeding) -> None:
    async with feeding.following() as following:
        feeding.disperser.stopping()
        assert await following() is None
    async with feeding.following() as following:
        assert await following() is None


class TestRotation:
    def test_a_source_is_told_of_every_blob(self, tmp_path: Path) -> None:
        network = RealNetwork(tmp_path, AsyncExitStack())
        disjoint = keyset_of((4, 5, 6, 7), not_before=TURN)
        for following, during in ((NEW, {1, 2, 3}), (disjoint, {0, 1, 2, 3})):
            succession = Succession([network.committee(OLD), network.committee(following)])
            for now, expected in (
                (TURN - 1, {0, 1, 2, 3}),
                (TURN, during),
                (TURN + OVERLAP_S - 1, during),
                (TURN + OVERLAP_S, {1, 4, 2, 3} if following is NEW else {4, 5, 6, 7}),
            ):
                found = {int(url.rsplit(":", 1)[1]) - 1 for url in sources(succession, now)}
                assert found == expected

    async def test_the_feed_of_one_that_left_is_read_to_its_end_and_then_another_ones(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed, "HEARTBEAT_S", 0.01)
        async with feeding_through(tmp_path, OLD, NEW, seeds=5) as feeding:
            before = [await feeding.store(number, seeds=(0, 1, 2, 3)) for number in range(3)]
            feeding.let_be_sources(0)
            async with feeding.following(after=0) as following:
                seen = await taken(following, 2)
                assert feeding.seed_of(seen[0]["cursor"]) == 0
                feeding.let_be_sources(1)
                while (event := await following()) is not None:
                    seen.append(event)
            late = await feeding.store(3, seeds=(0, 1, 2, 3))
            after = await feeding.store(4, seeds=(1, 2, 3, 4))
            async with feeding.following(after=seen[1]["cursor"]) as following:
                again = await taken(following, 2 + 5)
            assert ids(again) == [before[2], late, *before, late, after]
            assert [feeding.seed_of(event["cursor"]) for event in again] == [0, 0, 1, 1, 1, 1, 1]
            cursor, read = seen[1]["cursor"], []
            while page := await feeding.page(f"?after={cursor}&limit=2"):
                read += page
                cursor = page[-1]["cursor"]
            assert ids(read) == ids(again)
