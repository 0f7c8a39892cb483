"""One sampler: everything it consists of, and the loops that keep it going."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from da_node.client import Client, Limits, Pace, RetryPolicy
from da_node.coding import BlobId, Header
from da_node.service import VERSION, Broadcast, Health, HoldfastError, NotReady, logger
from da_node.service.background import in_background, report_end
from da_node.service.http.admission import Admission
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace as TransferPace
from da_node.service.http.rate_limit import TokenBuckets
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.bounds import (
    BACKLOG,
    GOOD_BLOBS,
    IDLE_S,
    PRUNE_S,
    RATE_BURST_S,
    RATE_CLIENTS,
    READ_MEMORY_BYTES,
    RETRY_AFTER_S,
    SUBSCRIBERS,
)
from sampler.committees import Committees
from sampler.controls import Controls
from sampler.errors import KeysetUnknown
from sampler.feeds import Feed
from sampler.hearing import Hearing
from sampler.judging import Judge, Policy
from sampler.live.showing import Showing
from sampler.looking import Looking
from sampler.metrics import SamplerMetrics
from sampler.sampling import Watch
from sampler.schedule import Schedule
from sampler.settings import SamplerSettings
from sampler.signing import SigningKey
from sampler.state import Announcement, Lane, State, StateThread, Waiting
from sampler.turns import Turns
from sampler.verifying import Verifier
from sampler.webhook import Webhook

FEED_RETRY: Final = RetryPolicy(attempts=3, first_s=0.2, longest_s=2.0, deadline_s=15.0)
FEED_LIMITS: Final = Limits(connections=8, idle_s=45.0)
"""A feed's stream is broken by a comment at least every 15 s."""

_log = logger(__name__)


