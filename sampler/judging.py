"""One blob judged: its certificate found, its sample fixed, the session carried out and signed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import msgspec

from committee.certificate import VerifiedCertificate
from committee.documents import Committee
from committee.values import KeysetHash
from da_node.client import Pace
from da_node.client.fetching import Fetcher
from da_node.client.transport import Failed
from da_node.coding import BlobId, Header, Kzg
from da_node.service import HoldfastError, Rejected, logger
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.controls import SAFE_S, Controls, Known
from sampler.documents import (
    evidence_document,
    reason_of,
    serialized,
    verdict_document,
    verdict_of,
)
from sampler.errors import KeysetUnknown, NothingToSample
from sampler.patience import Patience
from sampler.sampling import Sampling, Watch
from sampler.session import Session
from sampler.signing import SigningKey
from sampler.state import Sample
from sampler.suspicion import Outcome
from sampler.terms import Terms
from sampler.verdict import Verdict

ASK_S: Final = 5.0
"""Time that one node has to hand over a header or a certificate."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a session came to."""

    verdict: Verdict
    document: bytes
    """JSON of the verdict, signed."""
    evidence: bytes
    """JSON."""
    samples: tuple[Sample, ...]
    """Everything that was verified, as it travels."""
    silent: frozenset[int]
    """Members that gave nothing at all."""
    answered: frozenset[int]
    """Members that gave something."""
    tallies: Mapping[int, tuple[Counter[Outcome], Counter[Outcome]]]
    """What became of questions and of control questions, by member."""
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a sampler samples."""

    wanted: Fraction
    patience: Patience
    together: bool
    """Fast mode: one request for all that is asked of one member at one time."""
    most_items: int
    chain_id: int
    key: SigningKey | None
    """What verdicts are signed with; None: they are not."""


class _RememberedMember(msgspec.Struct, frozen=True):
    member: int
    held: int


class _Remembered(msgspec.Struct, frozen=True):
    """What of evidence tells who serves something."""

    keyset_hash: str | None
    members: list[_RememberedMember]


class Judge:
    """Carries out sessions for a service or a command. Used from one event loop."""

    def __init__(
        self,
        *,
        policy: Policy,
        committees: Committees,
        nodes: Sequence[str],
        asker: Asker,
        controls: Controls,
        kzg: Kzg,
        clock: Callable[[], float],
        pace: Pace,
        chance: random.Random,
    ) -> None:
        """`nodes` are asked for what any node may have: certificates, keysets, and points beside
        the members'. `clock` gives unix seconds, `chance` is the system's own.
        """
        self.policy: Final = policy
        self.committees: Final = committees
        self.controls: Final = controls
        self.nodes: Final = tuple(nodes)
        self._asker = asker
        self._kzg = kzg
        self._clock = clock
        self._pace = pace
        self._chance = chance

    async def header(self, blob_id: BlobId) -> Header:
        """The blob's header, from whichever node has it. Raises the last one's error."""
        failure: HoldfastError | None = None
        for url in self._everybody():
            try:
                async with asyncio.timeout(ASK_S):
                    return await (await self._fetcher(url)).header(url, blob_id)
            except Failed as failed:
                failure = failed.failure.error
            except HoldfastError as error:
                failure = error
            except TimeoutError:
                continue
        raise failure or NothingToSample(columns=0, needed=1)

    async def certificate(self, blob_id: BlobId, data: bytes | None) -> VerifiedCertificate | None:
        """A valid certificate of the blob: `data`, else the first that a node has; one whose time
        is over only where there is no other. None where nobody has one.
        """
        over: VerifiedCertificate | None = None
        if data is not None:
            found = await self._verified(blob_id, data)
            if found is not None and self.is_in_time(found.expires_at):
                return found
            over = found
        for url in self._everybody():
            try:
                async with asyncio.timeout(ASK_S):
                    other = await (await self._fetcher(url)).certificate(url, blob_id)
            except (Failed, HoldfastError, TimeoutError):
                continue
            found = await self._verified(blob_id, other)
            if found is not None and self.is_in_time(found.expires_at):
                return found
            over = over or found
        return over

    async def check_header(self, header: Header) -> None:
        """Refuse one whose commitment is no point of the group. Raises BadCommitment."""
        await asyncio.to_thread(Header.parse, header.serialize(), self._kzg)

    def terms(
        self,
        certificate: VerifiedCertificate | None,
        expires_at: int,
        expected: frozenset[int] = frozenset(),
        *,
        is_strict: bool = False,
    ) -> Terms:
        """Of a blob that is sampled for the first time, by the strict rule if that is wanted."""
        if certificate is not None:
            wanted = self.policy.wanted
            return Terms.certified(certificate, wanted, expected, is_strict=is_strict)
        current = self.committees.current(self._clock())
        return Terms(
            keyset_hash=None if current is None else current.keyset.hash,
            signers=None,
            expires_at=expires_at,
            wanted=self.policy.wanted,
        )

    def committee_of(self, terms: Terms) -> Committee | None:
        """Whose blob it is. Raises KeysetUnknown."""
        if terms.keyset_hash is None:
            return None
        committee = self.committees.of(terms.keyset_hash)
        if committee is None:
            raise KeysetUnknown(keyset_hash=terms.keyset_hash.hex0x, reason="it is not at hand")
        return committee

    def is_in_time(self, expires_at: int) -> bool:
        """Whether a session that begins now is over an hour before the blob expires."""
        return self._clock() <= self.latest_start(expires_at)

    def latest_start(self, expires_at: int) -> float:
        """Of a session that is over an hour before the blob expires, unix seconds."""
        return expires_at - SAFE_S - self.policy.patience.deadline_s

    async def judge(
        self,
        header: Header,
        terms: Terms,
        secret: bytes,
        *,
        label: str = "",
        certificate: bytes | None = None,
        trusts_clock: bool = True,
        later_than: int = -1,
        watch: Watch = lambda session: None,
    ) -> Judgement:
        """Sample a blob whose sample is fixed. Raises NothingToSample, KeysetUnknown.

        `later_than` is the time of the last verdict on it, unix seconds: two that differ never
        bear the same one, whatever the clock does and whoever had the key before, or whoever signed
        them would lose its stake.
        """
        key = self.policy.key
        if key is not None:
            later_than = max(later_than, key.taken_at)
        committee = self.committee_of(terms)
        keyset = None if committee is None else committee.keyset
        try:
            plan = terms.plan(header, keyset, secret)
        except NothingToSample:
            if not terms.expected:
                raise
            plan = replace(terms, expected=frozenset()).plan(header, keyset, secret)
        members = self.nodes[:1] if committee is None else [m.url for m in committee.members]
        urls = [*members, *(url for url in self.nodes if url not in members)]
        began_at, began_s = self._clock(), self._pace.clock()
        session = Session(
            plan,
            self.policy.patience,
            promised=terms.promised,
            now_s=began_s,
            draw=self._chance.random,
            trusts_clock=trusts_clock,
            most_items=self.policy.most_items,
        )
        for source, _ in enumerate(urls[len(members) :], start=len(members)):
            if committee is None:  # any node may have it
                session.learn(source, range(plan.custody.code.columns), now_s=began_s)
        sampling = Sampling(
            session=session,
            header=header,
            urls=urls,
            members=len(members),
            asker=self._asker,
            controls=self.controls,
            pace=self._pace,
            chance=self._chance,
            together=self.policy.together,
            watch=watch,
        )
        await sampling.run()
        self._remember(session, header, terms, urls)
        evidence = serialized(
            evidence_document(
                session,
                header,
                terms,
                committee,
                urls,
                began_at=began_at,
                certificate=certificate,
            )
        )
        verdict = verdict_of(session, header, terms, time=max(int(self._clock()), later_than + 1))
        silent = frozenset(i for i, record in session.members.items() if record.is_silent)
        return Judgement(
            verdict=verdict,
            document=serialized(
                verdict_document(
                    verdict,
                    chain_id=self.policy.chain_id,
                    key=None if key is None else key.key,
                    evidence=evidence,
                    reason=reason_of(session),
                    expires_at=terms.expires_at,
                    label=label,
                    silent=sorted(silent),
                )
            ),
            evidence=evidence,
            samples=tuple(
                Sample(unit=int(plan.unit), index=item.index, body=item.serialize())
                for item in sampling.held.values()
            ),
            silent=silent,
            answered=frozenset(session.held.values()) & session.members.keys(),
            # What a member was late with to the end is as good as timed out.
            tallies={
                i: (one.items + Counter({Outcome.TIMEOUT: len(one.overdue)}), one.controls)
                for i, one in session.members.items()
            },
            elapsed_s=self._pace.clock() - began_s,
        )

    def remember(self, header: Header, expires_at: int, evidence: bytes) -> None:
        """A blob was found available before: whoever served some of it may be asked for more, as a
        control.
        """
        found = msgspec.json.decode(evidence, type=_Remembered)
        if found.keyset_hash is None:
            return
        committee = self.committees.of(KeysetHash.from_hex(found.keyset_hash))
        if committee is None:
            return
        for member in found.members:
            if member.held and member.member < committee.keyset.size:
                arc = tuple(committee.keyset.arcs[member.member])
                known = Known(header=header, expires_at=expires_at, columns=arc)
                self.controls.remember(committee.members[member.member].url, known)

    # ------------------------------------------------------------ inside

    def _everybody(self) -> list[str]:
        """Nodes first, then the members of the committee in force."""
        committees = reversed(self.committees.all)
        members = [member.url for committee in committees for member in committee.members]
        return list(dict.fromkeys([*self.nodes, *members]))

    async def _fetcher(self, url: str) -> Fetcher:
        transport = await self._asker.transport(url)
        return Fetcher(ask=transport.once, kzg=self._kzg, threads=1)

    async def _verified(self, blob_id: BlobId, data: bytes) -> VerifiedCertificate | None:
        try:
            return await asyncio.to_thread(self.committees.verify, data, blob_id, self._kzg)
        except Rejected as error:
            _log.warning("certificate refused", blob_id=blob_id.hex0x, reason=str(error))
        except HoldfastError as error:
            _log.info("certificate not verified", blob_id=blob_id.hex0x, reason=str(error))
        return None

    def _remember(
        self, session: Session, header: Header, terms: Terms, urls: Sequence[str]
    ) -> None:
        """Whoever served something of a blob that is available may be asked for it as a control."""
        conclusion = session.conclusion
        available = conclusion is not None and conclusion.finding is Finding.AVAILABLE
        code, custody = session.plan.custody.code, session.plan.custody
        served: dict[int, set[int]] = {}
        for item, source in session.held.items():
            served.setdefault(source, set()).add(code.column_of(session.plan.unit, item))
        for member, columns in served.items():
            own = custody.columns_of[member] if member < custody.size else frozenset[int]()
            if available and columns & own:
                self.controls.remember(
                    urls[member],
                    Known(
                        header=header,
                        expires_at=terms.expires_at,
                        columns=tuple(sorted(own)),
                    ),
                )
        for member, record in session.members.items():
            if record.items and not available and member not in served:
                self.controls.forget(urls[member], header.blob_id)
