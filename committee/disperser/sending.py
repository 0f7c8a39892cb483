"""Spreading blobs for real: a short loop around `Spreading`, one per blob.

Nothing is durable here. A crash at any moment leaves members with columns, signed or not; whoever
posts the payload again gets the same signatures.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from committee.attestation import Attestation, VerifiedAttestation, verify_attestation
from committee.certificate import VerifiedCertificate, certify
from committee.disperser.bounds import LAGGING_BYTES, TELLING
from committee.disperser.metrics import DisperserMetrics
from committee.disperser.requests import ArcRequests, certificate_request
from committee.disperser.spreading import Attempt, Outcome, Patience, Spreading
from committee.disperser.terms import Terms
from committee.documents import Committee
from committee.errors import BadAttestation
from committee.keyset import VerifiedKeyset
from committee.secp256k1 import EthereumKey
from da_node.client import Pace
from da_node.client.retry import Failure
from da_node.client.transport import Failed, Transport
from da_node.coding import EncodedBlob
from da_node.service import FalseAnswer, HoldfastError, logger

_log = logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A blob that enough members keep."""

    certificate: VerifiedCertificate
    faults: dict[str, str]
    """What members did until then that no honest one does, by their names."""


@dataclass(slots=True, eq=False)
class _Job:
    """One blob under way."""

    committee: Committee
    """Whose arcs, and who signs, to the end."""
    blob: EncodedBlob
    attestation: Attestation
    label: str
    spreading: Spreading
    certified: asyncio.Future[VerifiedCertificate]
    requests: dict[int, ArcRequests] = field(default_factory=dict)
    under_way: dict[asyncio.Task[VerifiedAttestation | Failure], Attempt] = field(
        default_factory=dict
    )

    @property
    def keyset(self) -> VerifiedKeyset:
        return self.committee.keyset

    @property
    def names(self) -> list[str]:
        """The members', in the keyset's order."""
        return [member.name for member in self.committee.members]


