"""A blob checked once, or a member audited, without a service: nothing is kept."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from committee.certificate import VerifiedCertificate
from da_node.client import Client, FeedEvent, Limits, RetryPolicy
from da_node.client.client import local_pace
from da_node.coding import POINTS_PER_COLUMN, BlobId
from da_node.service import HoldfastError
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.confidence import Unit
from sampler.controls import Controls, Known
from sampler.errors import TooLate
from sampler.judging import Judge, Judgement, Policy
from sampler.order import SECRET_BYTES
from sampler.suspicion import Outcome
from sampler.verifying import Verifier

CONTROL_BLOBS: Final = 4
"""Other blobs of which each member is asked for a point, so that there is something to compare."""
CONTROL_S: Final = 3.0
AUDIT_POINTS: Final = 16
"""Points asked of a member for each blob that it is audited for."""
LOOKED_AT: Final = 1000
"""Events of a feed that are looked at."""
_PATIENCE: Final = RetryPolicy(attempts=2, first_s=0.2, longest_s=1.0, deadline_s=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What a member says of one blob, and what it does."""

    blob_id: BlobId
    label: str
    says: frozenset[int]
    """Columns that it says it holds."""
    promised: frozenset[int]
    """Columns of its arc, where it signed; empty otherwise."""
    asked: int
    """Points asked for, all within what it says or promised."""
    outcomes: dict[Outcome, int]
    """What became of these."""

    @property
    def lacking(self) -> frozenset[int]:
        """Columns that it signed for, and says that it does not hold."""
        return self.promised - self.says

    @property
    def is_sound(self) -> bool:
        """Whether it holds what it signed for, and serves what it says."""
        return not self.lacking and set(self.outcomes) <= {Outcome.HELD}


class Checker:
    """What the commands do with a committee and some nodes. Made by `checking`."""

    def __init__(self, judge: Judge, asker: Asker, client: Client) -> None:
        self.judge: Final = judge
        self._asker = asker
        self._client = client
        self._chance = random.SystemRandom()

    async def check(self, blob_id: BlobId, *, is_strict: bool = False) -> Judgement:
        """A verdict on a blob. Raises UnknownBlob and what else keeps the question from being
        asked at all: without a header there is nothing to ask for.
        """
        await self.judge.committees.find_all(self._asker, self.judge.nodes)
        header = await self.judge.header(blob_id)
        certificate = None if is_strict else await self.judge.certificate(blob_id, None)
        if certificate is not None:
            if not self.judge.is_in_time(certificate.expires_at):
                raise TooLate(blob_id=blob_id.hex0x, expires_at=certificate.expires_at)
            await self._find_controls(certificate)
        terms = self.judge.terms(certificate, 0 if certificate is None else certificate.expires_at)
        return await self.judge.judge(
            header,
            terms,
            secrets.token_bytes(SECRET_BYTES),
            certificate=None if certificate is None else certificate.serialize(),
        )

    async def audit(self, url: str, blobs: int) -> list[Audited]:
        """Of the latest blobs in a member's feed, what it says it keeps beside what it serves."""
        await self.judge.committees.find_all(self._asker, [url, *self.judge.nodes])
        events = await self._latest(url, blobs)
        return [await self._audit(url, event) for event in events]

    async def _audit(self, url: str, event: FeedEvent) -> Audited:
        header = event.header
        says = await self._asker.columns_held(url, header, timeout_s=CONTROL_S)
        promised = frozenset[int]()
        if event.certificate is not None:
            certificate = await self.judge.certificate(event.blob_id, event.certificate)
            promised = self._arc_of(url, certificate)
        points = [
            column * POINTS_PER_COLUMN + offset
            for column in says | promised
            for offset in range(POINTS_PER_COLUMN)
        ]
        drawn = self._chance.sample(points, min(AUDIT_POINTS, len(points)))
        outcomes: dict[Outcome, int] = {}
        for point in drawn:  # one by one, as samplers ask
            heard = await self._asker.ask(url, header, Unit.POINTS, [point], timeout_s=CONTROL_S)
            outcome = heard.outcomes[point]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        return Audited(
            blob_id=event.blob_id,
            label=event.label,
            says=says,
            promised=promised,
            asked=len(drawn),
            outcomes=outcomes,
        )

    def _arc_of(self, url: str, certificate: VerifiedCertificate | None) -> frozenset[int]:
        """What the member at an address signed for."""
        committee = None
        if certificate is not None:
            committee = self.judge.committees.of(certificate.keyset_hash)
        if committee is None or certificate is None:
            return frozenset()
        return frozenset(
            column
            for member in certificate.signers
            if committee.members[member].url == url
            for column in committee.keyset.arcs[member]
        )

    async def _latest(self, url: str, count: int) -> list[FeedEvent]:
        """The latest blobs of a feed, each once, with its certificate if it has one."""
        found: dict[BlobId, FeedEvent] = {}
        after = 0
        while events := await self._client.list(after, LOOKED_AT, node=url):
            for event in events:
                found.pop(event.blob_id, None)
                found[event.blob_id] = event
            after = events[-1].cursor
            if len(events) < LOOKED_AT:
                break
        now = time.time()
        fresh = [event for event in found.values() if event.expires_at > now]
        return fresh[-count:]

    async def _find_controls(self, certificate: VerifiedCertificate) -> None:
        """Have each member serve something of another blob, to ask for again beside this one."""
        committee = self.judge.committees.of(certificate.keyset_hash)
        if committee is None:
            return
        others: dict[BlobId, FeedEvent] = {}
        for url in self.judge.nodes:
            try:
                latest = await self._latest(url, 4 * CONTROL_BLOBS)
            except HoldfastError:
                continue
            others |= {event.blob_id: event for event in latest if event.certificate is not None}
        others.pop(certificate.header.blob_id, None)
        chosen = list(others.values())[-CONTROL_BLOBS:]

        async def one(member: int, event: FeedEvent) -> None:
            arc = tuple(committee.keyset.arcs[member])
            point = self._chance.choice(arc) * POINTS_PER_COLUMN
            url = committee.members[member].url
            heard = await self._asker.ask(
                url, event.header, Unit.POINTS, [point], timeout_s=CONTROL_S
            )
            if heard.outcomes[point] is Outcome.HELD:
                known = Known(header=event.header, expires_at=event.expires_at, columns=arc)
                self.judge.controls.remember(url, known)

        await asyncio.gather(
            *(one(member, event) for member in range(len(committee.members)) for event in chosen)
        )


@asynccontextmanager
async def checking(
    policy: Policy, committees: Committees, nodes: Sequence[str], kzg: KzgPool, *, connections: int
) -> AsyncIterator[Checker]:
    """A checker over these nodes; `kzg` stays its owner's."""
    pace = local_pace()
    chance = random.SystemRandom()
    verifier = Verifier(kzg, threads=1)
    asker = Asker(verifier, kzg, pace, connections=connections)
    judge = Judge(
        policy=policy,
        committees=committees,
        nodes=nodes,
        asker=asker,
        controls=Controls(time.time, chance),
        kzg=kzg,
        clock=time.time,
        pace=pace,
        chance=chance,
    )
    client = Client(nodes, kzg=kzg, threads=1, limits=Limits(), policy=_PATIENCE, pace=pace)
    try:
        async with client:
            yield Checker(judge, asker, client)
    finally:
        await verifier.close()
        await asker.close()