class Sampler:
    """One sampler's state and its parts. Made, used and stopped on one event loop."""

    def __init__(
        self,
        *,
        settings: SamplerSettings,
        state: State,
        committees: Committees,
        key: SigningKey | None,
        kzg: KzgPool,
        clock: Callable[[], float],
        timers: Timers,
        pace: Pace,
        watch: Watch = lambda session: None,
    ) -> None:
        """`clock` gives unix seconds; `timers` keeps clients' deadlines, `pace` the nodes'.

        It owns `state` and `kzg` from here on: `stop` closes them. `watch` is told whenever
        something about a session has changed.
        """
        self.settings: Final = settings
        self.committees: Final = committees
        self.key: Final = None if key is None else key.key
        self.clock: Final = clock
        self.timers: Final = timers
        self.metrics: Final = SamplerMetrics()
        self.news: Final[Broadcast[int]] = Broadcast(max_subscribers=SUBSCRIBERS, backlog=BACKLOG)
        """Cursors of verdicts, as they are written."""
        self.state: Final = StateThread(state)
        self._kzg = kzg
        self._pace = pace
        self.verifier: Final = Verifier(kzg, threads=settings.threads)
        self._asker = Asker(self.verifier, kzg, pace, connections=settings.connections)
        chance = random.SystemRandom()
        self.judge: Final = Judge(
            policy=Policy(
                wanted=settings.wanted,
                patience=settings.patience,
                together=settings.together,
                most_items=settings.most_items,
                chain_id=settings.chain_id,
                key=key,
            ),
            committees=committees,
            nodes=settings.feed_urls,
            asker=self._asker,
            controls=Controls(clock, chance),
            kzg=kzg,
            clock=clock,
            pace=pace,
            chance=chance,
        )
        self._client = Client(
            settings.feed_urls, kzg=kzg, threads=1, limits=FEED_LIMITS, policy=FEED_RETRY, pace=pace
        )
        self.hearing: Final = Hearing(
            self.state,
            committees=committees,
            kzg=kzg,
            clock=clock,
            certificate_wait_s=settings.certificate_wait_s,
            metrics=self.metrics,
            then=self._announced,
        )
        self.looking: Final = Looking(
            self.state,
            watchers=settings.watcher_addresses,
            committees=committees,
            hearing=self.hearing,
            judge=self.judge,
            kzg=kzg,
            clock=clock,
            then=lambda: self._wake.set(),
        )
        self.feeds: Final = [
            Feed(self._client, url, into=self.hearing, metrics=self.metrics, sleep=pace.sleep)
            for url in settings.feed_urls
        ]
        self.webhook: Final = (
            Webhook(
                settings.webhook_url,
                self.key,
                state=self.state,
                clock=clock,
                pace=pace,
                metrics=self.metrics,
                most=settings.webhook_queue,
            )
            if settings.webhook_url
            else None
        )
        self.showing: Final = Showing(
            settings,
            signer=None if self.key is None else self.key.address.hex0x,
            clock=clock,
            timers=timers,
            transfer_pace=self.transfer_pace,
        )
        self.showing.feeds = self.feeds
        self.showing.offsets_s = self.hearing.offsets_s
        self.metrics.live_readers.set_function(lambda: self.showing.live.readers)
        self.reads: Final = Admission(
            "reads", max_count=settings.max_reads, max_bytes=READ_MEMORY_BYTES
        )
        self.rates: Final = TokenBuckets(
            per_second=settings.reads_per_second_per_client,
            burst=settings.reads_per_second_per_client * RATE_BURST_S,
            max_clients=RATE_CLIENTS,
        )
        self.health: Final = Health(clock=time.monotonic)
        self.health.add("kzg", self._probe_kzg)
        self.health.add("state", self._probe_state)
        self.health.add("feeds", self._probe_feeds)
        self.health.add("clock", self._probe_clock)
        self._schedule = Schedule(sessions=settings.sessions)
        self._running: dict[BlobId, asyncio.Task[None]] = {}
        self._turns = Turns(
            state=self.state,
            committees=committees,
            judge=self.judge,
            schedule=self._schedule,
            hearing=self.hearing,
            showing=self.showing,
            webhook=self.webhook,
            news=self.news,
            metrics=self.metrics,
            clock=clock,
            watch=watch,
        )
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Open what needs the event loop, and begin to follow and to sample."""
        await self._client.__aenter__()
        await self._remember_good_blobs()
        await self._show_last_verdicts()
        work: list[Coroutine[Any, Any, None]] = [feed.run() for feed in self.feeds]
        work += [self._sample_for_ever(), self._prune()]
        if self.webhook is not None:
            work.append(self.webhook.run())
        work.append(asyncio.to_thread(self._kzg.warm))
        self._loops = [in_background(one) for one in work]
        for task in self._loops:
            task.add_done_callback(self._loop_ended)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """None of them ends but by a bug; without it the sampler does not do its work."""
        if not task.cancelled() and task.exception() is not None:
            self.health.stop("a part of it ended by a bug; its log says more")

    def stopping(self) -> None:
        """Take nothing new, and end the streams."""
        self.health.stop("stopping")
        self.news.close()
        self.showing.live.close()

    async def stop(self) -> None:
        """End everything; what was being sampled is resumed by the next start."""
        tasks = [*self._loops, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.webhook is not None:
            await self.webhook.close()
        await self.verifier.close()
        await self._asker.close()
        await self._client.__aexit__(None, None, None)
        await self.state.close()
        await asyncio.to_thread(self._kzg.close)

    # ------------------------------------------------------------ sampling

    def _announced(self, found: Sequence[Announcement]) -> None:
        for one in found:
            if self._schedule.is_outdated_by(one):
                self._running[one.blob_id].cancel()
        self._wake.set()

    async def _sample_for_ever(self) -> None:
        """Sample what is due, so many at once."""
        await self._find_keysets()
        while True:
            self._wake.clear()
            try:
                await self._begin_due()
                await self._show_what_waits()
            except HoldfastError as error:
                _log.error("state failed", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def _begin_due(self) -> None:
        await self.looking.begin(self._schedule.running)
        for lanes in self._schedule.turns:
            if (free := self._schedule.free(lanes)) == 0:
                continue
            for waiting in await self.state.run(
                self.state.steps.waiting,
                lanes,
                now=self.clock(),
                limit=free,
                besides=self._schedule.running,
            ):
                self._begin(waiting)

    def _begin(self, waiting: Waiting) -> None:
        task = asyncio.create_task(self._turn(waiting))
        self._running[waiting.blob_id] = task
        self._schedule.begun(waiting)

        def ended(task: asyncio.Task[None]) -> None:
            del self._running[waiting.blob_id]
            self._schedule.ended(waiting.blob_id)
            self._wake.set()
            report_end(task)

        task.add_done_callback(ended)

    async def _turn(self, waiting: Waiting) -> None:
        try:
            await self._turns.take(waiting)
        except Exception:  # a bug, or the disk's fault; it is logged
            # The blob is due still: without a pause it would be begun again at once, for ever.
            try:
                later = self.clock() + RETRY_AFTER_S[0]
                await self.state.run(self.state.steps.put_off, waiting.blob_id, later)
            except HoldfastError:
                await self._pace.sleep(RETRY_AFTER_S[0])
            raise

    async def _show_what_waits(self) -> None:
        self.showing.running = len(self._running)
        self.metrics.sessions.set(len(self._running))
        self.showing.waiting = await self.state.run(self.state.steps.counts)
        for lane, count in self.showing.waiting.items():
            self.metrics.waiting.labels(lane.name.lower()).set(count)
        since = await self.state.run(self.state.steps.due_since, Lane.NEW)
        self.showing.lag_s = 0.0 if since is None else max(0.0, self.clock() - since)
        self.metrics.lag_seconds.set(self.showing.lag_s)

    # ------------------------------------------------------------ upkeep

    async def _find_keysets(self) -> None:
        while True:
            try:
                await self.committees.find_all(self._asker, self.settings.feed_urls)
                return
            except KeysetUnknown as error:
                _log.warning("keyset not found yet", reason=str(error))
                await self._pace.sleep(RETRY_AFTER_S[0])

    async def _show_last_verdicts(self) -> None:
        last = await self.state.run(self.state.steps.last_cursor)
        most = self.showing.most_verdicts
        self.showing.said(
            await self.state.run(self.state.steps.verdicts, max(0, last - most), most)
        )

    async def _remember_good_blobs(self) -> None:
        """Of what may be asked as a control, as far as verdicts tell."""
        for good in await self.state.run(
            self.state.steps.good_blobs, now=self.clock(), limit=GOOD_BLOBS
        ):
            header = Header.parse_trusted(good.header, good.blob_id)
            self.judge.remember(header, good.expires_at, good.evidence)

    async def _prune(self) -> None:
        while True:
            try:
                while await self.state.run(
                    self.state.steps.prune,
                    now=self.clock(),
                    sample_bytes=self.settings.sample_bytes,
                ):
                    pass
                self.metrics.sample_bytes.set(await self.state.run(self.state.steps.sample_bytes))
                self.metrics.undelivered.set(await self.state.run(self.state.steps.undelivered))
            except HoldfastError as error:
                _log.error("pruning failed", reason=str(error))
            await self._pace.sleep(PRUNE_S)

    def transfer_pace(self) -> TransferPace:
        """The slowest transfer that is put up with, from now on."""
        return TransferPace(
            started_s=self.timers.time(),
            allowance_s=self.settings.header_timeout_s,
            min_bytes_per_s=self.settings.body_min_bytes_per_s,
            longest_s=self.settings.request_timeout_s,
        )

    def document(self) -> dict[str, Any]:
        """What /v1/node answers."""
        return {
            "node_id": "sampler" if self.key is None else self.key.address.hex0x,
            "version": VERSION,
            "keyset_hash": None,
            "keyset_hashes": [one.hex0x for one in sorted(self.committees.followed)],
            "arc": {"start": 0, "count": 0},
            "signer": None if self.key is None else self.key.address.hex0x,
            "chain_id": self.settings.chain_id,
            "wanted_error": str(self.settings.wanted),
            "deadline_s": self.settings.deadline_s,
            "feeds": list(self.settings.feed_urls),
            "retention_s": max((one.keyset.retention_s for one in self.committees.all), default=0),
            "time": int(self.clock()),
        }

    async def _probe_kzg(self) -> None:
        if not self._kzg.ready:
            raise NotReady(reason="the trusted setup is being loaded")

    async def _probe_state(self) -> None:
        await self.state.run(self.state.steps.touch)

    async def _probe_feeds(self) -> None:
        if not any(feed.is_followed for feed in self.feeds):
            raise NotReady(reason="no feed can be read")

    async def _probe_clock(self) -> None:
        if not self.hearing.trusts_clock:
            worst = max(self.hearing.offsets_s.values(), key=abs)
            raise NotReady(reason=f"our clock and the nodes' differ by {worst:.0f} s")
