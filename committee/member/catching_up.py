"""A member that was away, or left out, brings what is certified and not here.

    feeds of the others ─▶ certificates, verified ─▶ wanted (durable) ─▶ columns ─▶ here
                                                └─ and, behind them, how far each feed was read

Two loops that know of each other only through the store. One reads feeds, the newest entries
first; where it was is written after what it found, so it is never further than what is wanted. The
other brings what is wanted, the latest expiry first; a blob is wanted until its columns are synced.
Killed anywhere, both go on from what is on disk, and at worst do something again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from committee.errors import OtherKeyset
from committee.member.certificates import Certificates
from committee.member.feed_position import Position
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peer, Peers
from committee.member.seat import Seats
from da_node.client import FeedEvent, Pace
from da_node.coding import BlobId, VerifiedColumn
from da_node.node.node import Node
from da_node.node.rebuilding import Rebuilt
from da_node.service import (
    FalseAnswer,
    HoldfastError,
    NotEnough,
    Pruned,
    Rejected,
    StoreFault,
    StoreFull,
    UnknownBlob,
    logger,
)
from da_node.store import Kept, Offer, Wanted
from da_node.store.certifying import MOST_WANTED
from da_node.store.records import MAX_CURSOR, indices_of
from da_node.store.store import MAX_LABEL_BYTES

PAGE: Final = 256
"""Entries of a feed that are read at once: 256 KiB of JSON, half a second of verifying."""
PAUSE_S: Final = 0.2
"""Between two pages of the past, so that verifying takes a part of one core at most."""
LOOK_S: Final = 2.0
"""Between two looks at what is wanted, which is known without reading."""
GRACE_S: Final = 20.0
"""What was certified just now may still be on its way from the disperser: it is left alone for so
long, or each slow member would fetch what is being sent to it."""
FIRST_RETRY_S: Final = 30.0
"""Rest of a blob that could not be brought; doubles from there."""
LONGEST_RETRY_S: Final = 6 * 3600.0
"""At most 73 attempts in the life of a blob that can never be brought."""

T = TypeVar("T")
_Key = tuple[BlobId, int]
"""A blob and an expiry."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rest:
    until: float
    attempts: int


class _OursFailed(Exception):
    """The store failed while a feed was read, which is not the fault of the feed's member."""

    def __init__(self, error: HoldfastError) -> None:
        super().__init__(str(error))
        self.error = error


