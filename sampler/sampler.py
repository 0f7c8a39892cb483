"""One sampler: everything it consists of, and the loops that keep it going."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from statistics import median
from typing import Any, Final

from committee.secp256k1 import EthereumKey
from da_node.client import Client, FeedEvent, Limits, Pace, RetryPolicy
from da_node.coding import BlobId, Header
from da_node.service import VERSION, Broadcast, Health, HoldfastError, NotReady, Rejected, logger
from da_node.service.background import in_background, report_end
from da_node.service.http.admission import Admission
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace as TransferPace
from da_node.service.http.rate_limit import TokenBuckets
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.bounds import (
    BACKLOG,
    CLOCK_SKEW_S,
    EXPIRY_SLACK_S,
    GOOD_BLOBS,
    IDLE_S,
    LONGEST_RETENTION_S,
    PRUNE_S,
    RATE_BURST_S,
    RATE_CLIENTS,
    READ_MEMORY_BYTES,
    RECHECK_SESSIONS,
    RETRY_AFTER_S,
    SILENT_SESSIONS,
    SUBSCRIBERS,
    UNCERTIFIED_SHARE,
    UNCERTIFIED_TRIES,
)
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.controls import Controls
from sampler.documents import finding_name
from sampler.errors import KeysetUnknown, NothingToSample
from sampler.feeds import Feed
from sampler.intervals import Interval, Intervals
from sampler.judging import Judge, Judgement, Policy
from sampler.live.showing import Showing
from sampler.metrics import SamplerMetrics
from sampler.order import SECRET_BYTES
from sampler.sampling import Watch
from sampler.settings import SamplerSettings
from sampler.state import Announcement, Evidenced, Fixed, Lane, State, StateThread, Stored, Waiting
from sampler.suspicion import Outcome
from sampler.terms import Terms
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
        key: EthereumKey | None,
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
        self.key: Final = key
        self.clock: Final = clock
        self.timers: Final = timers
        self.metrics: Final = SamplerMetrics()
        self.news: Final[Broadcast[int]] = Broadcast(max_subscribers=SUBSCRIBERS, backlog=BACKLOG)
        """Cursors of verdicts, as they are written."""
        self.state: Final = StateThread(state)
        self._kzg = kzg
        self._pace = pace
        self._watch = watch
        self.verifier: Final = Verifier(kzg, threads=settings.threads)
        self._asker = Asker(self.verifier, kzg, pace, connections=settings.connections)
        self._chance = random.SystemRandom()
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
            controls=Controls(clock, self._chance),
            kzg=kzg,
            clock=clock,
            pace=pace,
            chance=self._chance,
        )
        self._client = Client(
            settings.feed_urls, kzg=kzg, threads=1, limits=FEED_LIMITS, policy=FEED_RETRY, pace=pace
        )
        self.feeds: Final = [
            Feed(self._client, url, into=self, metrics=self.metrics, sleep=pace.sleep)
            for url in settings.feed_urls
        ]
        self.webhook: Final = (
            Webhook(
                settings.webhook_url,
                key,
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
            signer=None if key is None else key.address.hex0x,
            clock=clock,
            timers=timers,
            transfer_pace=self.transfer_pace,
        )
        self.showing.feeds = self.feeds
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
        self._offsets: dict[str, float] = {}
        self._silent: dict[str, int] = {}
        """Sessions in a row in which a member gave nothing, by its address."""
        self._ended = 0
        self._running: dict[BlobId, asyncio.Task[None]] = {}
        self._uncertified: set[BlobId] = set()
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Open what needs the event loop, and begin to follow and to sample."""
        await self._client.__aenter__()
        await self._remember_good_blobs()
        await self._show_last_verdicts()
        work: list[Coroutine[Any, Any, None]] = [feed.run() for feed in self.feeds]
        work += [self._schedule(), self._prune()]
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

    # ------------------------------------------------------------ what feeds bring

    async def covered(self, node_id: str) -> Intervals:
        """What has been read of a node's feed."""
        return await self.state.run(self.state.steps.covered, node_id)

    def heard(self, url: str, node_time: int) -> None:
        """What a node's clock says."""
        self._offsets[url] = self.showing.offsets_s[url] = node_time - self.clock()
        self.metrics.clock_offset_seconds.labels(url).set(self._offsets[url])

    @property
    def trusts_clock(self) -> bool:
        """Whether our clock agrees with the nodes', as far as these were heard."""
        return not self._offsets or abs(median(self._offsets.values())) <= CLOCK_SKEW_S

    async def announce(
        self, node_id: str, read: Interval, events: Sequence[FeedEvent], *, is_new: bool
    ) -> bool:
        """A stretch of a feed was read, with these events in it."""
        now = self.clock()
        found = [
            await self._announcement(event, is_new, now)
            for event in events
            if now < event.expires_at <= now + self._longest_s
        ]
        written = await self.state.run(self.state.steps.announce, node_id, read, found, now=now)
        for one in found:
            # A promise has come for what is being sampled without: it is begun again, with it.
            if written and one.certificate is not None and one.blob_id in self._uncertified:
                self._running[one.blob_id].cancel()
        self._wake.set()
        return written

    @property
    def _longest_s(self) -> int:
        """A blob that claims to stay longer is not believed."""
        retentions = [one.keyset.retention_s + EXPIRY_SLACK_S for one in self.committees.all]
        return max(retentions, default=LONGEST_RETENTION_S)

    async def _announcement(self, event: FeedEvent, is_new: bool, now: float) -> Announcement:
        certificate, expires_at = None, event.expires_at
        lane = Lane.UNCERTIFIED
        if event.certificate is not None:
            valid = await self._valid(event.blob_id, event.certificate)
            if valid is not None:
                certificate, expires_at = event.certificate, valid
                lane = Lane.NEW if is_new else Lane.CATCH_UP
        if not self.committees.followed:  # a node without a committee has none to wait for
            lane = Lane.NEW if is_new else Lane.CATCH_UP
        waits_s = self.settings.certificate_wait_s if lane is Lane.UNCERTIFIED else 0.0
        return Announcement(
            blob_id=event.blob_id,
            header=event.header.serialize(),
            expires_at=expires_at,
            label=event.label,
            certificate=certificate,
            lane=lane,
            due_at=now + waits_s,
        )

    async def _valid(self, blob_id: BlobId, certificate: bytes) -> int | None:
        """When a valid certificate expires; None for one that is not, or not to be verified."""
        try:
            found = await asyncio.to_thread(self.committees.verify, certificate, blob_id, self._kzg)
        except Rejected as error:
            _log.warning("certificate refused", blob_id=blob_id.hex0x, reason=str(error))
        except HoldfastError as error:
            _log.info("certificate not verified", blob_id=blob_id.hex0x, reason=str(error))
        else:
            return found.expires_at
        return None

    # ------------------------------------------------------------ sampling

    async def _schedule(self) -> None:
        """Sample what is due, so many at once, for ever."""
        await self._find_keysets()
        while True:
            self._wake.clear()
            try:
                await self._begin_due()
            except HoldfastError as error:
                _log.error("state failed", reason=str(error))
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _begin_due(self) -> None:
        """Certified ones first; of the others a part of the sessions at most."""
        for lanes, most in (
            ((Lane.NEW, Lane.RETRY, Lane.CATCH_UP), self.settings.sessions),
            ((Lane.UNCERTIFIED,), max(1, self.settings.sessions // UNCERTIFIED_SHARE)),
        ):
            free = self.settings.sessions - len(self._running)
            if lanes == (Lane.UNCERTIFIED,):
                free = min(free, most - len(self._uncertified))
            if free <= 0:
                continue
            for waiting in await self.state.run(
                self.state.steps.waiting,
                lanes,
                now=self.clock(),
                limit=free,
                besides=frozenset(self._running),
            ):
                self._begin(waiting)
        self.showing.running = len(self._running)
        self.metrics.sessions.set(len(self._running))
        self.showing.waiting = await self.state.run(self.state.steps.counts)
        for lane, count in self.showing.waiting.items():
            self.metrics.waiting.labels(lane.name.lower()).set(count)
        since = await self.state.run(self.state.steps.due_since, Lane.NEW)
        self.showing.lag_s = 0.0 if since is None else max(0.0, self.clock() - since)
        self.metrics.lag_seconds.set(self.showing.lag_s)

    def _begin(self, waiting: Waiting) -> None:
        task = asyncio.create_task(self._sample(waiting))
        self._running[waiting.blob_id] = task
        if waiting.lane is Lane.UNCERTIFIED:
            self._uncertified.add(waiting.blob_id)

        def ended(task: asyncio.Task[None]) -> None:
            del self._running[waiting.blob_id]
            self._uncertified.discard(waiting.blob_id)
            self._wake.set()
            report_end(task)

        task.add_done_callback(ended)

    async def _sample(self, waiting: Waiting) -> None:
        """One blob, from the state to the state."""
        blob_id = waiting.blob_id
        try:
            await self._sample_in_time(waiting)
        except Rejected as error:
            _log.warning("not to be sampled", blob_id=blob_id.hex0x, reason=str(error))
            await self.state.run(self.state.steps.give_up, blob_id)
        except HoldfastError as error:
            _log.warning("not sampled", blob_id=blob_id.hex0x, reason=str(error))
            await self.state.run(self.state.steps.put_off, blob_id, self.clock() + RETRY_AFTER_S[0])

    async def _sample_in_time(self, waiting: Waiting) -> None:
        blob_id = waiting.blob_id
        header = Header.parse_trusted(waiting.header, blob_id)
        if not self.judge.is_in_time(waiting.expires_at):
            self.metrics.missed.inc()
            _log.warning("its time is over", blob_id=blob_id.hex0x, expires_at=waiting.expires_at)
            await self.state.run(self.state.steps.give_up, blob_id)
            return
        terms, secret, certificate = await self._fixed(waiting, header)
        committee = self.judge.committee_of(terms)
        with self.showing.sampling(waiting, header, terms, committee, beside=self._watch) as watch:
            try:
                judgement = await self.judge.judge(
                    header,
                    terms,
                    secret,
                    label=waiting.label,
                    certificate=certificate,
                    trusts_clock=self.trusts_clock,
                    watch=watch,
                )
            except NothingToSample as error:
                _log.error("nothing to sample", blob_id=blob_id.hex0x, reason=str(error))
                raise
            stored = await self._conclude(waiting, terms, judgement)
        self.showing.said([stored])
        self._count(waiting, terms, judgement)
        self.news.publish(stored.cursor)

    async def _fixed(self, waiting: Waiting, header: Header) -> tuple[Terms, bytes, bytes | None]:
        """The sample as it was fixed, or fixed now, before the first question."""
        certificate = await self.judge.certificate(waiting.blob_id, waiting.certificate)
        before = None if waiting.fixed is None else Terms.parse(waiting.fixed.terms)
        if certificate is None and self.committees.followed:
            # Nobody vouches for the header: whatever it is, it must not make answers look false.
            await self.judge.check_header(header)
        if certificate is not None and waiting.certificate is None:
            self._uncertified.discard(waiting.blob_id)
            await self.state.run(
                self.state.steps.certify,
                waiting.blob_id,
                certificate.serialize(),
                certificate.expires_at,
            )
        terms = self.judge.terms(certificate, waiting.expires_at, self._expected(certificate))
        if before is not None and _are_alike(before, terms):
            terms = before
        fixed = await self.state.run(
            self.state.steps.fix,
            waiting.blob_id,
            Fixed(secret=secrets.token_bytes(SECRET_BYTES), terms=terms.serialize()),
        )
        return terms, fixed.secret, None if certificate is None else certificate.serialize()

    async def _conclude(self, waiting: Waiting, terms: Terms, judgement: Judgement) -> Stored:
        now, verdict = self.clock(), judgement.verdict
        retry_at = None
        nobody_vouches = terms.signers is None and waiting.lane is Lane.UNCERTIFIED
        if verdict.finding is not Finding.AVAILABLE and not (
            nobody_vouches and waiting.tries + 1 >= UNCERTIFIED_TRIES
        ):
            retry_at = now + RETRY_AFTER_S[min(waiting.tries, len(RETRY_AFTER_S) - 1)]
        stored = await self.state.run(
            self.state.steps.conclude,
            Evidenced(
                blob_id=waiting.blob_id,
                verdict=int(verdict.finding),
                expires_at=terms.expires_at,
                document=judgement.document,
                evidence=judgement.evidence,
            ),
            judgement.samples,
            retry_at=retry_at,
            deliver_at=None if self.webhook is None else now,
        )
        if self.webhook is not None:
            self.webhook.wake()
        _log.info(
            "verdict",
            blob_id=waiting.blob_id.hex0x,
            finding=finding_name(verdict.finding),
            error=float(verdict.error),
            unit=verdict.unit.name.lower(),
            asked=verdict.asked,
            held=verdict.held,
            silent=sorted(judgement.silent),
            cursor=stored.cursor,
            elapsed_s=round(judgement.elapsed_s, 3),
        )
        return stored

    def _count(self, waiting: Waiting, terms: Terms, judgement: Judgement) -> None:
        self._ended += 1
        self.metrics.verdicts.labels(finding_name(judgement.verdict.finding)).inc()
        self.metrics.verdict_seconds.observe(judgement.elapsed_s)
        if waiting.tries == 0 and waiting.lane is Lane.NEW:
            self.metrics.announced_to_verdict_seconds.observe(self.clock() - waiting.seen_at)
        committee = self.judge.committee_of(terms)
        for member, (items, controls) in judgement.tallies.items():
            name = str(member) if committee is None else committee.members[member].name
            for outcome in Outcome:
                # There before the first of its kind, so that this is seen to be one more.
                self.metrics.questions.labels(name, outcome.value)
            for outcome, count in items.items():
                self.metrics.questions.labels(name, outcome.value).inc(count)
            for outcome, count in controls.items():
                self.metrics.controls.labels(name, outcome.value).inc(count)
            if committee is not None:
                url = committee.members[member].url
                if member in judgement.silent:
                    self._silent[url] = self._silent.get(url, 0) + 1
                elif member in judgement.answered:
                    self._silent.pop(url, None)
                self.metrics.silent_sessions.labels(name).set(self._silent.get(url, 0))

    def _expected(self, certificate: Any) -> frozenset[int]:
        """Members of its committee that were silent of late."""
        if certificate is None or self._ended % RECHECK_SESSIONS == 0:
            return frozenset()
        committee = self.committees.of(certificate.keyset_hash)
        if committee is None:
            return frozenset()
        silent = frozenset(
            i
            for i, member in enumerate(committee.members)
            if self._silent.get(member.url, 0) >= SILENT_SESSIONS
        )
        return silent if len(silent) <= committee.keyset.faults else frozenset()

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
        if not self.trusts_clock:
            worst = max(self._offsets.values(), key=abs)
            raise NotReady(reason=f"our clock and the nodes' differ by {worst:.0f} s")


def _are_alike(before: Terms, now: Terms) -> bool:
    """Whether a sample that was fixed is of the same promise, whoever is expected silent now."""
    return (before.keyset_hash, before.signers, before.expires_at) == (
        now.keyset_hash,
        now.signers,
        now.expires_at,
    )
