"""One blob's turn, from the state to the state: its sample is fixed, judged, and concluded."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from committee.certificate import VerifiedCertificate
from da_node.coding import Header
from da_node.service import Broadcast, HoldfastError, Rejected, logger
from sampler.bounds import RETRY_AFTER_S
from sampler.committees import Committees
from sampler.documents import finding_name, time_of
from sampler.errors import NothingToSample
from sampler.hearing import Hearing
from sampler.judging import Judge, Judgement
from sampler.live.showing import Showing
from sampler.metrics import SamplerMetrics
from sampler.order import SECRET_BYTES
from sampler.sampling import Watch
from sampler.schedule import Schedule, retry_at
from sampler.silence import Silence
from sampler.state import Evidenced, Fixed, Lane, StateThread, Stored, Waiting
from sampler.suspicion import Outcome
from sampler.terms import Terms
from sampler.webhook import Webhook

_log = logger(__name__)


class Turns:
    """Takes the turns of a sampler's blobs. Used from one event loop."""

    def __init__(
        self,
        *,
        state: StateThread,
        committees: Committees,
        judge: Judge,
        schedule: Schedule,
        hearing: Hearing,
        showing: Showing,
        webhook: Webhook | None,
        news: Broadcast[int],
        metrics: SamplerMetrics,
        clock: Callable[[], float],
        watch: Watch,
    ) -> None:
        """`clock` gives unix seconds; `watch` is told whenever something about a session has
        changed, `news` the cursors of verdicts once they are written.
        """
        self._state = state
        self._committees = committees
        self._judge = judge
        self._schedule = schedule
        self._hearing = hearing
        self._showing = showing
        self._webhook = webhook
        self._news = news
        self._metrics = metrics
        self._clock = clock
        self._watch = watch
        self._silence = Silence()

    async def take(self, waiting: Waiting) -> None:
        """Sample a blob, and write down what came of it; what keeps it from that puts it off."""
        blob_id = waiting.blob_id
        try:
            await self._take_in_time(waiting)
        except Rejected as error:
            _log.warning("not to be sampled", blob_id=blob_id.hex0x, reason=str(error))
            await self._give_up(waiting)
        except HoldfastError as error:
            _log.warning("not sampled", blob_id=blob_id.hex0x, reason=str(error))
            later = self._clock() + RETRY_AFTER_S[0]
            await self._state.run(self._state.steps.put_off, blob_id, later)

    async def _take_in_time(self, waiting: Waiting) -> None:
        blob_id = waiting.blob_id
        header = Header.parse_trusted(waiting.header, blob_id)
        if not self._judge.is_in_time(waiting.expires_at):
            await self._miss(waiting, waiting.expires_at)
            return
        certificate = await self._judge.certificate(blob_id, waiting.certificate)
        # Feeds may say anything; nobody promised more than stands in the certificate.
        if certificate is not None and not self._judge.is_in_time(certificate.expires_at):
            await self._miss(waiting, certificate.expires_at)
            return
        terms, secret = await self._fixed(waiting, header, certificate)
        last = await self._state.run(self._state.steps.verdict, blob_id)
        committee = self._judge.committee_of(terms)
        with self._showing.sampling(waiting, header, terms, committee, beside=self._watch) as watch:
            try:
                judgement = await self._judge.judge(
                    header,
                    terms,
                    secret,
                    label=waiting.label,
                    certificate=None if certificate is None else certificate.serialize(),
                    trusts_clock=self._hearing.trusts_clock,
                    later_than=-1 if last is None else time_of(last.document),
                    watch=watch,
                )
            except NothingToSample as error:
                _log.error("nothing to sample", blob_id=blob_id.hex0x, reason=str(error))
                raise
            stored = await self._conclude(waiting, terms, certificate, judgement)
        self._showing.said([stored])
        self._count(waiting, terms, judgement)
        self._news.publish(stored.cursor)

    async def _miss(self, waiting: Waiting, expires_at: int) -> None:
        """Nobody is asked any more for what is about to be deleted, or has been."""
        self._metrics.missed.inc()
        _log.warning("its time is over", blob_id=waiting.blob_id.hex0x, expires_at=expires_at)
        await self._give_up(waiting)

    async def _give_up(self, waiting: Waiting) -> None:
        await self._state.run(
            self._state.steps.give_up, waiting.blob_id, certificate=waiting.certificate
        )

    async def _fixed(
        self, waiting: Waiting, header: Header, certificate: VerifiedCertificate | None
    ) -> tuple[Terms, bytes]:
        """The sample as it was fixed, or fixed now, before the first question."""
        steps = self._state.steps
        before = None if waiting.fixed is None else Terms.parse(waiting.fixed.terms)
        if certificate is None and self._committees.followed:
            # Nobody vouches for the header: whatever it is, it must not make answers look false.
            await self._judge.check_header(header)
        if certificate is not None and waiting.certificate is None:
            self._schedule.certified(waiting.blob_id)
            await self._state.run(
                steps.certify, waiting.blob_id, certificate.serialize(), certificate.expires_at
            )
        # Whoever is silent may have chosen to be, by what was asked of this order before.
        expected = self._expected(certificate) if before is None else frozenset[int]()
        terms = self._judge.terms(
            certificate, waiting.expires_at, expected, is_strict=waiting.is_strict
        )
        if before is not None and _are_alike(before, terms):
            terms = before
        drawn = Fixed(secret=secrets.token_bytes(SECRET_BYTES), terms=terms.serialize())
        fixed = await self._state.run(steps.fix, waiting.blob_id, drawn)
        return terms, fixed.secret

    def _expected(self, certificate: VerifiedCertificate | None) -> frozenset[int]:
        if certificate is None:
            return frozenset()
        return self._silence.expected(self._committees.of(certificate.keyset_hash))

    async def _conclude(
        self,
        waiting: Waiting,
        terms: Terms,
        certificate: VerifiedCertificate | None,
        judgement: Judgement,
    ) -> Stored:
        now, verdict = self._clock(), judgement.verdict
        went_by = waiting.certificate
        if went_by is None and certificate is not None:
            went_by = certificate.serialize()
        stored = await self._state.run(
            self._state.steps.conclude,
            Evidenced(
                blob_id=waiting.blob_id,
                verdict=int(verdict.finding),
                expires_at=terms.expires_at,
                document=judgement.document,
                evidence=judgement.evidence,
            ),
            judgement.samples,
            certificate=went_by,
            retry_at=retry_at(
                waiting,
                verdict.finding,
                is_vouched=terms.signers is not None,
                now=now,
                until=self._judge.latest_start(terms.expires_at),
            ),
            deliver_at=None if self._webhook is None else now,
        )
        if self._webhook is not None:
            self._webhook.wake()
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
        self._metrics.verdicts.labels(finding_name(judgement.verdict.finding)).inc()
        self._metrics.verdict_seconds.observe(judgement.elapsed_s)
        if waiting.tries == 0 and waiting.lane is Lane.NEW:
            self._metrics.announced_to_verdict_seconds.observe(self._clock() - waiting.seen_at)
        committee = self._judge.committee_of(terms)
        self._silence.ended(committee, silent=judgement.silent, answered=judgement.answered)
        for member, (items, controls) in judgement.tallies.items():
            name = str(member) if committee is None else committee.members[member].name
            for outcome in Outcome:
                # There before the first of its kind, so that this is seen to be one more.
                self._metrics.questions.labels(name, outcome.value)
            for outcome, count in items.items():
                self._metrics.questions.labels(name, outcome.value).inc(count)
            for outcome, count in controls.items():
                self._metrics.controls.labels(name, outcome.value).inc(count)
            if committee is not None:
                sessions = self._silence.of(committee.members[member].url)
                self._metrics.silent_sessions.labels(name).set(sessions)


def _are_alike(before: Terms, now: Terms) -> bool:
    """Whether a sample that was fixed is of the same promise, whoever is expected silent now."""
    return (before.keyset_hash, before.signers, before.expires_at, before.rule) == (
        now.keyset_hash,
        now.signers,
        now.expires_at,
        now.rule,
    )
