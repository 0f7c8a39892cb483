"""The feeds of the other members, read for what is certified and not here, the newest first.

A page is judged, what it certifies is noted in the store, and behind that how far the feed was
read. So a feed is never read further than what is noted, wherever a crash comes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from committee.errors import OtherKeyset
from committee.member.certificates import Certificates
from committee.member.feed_position import Position
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peer, Peers
from da_node.client import FeedEvent
from da_node.node.node import Node
from da_node.service import FalseAnswer, HoldfastError, Pruned, Rejected, logger
from da_node.store import Kept, Offer
from da_node.store.certifying import MOST_WANTED
from da_node.store.records import MAX_CURSOR
from da_node.store.store import MAX_LABEL_BYTES

PAGE: Final = 256
"""Entries of a feed that are read at once: 256 KiB of JSON, half a second of verifying."""

T = TypeVar("T")

Noted = Callable[[Offer, Kept, bool], None]
"""Told of a certificate that has been kept, and whether it is new in its feed."""

_log = logger(__name__)


class _OursFailed(Exception):
    """The store failed while a feed was read, which is not the fault of the feed's member."""

    def __init__(self, error: HoldfastError) -> None:
        super().__init__(str(error))
        self.error = error


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
        self._at_the_end: set[bytes] = set()
        """Names of feeds that were read to their end the last time: what comes there is new."""

    async def read_on(self) -> bool:
        """Read on in the feed of every member that answers, the newest first; whether there is
        more to be read at once.
        """
        more = await asyncio.gather(*map(self._read, self._peers.awake))
        return any(more)

    async def _read(self, peer: Peer) -> bool:
        try:
            return bool(await self._peers.hear(peer, self._read_some(peer)))
        except _OursFailed as failed:
            # Nothing is lost: the feed is read again from where it was.
            self._failed(failed.error)
            return False

    async def _read_some(self, peer: Peer) -> bool:
        """What is new, and one page of what is not; whether there is more of either."""
        info = await self._peers.client.node(peer.url)
        name = feed_name(peer, info.node_id)
        store = self._node.store
        position = Position.parse(await self._ours(lambda: store.position(name)))
        is_new, first = name in self._at_the_end, position.top + 1
        self._at_the_end.discard(name)
        events = await self._page(peer, position.top, PAGE)
        if len(events) == PAGE:
            events = await self._last_page(peer, events[-1].cursor)
            is_new, first = False, events[0].cursor
        read = position.with_read(first, events[-1].cursor + 1) if events else position
        position = await self._take(peer, name, events, read, is_new=is_new)
        if ended := len(events) < PAGE:
            self._at_the_end.add(name)
        has_room = store.wanted_count() < MOST_WANTED // 2
        if position.gaps and has_room:
            position = await self._read_gap(peer, name, position)
        self._metrics.catch_up_behind.labels(peer.name).set(position.behind)
        return not ended or (bool(position.gaps) and has_room)

    async def _read_gap(self, peer: Peer, name: bytes, position: Position) -> Position:
        """The last page of the newest gap."""
        gap = position.gaps[0]
        after = max(gap.after, gap.before - 1 - PAGE)
        events = [one for one in await self._page(peer, after, PAGE) if one.cursor < gap.before]
        if not events and after > gap.after:
            # A hole: it ends behind the first entry of the gap, or takes all of it.
            first = await self._page(peer, gap.after, 1)
            after = first[0].cursor if first and first[0].cursor < gap.before else gap.after
        read = position.with_read(after + 1, gap.before)
        return await self._take(peer, name, events, read, is_new=False)

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

    async def _take(
        self,
        peer: Peer,
        name: bytes,
        events: Sequence[FeedEvent],
        position: Position,
        *,
        is_new: bool,
    ) -> Position:
        """Note what is certified among events; the position, which is then on disk.

        Raises FalseAnswer where one of them is false: the others are noted, and the feed is read
        again from where it was.
        """
        if not events and position == Position.parse(
            await self._ours(lambda: self._node.store.position(name))
        ):
            return position  # nothing new
        try:
            offers, lie = await self._node.workers.upkeep.run(self._judge, events)
        except HoldfastError as error:
            raise _OursFailed(error) from error
        remembered = None if lie is not None else (name, position.serialize())
        kept = await self._ours(
            lambda: self._node.store.put_certificates(offers, position=remembered)
        )
        # Durable from here on; a crash before leaves the feed to be read again from where it was.
        for offer, one in zip(offers, kept, strict=True):
            self._noted(offer, one, is_new)
        if lie is not None:
            raise FalseAnswer(url=peer.url, what="event", reason=lie)
        return position

    def _judge(self, events: Sequence[FeedEvent]) -> tuple[list[Offer], str | None]:
        """What certified events are to be kept here, and what is false about one; blocks."""
        now, store, lie = self._node.clock(), self._node.store, None
        offers: dict[tuple[bytes, int], Offer] = {}
        for event in events:
            if event.certificate is None or event.expires_at <= now:
                continue
            try:
                if store.certificate_until(event.blob_id, event.expires_at) is not None:
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

    async def _ours(self, call: Callable[[], T]) -> T:
        """What the store says. Raises _OursFailed."""
        try:
            return await self._node.workers.store.run(call)
        except HoldfastError as error:
            raise _OursFailed(error) from error

    def _failed(self, error: HoldfastError) -> None:
        self._node.metrics.failures.labels("read feeds").inc()
        _log.warning("feed not read, and read again later", reason=str(error))


def feed_name(peer: Peer, node_id: str) -> bytes:
    """What the position in a member's feed is remembered under. Cursors belong to one node, and a
    member that claims to be another's node has a name of its own all the same.
    """
    return hashlib.sha256(peer.public_key + node_id.encode()).digest()


def _label(event: FeedEvent) -> str:
    """A member's word for it, where the store would take it."""
    return event.label if len(event.label.encode()) <= MAX_LABEL_BYTES else ""
