"""The feeds of the other members, read for what is certified and not here, the newest first.

A page is judged, what it certifies is noted in the store, and behind that how far the feed was
read. So a feed is never read further than what is noted, wherever a crash comes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from committee.errors import OtherKeyset
from committee.member.certificates import Certificates, keyset_hash_of
from committee.member.feed_position import Position
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peer, Peers
from da_node.client import FeedEvent
from da_node.node.node import Node
from da_node.service import (
    DeadlineExceeded,
    FalseAnswer,
    HoldfastError,
    Pruned,
    Rejected,
    logger,
)
from da_node.store import Kept, Offer
from da_node.store.certifying import MOST_WANTED
from da_node.store.records import MAX_CURSOR
from da_node.store.store import MAX_LABEL_BYTES

PAGE: Final = 256
"""Entries of a feed that are read at once: 256 KiB of JSON, half a second of verifying."""
TURN_S: Final = 120.0
"""Time that one member's feed may take at a turn, while the others' wait: its end is found in a
hundred questions at most, and a page of it takes seconds."""
_MARK_BYTES: Final = 32

T = TypeVar("T")

Noted = Callable[[Offer, Kept, bool], None]
"""Told of a certificate that has been kept, and whether it is new in its feed."""

_log = logger(__name__)


class _OursFailed(Exception):
    """The store failed while a feed was read, which is not the fault of the feed's member."""

    def __init__(self, error: HoldfastError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """One member's, as it is now."""

    peer: Peer
    mark: bytes
    """What a position in it is worth for: cursors belong to one node, and what was passed over
    because of its keyset was passed over by those who did not follow that keyset then."""

    @property
    def name(self) -> bytes:
        """What the position is remembered under: one a member, whatever nodes it says it is."""
        return hashlib.sha256(self.peer.public_key).digest()

    def position(self, data: bytes | None) -> Position:
        """Out of what is remembered; nothing was read if that is of another mark."""
        data = data or b""
        return Position.parse(data[_MARK_BYTES:] if data[:_MARK_BYTES] == self.mark else None)


class Feeds:
    """Reads feeds. Used from the node's event loop."""

    def __init__(
        self,
        *,
        node: Node,
        certificates: Certificates,
        peers: Peers,
        metrics: MemberMetrics,
        noted: Noted,
    ) -> None:
        self._node = node
        self._certificates = certificates
        self._peers = peers
        self._metrics = metrics
        self._noted = noted
        self._at_the_end: dict[bytes, bytes] = {}
        """Names and marks of feeds that were read to their end the last time: what comes there is
        new."""

    async def read_on(self) -> bool:
        """Read on in the feed of every member that answers, the newest first; whether there is
        more to be read at once.
        """
        more = await asyncio.gather(*map(self._read, self._peers.awake))
        return any(more)

    async def _read(self, peer: Peer) -> bool:
        try:
            return bool(await self._peers.hear(peer, self._read_in_time(peer)))
        except _OursFailed as failed:
            # Nothing is lost: the feed is read again from where it was.
            self._failed(failed.error)
            return False
        except Exception as error:  # the outermost frame: a bug that one feed hits, and no other
            self._peers.failed(peer, "refused", f"{type(error).__name__} while it was read")
            _log.error("reading a feed failed", member=peer.name, exc_info=error)
            return False

    async def _read_in_time(self, peer: Peer) -> bool:
        """Cut off at any moment: what is being noted is noted all the same, in the store's thread,
        or the feed is read again from where it was.
        """
        try:
            async with asyncio.timeout(TURN_S):
                return await self._read_some(peer)
        except TimeoutError:
            raise DeadlineExceeded(bound_s=TURN_S) from None

    async def _read_some(self, peer: Peer) -> bool:
        """What is new, and one page of what is not; whether there is more of either."""
        info = await self._peers.client.node(peer.url)
        feed = _Feed(peer=peer, mark=self._mark(info.node_id))
        store = self._node.store
        position = await self._position(feed)
        is_new = self._at_the_end.pop(feed.name, None) == feed.mark
        first = position.top + 1
        events = await self._page(peer, position.top, PAGE)
        if len(events) == PAGE:
            # Empty where its last entries have moved or gone since they were found.
            events = await self._last_page(peer, events[-1].cursor)
            is_new, first = False, events[0].cursor if events else 0
        read = position.with_read(first, events[-1].cursor + 1) if events else position
        position = await self._take(feed, events, position, read, is_new=is_new)
        if ended := len(events) < PAGE:
            self._at_the_end[feed.name] = feed.mark
        has_room = store.wanted_count() < MOST_WANTED // 2
        if position.gaps and has_room:
            position = await self._read_gap(feed, position)
        self._metrics.catch_up_behind.labels(peer.name).set(position.behind)
        return not ended or (bool(position.gaps) and has_room)

    async def _read_gap(self, feed: _Feed, position: Position) -> Position:
        """The last page of the newest gap."""
        gap = position.gaps[0]
        after = max(gap.after, gap.before - 1 - PAGE)
        events = await self._page_below(feed.peer, after, PAGE, gap.before)
        if not events and after > gap.after:
            after = await self._below_hole(feed.peer, gap.after, after + 1)
        read = position.with_read(after + 1, gap.before)
        return await self._take(feed, events, position, read, is_new=False)

    async def _below_hole(self, peer: Peer, after: int, before: int) -> int:
        """A cursor above `after` and less than a page above the last entry below `before`; `after`
        if there is none. Found by halving.
        """
        found = await self._page_below(peer, after, 1, before)
        while found and before - found[0].cursor > PAGE:
            there = found[0].cursor
            middle = (there + before) // 2
            above = await self._page_below(peer, middle, 1, before)
            found, before = above or found, before if above else middle + 1
        return before - 1 if found else after

    async def _last_page(self, peer: Peer, there: int) -> Sequence[FeedEvent]:
        """The end of a feed that goes on behind a cursor: found by doubling, then by halving."""
        step = PAGE
        while found := await self._page(peer, there + step, 1):
            there, step = found[0].cursor, 2 * step
        absent = there + step
        while absent - there > PAGE:
            middle = (there + absent) // 2
            if found := await self._page(peer, middle, 1):
                there = found[0].cursor
            else:
                absent = middle
        return await self._page(peer, there - 1, PAGE)

    async def _page(self, peer: Peer, after: int, limit: int) -> Sequence[FeedEvent]:
        events = await self._peers.client.list(after, limit, node=peer.url)
        cursors = [after, *(event.cursor for event in events)]
        if len(events) > limit or sorted(set(cursors)) != cursors or cursors[-1] > MAX_CURSOR:
            raise FalseAnswer(url=peer.url, what="page", reason="its cursors do not ascend")
        return events

    async def _page_below(
        self, peer: Peer, after: int, limit: int, before: int
    ) -> Sequence[FeedEvent]:
        return [one for one in await self._page(peer, after, limit) if one.cursor < before]

    async def _take(
        self,
        feed: _Feed,
        events: Sequence[FeedEvent],
        before: Position,
        position: Position,
        *,
        is_new: bool,
    ) -> Position:
        """Note what is certified among events; the position, which is then on disk.

        Raises FalseAnswer where one of them is false: the others are noted, and the feed is read
        again from where it was, `before`.
        """
        if not events and position == before:
            return position  # nothing new
        try:
            offers, lie = await self._node.workers.upkeep.run(self._judge, events)
        except HoldfastError as error:
            raise _OursFailed(error) from error
        remembered = None if lie is not None else (feed.name, feed.mark + position.serialize())
        kept = await self._ours(
            lambda: self._node.store.put_certificates(offers, position=remembered)
        )
        # Durable from here on; a crash before leaves the feed to be read again from where it was.
        for offer, one in zip(offers, kept, strict=True):
            self._noted(offer, one, is_new)
        if lie is not None:
            raise FalseAnswer(url=feed.peer.url, what="event", reason=lie)
        return position

    def _judge(self, events: Sequence[FeedEvent]) -> tuple[list[Offer], str | None]:
        """What certified events are to be kept here, and what is false about one; blocks."""
        now, store, lie = self._node.clock(), self._node.store, None
        offers: dict[tuple[bytes, int], Offer] = {}
        for event in events:
            if event.certificate is None or event.expires_at <= now:
                continue
            try:
                here = store.certificate_until(event.blob_id, event.expires_at)
                if here is not None and keyset_hash_of(here) == keyset_hash_of(event.certificate):
                    continue  # so what it asks for is here or wanted
                offer = self._certificates.offer(
                    event.certificate, now, blob_id=event.blob_id, label=_label(event)
                )
            except (OtherKeyset, Pruned):
                continue
            except (Rejected, ValueError) as error:
                lie = f"blob {event.blob_id.hex0x}: {error}"
                continue
            if offer.expires_at != event.expires_at:
                lie = f"blob {event.blob_id.hex0x}: its certificate expires at {offer.expires_at}"
            elif offer.columns:
                offers[event.blob_id, event.expires_at] = offer
        return list(offers.values()), lie

    async def _position(self, feed: _Feed) -> Position:
        return feed.position(await self._ours(lambda: self._node.store.position(feed.name)))

    def _mark(self, node_id: str) -> bytes:
        keysets = b"".join(sorted(self._certificates.kept_under))
        return hashlib.sha256(keysets + node_id.encode()).digest()

    async def _ours(self, call: Callable[[], T]) -> T:
        """What the store says. Raises _OursFailed."""
        try:
            return await self._node.workers.store.run(call)
        except HoldfastError as error:
            raise _OursFailed(error) from error

    def _failed(self, error: HoldfastError) -> None:
        self._node.metrics.failures.labels("read feeds").inc()
        _log.warning("feed not read, and read again later", reason=str(error))


def _label(event: FeedEvent) -> str:
    """A member's word for it, where the store would take it."""
    return event.label if len(event.label.encode()) <= MAX_LABEL_BYTES else ""