class Sender:
    """Spreads blobs, each over the committee of its terms. Used from one event loop."""

    def __init__(
        self,
        *,
        key: EthereumKey,
        transport: Transport,
        executor: Executor,
        patience: Patience,
        clock: Callable[[], int],
        pace: Pace,
        metrics: DisperserMetrics,
        lagging_bytes: int = LAGGING_BYTES,
    ) -> None:
        """`clock` gives unix seconds, `pace` keeps the deadlines. `transport` is open; `executor`
        runs what is heavy. Certified blobs whose last members lag hold `lagging_bytes` at most.
        """
        self._key = key
        self._transport = transport
        self._executor = executor
        self._patience = patience
        self._clock = clock
        self._pace = pace
        self._metrics = metrics
        self._lagging_bytes = lagging_bytes
        self._running: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._lagging: OrderedDict[asyncio.Task[None], int] = OrderedDict()

    async def spread(self, blob: EncodedBlob, *, terms: Terms, label: str) -> Spread:
        """Hand every member its arc; returns as soon as the threshold has signed.

        The others are seen to in the background, and so is the certificate, which members get to
        serve. Raises DispersalFailed.
        """
        began_s = self._pace.clock()
        keyset = terms.committee.keyset
        job = _Job(
            committee=terms.committee,
            blob=blob,
            attestation=Attestation(
                keyset_hash=keyset.hash, blob_id=blob.blob_id, expires_at=terms.expires_at
            ),
            label=label,
            spreading=Spreading(keyset, self._patience, now_s=began_s),
            certified=asyncio.get_running_loop().create_future(),
        )
        task = asyncio.create_task(self._run(job))
        self._running.add(task)
        task.add_done_callback(partial(self._ended, job))
        try:
            certificate = await job.certified
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done():
            self._let_lag(task, len(blob.leaves))
        self._metrics.certify_seconds.observe(self._pace.clock() - began_s)
        self._metrics.last_certified.set(self._clock())
        _log.info(
            "certified",
            blob_id=blob.blob_id.hex0x,
            expires_at=terms.expires_at,
            payload_bytes=blob.header.payload_length,
            signers=len(certificate.signers),
        )
        return Spread(certificate=certificate, faults=_named(job, job.spreading.faults))

    async def drain(self, grace_s: float) -> None:
        """Give what goes on in the background so much time, and end it."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        tasks = [*self._running, *self._telling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ one blob

    async def _run(self, job: _Job) -> None:
        spreading = job.spreading
        async with asyncio.TaskGroup() as storing:
            try:
                while not spreading.is_settled:
                    for attempt in spreading.begin_due(self._pace.clock()):
                        self._metrics.attempts.labels(job.names[attempt.member]).inc()
                        task = asyncio.create_task(self._attempt(job, attempt))
                        job.under_way[task] = attempt
                    await self._wait(job)
                    self._take_in(job)
                    spreading.expire(self._pace.clock())
                    self._drop_pointless(job)
                    if spreading.outcome is Outcome.CERTIFIED and not job.certified.done():
                        certificate = await self._certificate(job)
                        if not job.certified.done():  # nobody has stopped waiting meanwhile
                            job.certified.set_result(certificate)
                        storing.create_task(self._store(job, certificate))
            finally:
                for task in job.under_way:
                    task.cancel()
        if spreading.outcome is Outcome.FAILED:
            raise spreading.error(job.blob.blob_id.hex0x, job.names)
        certificate = job.certified.result()
        if len(spreading.attestations) > len(certificate.signers):
            certificate = await self._certificate(job)
            await self._store(job, certificate)
        self._tell_others(job.committee, certificate)

    async def _attempt(self, job: _Job, attempt: Attempt) -> VerifiedAttestation | Failure:
        """One request to one member, and whether its answer is its signature."""
        member = attempt.member
        url = job.committee.members[member].url
        try:
            if member not in job.requests:
                job.requests[member] = await self._in_thread(
                    ArcRequests.prepare,
                    self._key,
                    job.keyset,
                    member,
                    job.blob,
                    expires_at=job.attestation.expires_at,
                    label=job.label,
                )
            request = await self._in_thread(job.requests[member].request, self._clock)
            answer = await self._transport.once(url, request)
            return await self._in_thread(
                verify_attestation, job.keyset, job.attestation, member, answer.body
            )
        except Failed as failed:
            return failed.failure
        except (FalseAnswer, BadAttestation) as error:
            return Failure(error=error)

    async def _wait(self, job: _Job) -> None:
        """Until an attempt has ended, or the clock alone makes something due."""
        wakes_at = job.spreading.wakes_at()
        if wakes_at is None:
            return
        sleeper = asyncio.ensure_future(self._pace.sleep(max(0.0, wakes_at - self._pace.clock())))
        try:
            await asyncio.wait([*job.under_way, sleeper], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()

    def _take_in(self, job: _Job) -> None:
        """Tell what became of the attempts that have ended."""
        spreading, metrics = job.spreading, self._metrics
        for task in [task for task in job.under_way if task.done()]:
            attempt = job.under_way.pop(task)
            result = task.result()
            if not spreading.is_open(attempt.member):
                continue
            name = job.names[attempt.member]
            if isinstance(result, VerifiedAttestation):
                metrics.signatures.labels(name).inc()
                metrics.last_signed.labels(name).set(self._clock())
                spreading.signed(attempt, result)
                continue
            metrics.failures.labels(name, result.error.code).inc()
            _log.info("member failed", member=name, reason=str(result.error))
            spreading.lost(attempt, result, now_s=self._pace.clock(), draw=self._pace.draw())
            if attempt.member in spreading.faults:
                metrics.faults.labels(name).inc()
                _log.warning("member is at fault", member=name, reason=str(result.error))

    def _drop_pointless(self, job: _Job) -> None:
        """End attempts of members that have signed by another one, or that are given up on."""
        for task, attempt in list(job.under_way.items()):
            if not job.spreading.is_open(attempt.member):
                del job.under_way[task]
                task.cancel()

    async def _certificate(self, job: _Job) -> VerifiedCertificate:
        return await self._in_thread(certify, job.blob.header, job.spreading.attestations)

    async def _store(self, job: _Job, certificate: VerifiedCertificate) -> None:
        """Hand the certificate to all who signed so far: others may be at it still."""
        request = certificate_request(job.blob.blob_id, certificate)
        names = job.names

        async def hand_to(member: int) -> None:
            outcome = "stored"
            try:
                await self._transport.ask(job.committee.members[member].url, request)
            except HoldfastError as error:
                outcome = "failed"
                _log.info("certificate not stored", member=names[member], reason=str(error))
            self._metrics.certificates_stored.labels(names[member], outcome).inc()

        signers = [one.member for one in job.spreading.attestations]
        await asyncio.gather(*(hand_to(member) for member in signers))

    def _tell_others(self, committee: Committee, certificate: VerifiedCertificate) -> None:
        """Let those who did not sign know of the blob, so that they catch up on it: once, without
        holding on to its columns, and not where too many are slow to listen already.
        """
        request = certificate_request(certificate.header.blob_id, certificate)

        async def tell(url: str) -> None:
            with suppress(Failed, FalseAnswer):
                await self._transport.once(url, request)

        for index, member in enumerate(committee.members):
            if index not in certificate.signers and len(self._telling) < TELLING:
                task = asyncio.create_task(tell(member.url))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    # ------------------------------------------------------------ all of them

    def _let_lag(self, task: asyncio.Task[None], size_bytes: int) -> None:
        """Keep a certified blob for its last members; the oldest go where there are too many."""
        self._lagging[task] = size_bytes
        while sum(self._lagging.values()) > self._lagging_bytes:
            oldest, _ = self._lagging.popitem(last=False)
            oldest.cancel()
        self._metrics.lagging.set(len(self._lagging))

    def _ended(self, job: _Job, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._lagging.pop(task, None)
        self._metrics.lagging.set(len(self._lagging))
        error = None if task.cancelled() else task.exception()
        if job.certified.done():
            if error is not None:
                _log.error("background work ended", exc_info=error)
        elif error is not None:
            job.certified.set_exception(error)
        else:
            job.certified.cancel()

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(call, *args, **kwargs))


def _named(job: _Job, by_member: dict[int, str]) -> dict[str, str]:
    return {job.names[member]: reason for member, reason in by_member.items()}
