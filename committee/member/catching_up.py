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
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from committee.member.certificates import Certificates
from committee.member.feeds import Feeds
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peers
from committee.member.seat import Seats
from da_node.client import Pace
from da_node.coding import BlobId, VerifiedColumn
from da_node.node.node import Node
from da_node.node.rebuilding import Rebuilt
from da_node.service import (
    HoldfastError,
    NotEnough,
    Pruned,
    StoreFault,
    StoreFull,
    UnknownBlob,
    logger,
)
from da_node.service.background import in_background
from da_node.store import Kept, Offer, Wanted
from da_node.store.certifying import MOST_WANTED
from da_node.store.records import bits_of, indices_of

PAGE: Final = 256
"""Wanted entries that are in memory at once."""
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

_Key = tuple[BlobId, int]
"""A blob and an expiry."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rest:
    until: float
    attempts: int


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
        self._feeds = Feeds(
            node=node, certificates=certificates, peers=peers, metrics=metrics, noted=self.noted
        )
        self._peers = peers
        self._metrics = metrics
        self._pace = pace
        self._interval_s = interval_s
        self._bytes_per_s = bytes_per_s
        self._rests: OrderedDict[_Key, _Rest] = OrderedDict()
        """Wanted blobs that are not to be tried before a time. Lost with the process: then they
        are tried at once."""
        self._newest: int | None = None
        """The latest expiry that has become wanted since somebody looked."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both loops, and mending from the other members, for as long as this lasts."""
        self._node.recovering.source = self._peers
        tasks = [in_background(self._read_on()), in_background(self._bring_on())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._node.recovering.source = None
            await self._node.recovering.drain()

    def noted(self, offer: Offer, kept: Kept, is_new: bool) -> None:
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

    async def read_feeds(self) -> bool:
        """Read on in the feed of every member that answers; whether there is more at once."""
        more = await self._feeds.read_on()
        self._tell()
        return more

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
        except Exception as error:  # the outermost frame: a bug that one blob hits, and no other
            self._put_off(wanted, reason=type(error).__name__)
            self._node.metrics.failures.labels("catch up").inc()
            _log.error("catching up failed", blob_id=wanted.blob_id.hex0x, exc_info=error)

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
        """The sound columns of a blob that are here, if others are lacking or damaged, and which;
        blocks.
        """
        store = self._node.store
        try:
            record = store.record(wanted.blob_id)
        except (UnknownBlob, Pruned, NotEnough):
            return [], indices_of(wanted.columns)
        read = (store.read_column(record, index) for index in record.columns)
        sound = [column for column in read if column is not None]
        here = bits_of(column.index for column in sound)
        lacking = indices_of(wanted.columns & ~(here | record.void))
        return sound if lacking else [], lacking

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
