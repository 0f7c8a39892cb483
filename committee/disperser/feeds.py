"""The members' feeds, passed on: each is subscribed to once, for all who follow it here.

A reader is given one member's events, with that member in every cursor, and stays with it for as
long as it answers and is told of every blob. Otherwise the stream ends; whoever resumes gets the
rest of that feed, if it can be had, and then another member's from its beginning: what he has seen
may come again, and nothing is left out.

    resumes with           its member                    is given
    ───────────────────    ──────────────────────────    ─────────────────────────────────────
    nothing                —                             what comes from now on, of a source
    0                      —                             a source's feed from its beginning
    a cursor               is a source                   what follows it
                           answers, but is none          what follows it, then a source's feed
                                                         from its beginning
                           does not answer               a source's feed from its beginning

A *source* is a member of every keyset that is in force: within two hours of a rotation dispersers
may spread under the old keyset and under the new one. Where nobody is in both, the members of the
old one are sources until it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from committee.disperser.bounds import SUBSCRIBER_BACKLOG, SUBSCRIBERS
from committee.disperser.certificates import ANSWER_S
from committee.disperser.cursors import Cursor, tag_of
from committee.documents import Committee
from committee.succession import Succession
from da_node.client import Client, FeedEvent
from da_node.client.choosing import verdict_of
from da_node.service import Broadcast, HoldfastError, PeerUnreachable, logger

_log = logger(__name__)


def sources(succession: Succession, now: int) -> tuple[str, ...]:
    """The URLs of the members that are told of every blob, in the order of the current keyset."""
    signing = succession.signing(now) or (succession.current(now),)
    everywhere = set.intersection(*map(_urls, signing))
    current = [member.url for member in succession.current(now).members]
    found = tuple(url for url in current if url in everywhere)
    return found or tuple(member.url for member in signing[0].members)


def _urls(committee: Committee) -> set[str]:
    return {member.url for member in committee.members}


@dataclass(slots=True, eq=False)
class Feed:
    """One member's feed as it grows."""

    url: str
    tag: int
    position: int
    """The member's own cursor of the newest event that is broadcast; none after it is left out."""
    broadcast: Broadcast[FeedEvent] = field(
        default_factory=lambda: Broadcast(max_subscribers=SUBSCRIBERS, backlog=SUBSCRIBER_BACKLOG)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What one reader is given, in this order."""

    rest: tuple[str, Cursor] | None
    """What follows a cursor in the feed of a member that is no source any more, and its URL."""
    feed: Feed
    start: Cursor
    """Where `feed` begins."""


class Feeds:
    """All feeds that are followed. Used from one event loop."""

    def __init__(
        self,
        *,
        client: Callable[[], Client],
        make_follower: Callable[[Sequence[str]], Client],
        sources: Callable[[], Sequence[str]],
    ) -> None:
        """`client` reads pages from all members; `make_follower` makes one that follows a feed and
        does not take it up by itself where it breaks off, for by then the member may be another
        node, with other cursors.
        """
        self._client = client
        self._make_follower = make_follower
        self._sources = sources
        self._tags: dict[str, int] = {}
        self._feeds: dict[str, Feed] = {}
        self._starting: dict[str, asyncio.Task[Feed]] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._ended = False

    async def way(self, cursor: Cursor | None, *, from_now: bool) -> Way:
        """What a reader is given that has seen all up to a cursor; without one, a feed from its
        beginning or from now on. Raises NoNode where no source answers.
        """
        url = None if cursor is None else await self._member_of(cursor.tag)
        if cursor is not None and url is not None and self.is_source(url):
            feed = await self._feed(url, cursor.tag)
            if feed.tag == cursor.tag:
                return Way(rest=None, feed=feed, start=cursor)
            url = None  # another node has come to the address meanwhile
        rest = None if cursor is None or url is None else (url, cursor)
        feed = await self._any()
        own = feed.position if from_now else 0
        return Way(rest=rest, feed=feed, start=Cursor(tag=feed.tag, own=own))

    async def page(
        self, cursor: Cursor | None, limit: int, label: str | None
    ) -> list[tuple[Cursor, FeedEvent]]:
        """At most `limit` events after a cursor, each with its own. Raises as `way` does."""
        url = None if cursor is None else await self._member_of(cursor.tag)
        if cursor is not None and url is not None:
            found = await self.read(url, cursor, limit, label)
            if found or self.is_source(url):
                return found
        url, tag = await self._any_source()
        return await self.read(url, Cursor(tag=tag, own=0), limit, label)

    async def read(
        self, url: str, after: Cursor, limit: int, label: str | None
    ) -> list[tuple[Cursor, FeedEvent]]:
        """A page of one member's feed."""
        events = await self._client().list(after.own, limit, label, node=url)
        return [(Cursor.at(url, after.tag, event.cursor), event) for event in events]

    def is_source(self, url: str) -> bool:
        """Whether the member is told of every blob now."""
        return url in self._sources()

    def end(self) -> None:
        """End every stream once it has sent what it has; those that begin from now on end too."""
        self._ended = True
        for feed in self._feeds.values():
            feed.broadcast.close()

    async def close(self) -> None:
        """Unsubscribe everywhere. Call when nobody follows any more."""
        tasks = [*self._starting.values(), *self._following]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ whose feed

    async def _tag(self, url: str) -> int:
        """The member's tag now: it changes with its directory. Raises what asking does."""
        try:
            async with asyncio.timeout(ANSWER_S):
                info = await self._client().node(url)
        except TimeoutError:
            raise PeerUnreachable(url=url, reason=f"no answer in {ANSWER_S:g} s") from None
        self._tags[url] = tag_of(info.node_id)
        return self._tags[url]

    async def _member_of(self, tag: int) -> str | None:
        """Where the member is whose tag this is; None where it does not answer, or is none."""
        known = [url for url in self._client().nodes if self._tags.get(url) == tag]
        for urls in (known, self._client().nodes):
            answers = await asyncio.gather(*map(self._tag, urls), return_exceptions=True)
            for url, answer in zip(urls, answers, strict=True):
                if answer == tag:
                    return url
        return None

    async def _any_source(self) -> tuple[str, int]:
        """A source that answers, and its tag: one that is followed already, or the first to do so.

        Raises NoNode, or what the only source does.
        """
        urls = self._sources()
        errors: dict[str, HoldfastError] = {}

        async def ask(url: str) -> tuple[str, int] | None:
            try:
                return url, await self._tag(url)
            except HoldfastError as error:
                errors[url] = error
                return None

        for some in ([url for url in urls if url in self._feeds], urls):
            asking = [asyncio.create_task(ask(url)) for url in some]
            try:
                for answer in asyncio.as_completed(asking):
                    found = await answer
                    if found is not None:
                        return found
            finally:
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
        raise verdict_of("feed", errors)

    # ------------------------------------------------------------ following it

    async def _any(self) -> Feed:
        url, tag = await self._any_source()
        return await self._feed(url, tag)

    async def _feed(self, url: str, tag: int) -> Feed:
        """A member's feed, subscribed to; those who ask at once share the subscription."""
        feed = self._feeds.get(url)
        if feed is not None and feed.tag != tag:  # another node is at the address now
            self._forget(feed)
            feed = None
        if feed is not None:
            return feed
        if url not in self._starting:
            task = asyncio.create_task(self._subscribe(url))
            self._starting[url] = task
            task.add_done_callback(lambda done: self._started(url, done))
        return await asyncio.shield(self._starting[url])

    def _started(self, url: str, task: asyncio.Task[Feed]) -> None:
        del self._starting[url]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waited has been told; perhaps nobody does any more.
            _log.info("feed not followed", member=url, reason=str(error))

    async def _subscribe(self, url: str) -> Feed:
        tag = await self._tag(url)
        newest = await self._client().newest_cursor(node=url)
        feed = Feed(url=url, tag=tag, position=Cursor.at(url, tag, newest).own)
        if self._ended:
            feed.broadcast.close()
        self._feeds[url] = feed
        task = asyncio.create_task(self._follow(feed))
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return feed

    async def _follow(self, feed: Feed) -> None:
        """Broadcast every event after the feed's position, until the stream breaks off."""
        try:
            async with (
                self._make_follower([feed.url]) as follower,
                aclosing(follower.events(feed.position, node=feed.url)) as events,
            ):
                async for event in events:
                    feed.position = Cursor.at(feed.url, feed.tag, event.cursor).own
                    feed.broadcast.publish(event)
        except HoldfastError as error:
            _log.warning("feed broke off", member=feed.url, reason=str(error))
        finally:
            self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        """End its streams once they have sent what they have; whoever resumes finds another way."""
        feed.broadcast.close()
        if self._feeds.get(feed.url) is feed:
            del self._feeds[feed.url]