class CatchingUp:
    """Reads feeds, and brings what is wanted. Used from the node's event loop."""

    def __init__(
        self,
        *,
        node: Node,
        seats: Seats,
        certificates: Certificates,
        peers: Peers,
        metrics: MemberMetrics,
        pace: Pace,
        interval_s: float,
        bytes_per_s: int,
    ) -> None:
        """`interval_s` is the time between two looks at a feed that has been read to its end,
        `bytes_per_s` the pace at which columns are brought.
        """
        self._node = node
        self._seats = seats
        self._certificates = certificates
        self._peers = peers
        self._metrics = metrics
        self._pace = pace
        self._interval_s = interval_s
        self._bytes_per_s = bytes_per_s
        self._rests: OrderedDict[_Key, _Rest] = OrderedDict()
        """Wanted blobs that are not to be tried before a time. Lost with the process: then they
        are tried at once."""
        self._at_the_end: set[bytes] = set()
        """Names of feeds that were read to their end the last time: what comes there is new."""
        self._newest: int | None = None
        """The latest expiry that has become wanted since somebody looked."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both loops, and mending from the other members, for as long as this lasts."""
        self._node.recovering.source = self._peers
        tasks = [asyncio.create_task(self._read_on()), asyncio.create_task(self._bring_on())]
        for task in tasks:
            task.add_done_callback(_report_end)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._node.recovering.source = None
            await self._node.recovering.drain()

    def noted(self, offer: Offer, kept: Kept, *, is_new: bool) -> None:
        """A certificate has been kept; `is_new` if it was made only now."""
        if kept.cursor is not None:
            self._node.events.publish(kept.cursor)
        if not kept.wanted:
            return
        key = offer.header.blob_id, offer.expires_at
        if not is_new:
            self._newest = max(offer.expires_at, self._newest or 0)
        elif key not in self._rests:
            self._rest(key, GRACE_S, attempts=0)
        _log.info("wanted", blob_id=offer.header.blob_id.hex0x, expires_at=offer.expires_at)

    # ------------------------------------------------------------ feeds

    async def read_feeds(self) -> bool:
        """Read on in the feed of every member that answers, the newest first; whether there is
        more to be read at once.
        """
        more = await asyncio.gather(*map(self._read, self._peers.awake))
        self._tell()
        return any(more)

    async def _read(self, peer: Peer) -> bool:
        try:
            return bool(await self._peers.hear(peer, self._read_some(peer)))
        except _OursFailed as failed:
            # Nothing is lost: the feed is read again from where it was.
            self._failed("read feeds", failed.error)
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
            self.noted(offer, one, is_new=is_new)
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

    # ------------------------------------------------------------ what is wanted

    async def bring(self) -> None:
        """Bring what is wanted, the latest expiry first, each blob at most once, but for those that
        rest. Raises StoreFull, StoreFault.
        """
        while await self._bring_until_newer():
            pass

    async def _bring_until_newer(self) -> bool:
        """Whether it ended because something newer became wanted meanwhile."""
        self._newest = None
        for expires_at in self._node.store.wanted_expiries():
            if expires_at <= self._node.clock():
                continue  # it is not served any more, and soon pruned
            after = None
            while page := await self._wanted(expires_at, after):
                for wanted in page:
                    if self._is_due(wanted):
                        await self._try(wanted)
                    if self._newest is not None and self._newest > expires_at:
                        return True
                after = page[-1].blob_id
        return False

    async def _try(self, wanted: Wanted) -> None:
        """Bring one blob; one that fails rests, and those behind it have their turn."""
        try:
            await self._bring(wanted)
        except HoldfastError as error:
            self._put_off(wanted, reason=str(error))
            if isinstance(error, StoreFault | StoreFull):
                raise  # as the next one would, after as much had been fetched for it
            self._failed("catch up", error)

    async def _bring(self, wanted: Wanted) -> None:
        """Bring one blob; it stays wanted and rests where that cannot be done now."""
        workers = self._node.workers
        sound, lacking = await workers.store.run(self._look, wanted)
        # With nothing lacking a disperser has brought it meanwhile, or it only moves.
        rebuilt = await self._node.rebuilding.columns(wanted.header, sound, lacking, self._peers)
        settled = await workers.store.run(
            self._node.store.settle, wanted, rebuilt.columns, rebuilt.void
        )
        # Durable from here on; a crash before leaves the blob wanted as it was.
        if settled.cursor is not None:
            self._node.events.publish(settled.cursor)
        self._count(wanted, rebuilt)
        if settled.wanted:
            left = len(lacking) - len(rebuilt.columns) - len(rebuilt.void)
            self._put_off(wanted, reason=f"{rebuilt.at_hand} columns at hand, {left} lacking")
        else:
            self._rests.pop((wanted.blob_id, wanted.expires_at), None)
            self._metrics.caught_up_blobs.inc()
            _log.info(
                "caught up",
                blob_id=wanted.blob_id.hex0x,
                expires_at=wanted.expires_at,
                columns=len(rebuilt.columns),
            )
        self._tell()
        await self._pace.sleep(rebuilt.received_bytes / self._bytes_per_s)

    def _look(self, wanted: Wanted) -> tuple[list[VerifiedColumn], tuple[int, ...]]:
        """The sound columns of a blob that are here, if others are lacking, and which; blocks."""
        store = self._node.store
        try:
            record = store.record(wanted.blob_id)
        except (UnknownBlob, Pruned, NotEnough):
            return [], indices_of(wanted.columns)
        lacking = indices_of(wanted.lacking(record))
        if not lacking:
            return [], ()
        read = (store.read_column(record, index) for index in record.columns)
        return [column for column in read if column is not None], lacking

    def _count(self, wanted: Wanted, rebuilt: Rebuilt) -> None:
        columns = self._metrics.caught_up_columns
        columns.labels("served").inc(rebuilt.served)
        columns.labels("rebuilt").inc(len(rebuilt.columns) - rebuilt.served)
        if rebuilt.void:
            self._node.metrics.void_columns.inc(len(rebuilt.void))
            _log.warning("columns void", blob_id=wanted.blob_id.hex0x, columns=sorted(rebuilt.void))

    async def _wanted(self, expires_at: int, after: BlobId | None) -> list[Wanted]:
        store = self._node.store
        return await self._node.workers.store.run(store.wanted_until, expires_at, after, PAGE)

    async def _ours(self, call: Callable[[], T]) -> T:
        """What the store says. Raises _OursFailed."""
        try:
            return await self._node.workers.store.run(call)
        except HoldfastError as error:
            raise _OursFailed(error) from error

    # ------------------------------------------------------------ time

    async def _read_on(self) -> None:
        """Read feeds for ever, with a rest before the first time."""
        more = False
        while True:
            await self._pace.sleep(PAUSE_S if more else self._interval_s)
            more = await self.read_feeds()

    async def _bring_on(self) -> None:
        """Bring what is wanted for ever."""
        while True:
            await self._pace.sleep(LOOK_S)
            self._tell()
            if not self._node.store.wanted_count() or not self._peers.awake:
                continue
            try:
                await self.bring()
            except HoldfastError as error:
                self._failed("catch up", error)
                await self._pace.sleep(FIRST_RETRY_S)

    def _is_due(self, wanted: Wanted) -> bool:
        rest = self._rests.get((wanted.blob_id, wanted.expires_at))
        return rest is None or rest.until <= self._pace.clock()

    def _put_off(self, wanted: Wanted, *, reason: str) -> None:
        key = wanted.blob_id, wanted.expires_at
        rest = self._rests.get(key)
        attempts = 0 if rest is None else rest.attempts
        wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(attempts, 20))
        if len(self._peers.awake) < len(self._peers.all):
            wait_s = FIRST_RETRY_S  # it is not the blob that is at fault
        self._rest(key, wait_s, attempts=attempts + 1)
        tell = _log.debug if attempts else _log.info
        tell("not caught up yet", blob_id=wanted.blob_id.hex0x, reason=reason, retry_s=wait_s)

    def _rest(self, key: _Key, wait_s: float, *, attempts: int) -> None:
        self._rests[key] = _Rest(self._pace.clock() + wait_s, attempts)
        self._rests.move_to_end(key)
        if len(self._rests) > MOST_WANTED:
            self._rests.popitem(last=False)

    def _tell(self) -> None:
        """Set the gauges."""
        store = self._node.store
        expiries = store.wanted_expiries()
        self._metrics.wanted_blobs.set(store.wanted_count())
        age_s = 0
        if expiries:
            now = self._node.clock()
            retention_s = self._seats.current(now).keyset.retention_s
            age_s = max(0, now + retention_s - expiries[-1])
        self._metrics.wanted_oldest_seconds.set(age_s)

    def _failed(self, work: str, error: HoldfastError) -> None:
        self._node.metrics.failures.labels(work).inc()
        _log.warning("catching up failed and goes on later", work=work, reason=str(error))


def feed_name(peer: Peer, node_id: str) -> bytes:
    """What the position in a member's feed is remembered under. Cursors belong to one node, and a
    member that claims to be another's node has a name of its own all the same.
    """
    return hashlib.sha256(peer.public_key + node_id.encode()).digest()


def _label(event: FeedEvent) -> str:
    """A member's word for it, where the store would take it."""
    return event.label if len(event.label.encode()) <= MAX_LABEL_BYTES else ""


def _report_end(task: asyncio.Task[None]) -> None:
    """The loops never end by themselves; a failure is ours."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("catching up ended", exc_info=error)
