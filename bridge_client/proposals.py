"""Proposals as samplers' second feed: each is looked at, and what is found is brought to L1.

Which look a batch needs follows from the chain's time alone, and a look that was asked for before
is the same look; so whoever was stopped goes on from the events that its watcher has kept.

A verdict *available* lapses. So a batch is looked at as soon as it is proposed, again half a
verdict's lifetime before its challenge period ends, and then every half lifetime until it is final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from bridge_client.bringing import Bringer
from bridge_client.calldata import certificate_from_chain
from bridge_client.errors import JournalFault
from bridge_client.samplers import Said, SamplerService
from bridge_client.settlement import Batch, BatchState, Terms
from bridge_client.settling import Settlement
from bridge_client.watching import Seen
from committee.secp256k1 import EthereumKey
from da_node.service import Bug, HoldfastError, PeerUnreachable, Rejected, logger
from sampler.conclusion import Finding
from sampler.look import Look

MOST_AT_ONCE: Final = 32
"""Batches of one round, each of which is a few questions to the chain and to each sampler. The
others have their turn in the next ones: however many are proposed, every one is come to."""
REFUSED_S: Final = 60
"""A sampler that refuses to look is asked again after so long, by the chain's time."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """The look that a batch needs at a time."""

    ordinal: int
    """0, 1, …"""
    until: int
    """When it needs the next one, unix seconds."""


def look_needed(proposed_at: int, terms: Terms, now: int) -> Needed:
    """The look that a pending batch needs; all times are unix seconds."""
    half_s = max(1, terms.verdict_lifetime_s // 2)
    again_from = max(proposed_at + half_s, proposed_at + terms.challenge_period_s - half_s)
    if now < again_from:
        return Needed(ordinal=0, until=again_from)
    passed = 1 + (now - again_from) // half_s
    return Needed(ordinal=passed, until=again_from + passed * half_s)


@dataclass
class _Sampled:
    """How far one sampler is with one batch."""

    ordinal: int = -1
    """Of the look that was asked for last."""
    after: int | None = None
    """Verdicts beyond this cursor are of it; None: it has not begun."""
    said: Said | None = None
    not_before: int = 0
    """It refused to look, and is asked again then."""

    def is_over(self, ordinal: int) -> bool:
        """Whether that look has come to its end: anything but *available* is asked for again."""
        finding = None if self.said is None else self.said.verdict.verdict.finding
        return self.ordinal == ordinal and finding is Finding.AVAILABLE


@dataclass
class _Proposed:
    """A batch that is to be looked at."""

    number: int
    height: int
    header: str
    expires_at: int
    transaction: str
    """That has proposed it, 0x-hex."""
    certificate: str | None = None
    """As the transaction has it, 0x-hex."""
    idle_until: int = 0
    """Nothing is to be done before, by the chain's time."""
    by_sampler: dict[str, _Sampled] = field(default_factory=dict)


@dataclass(kw_only=True)
class Proposals:
    """Has samplers look at what is proposed, and brings their verdicts. Used from one event loop.

    `begin` and `take` get what a watcher has seen, `drop` what it has lost; `do` does one round.
    """

    settlement: Settlement
    samplers: Sequence[SamplerService]
    bringer: Bringer
    key: EthereumKey
    """Of the account that the samplers let ask."""
    chain_id: int
    _waiting: dict[int, _Proposed] = field(default_factory=dict)
    """By batch; the one whose turn was longest ago first."""

    def begin(self, past: Iterable[Seen]) -> None:
        """All that a watcher has seen and not lost, in its order: at the start, and again when
        `drop` says so.
        """
        for number in tuple(self._waiting):
            self._forget(number)
        self.take(past)

    def take(self, seen: Iterable[Seen]) -> None:
        """What a watcher has seen since, in its order."""
        for one in seen:
            if one.event == "BatchProposed":
                number = int(one.fields["batchId"])
                self._waiting[number] = _Proposed(
                    number=number,
                    height=int(one.fields["height"]),
                    header=one.fields["header"],
                    expires_at=int(one.fields["expiresAt"]),
                    transaction=one.transaction,
                )
            elif one.event == "BatchFinal":
                self._forget(int(one.fields["batchId"]))
            elif one.event == "BatchVoid":
                self._fell(int(one.fields["batchId"]))

    def drop(self, lost: Iterable[Seen]) -> bool:
        """What the chain has not any more; whether all that was seen is to be gone through again,
        since a batch is pending that was final or void, and is forgotten here.
        """
        is_undone = False
        for one in lost:
            if one.event == "BatchProposed":
                self._forget(int(one.fields["batchId"]))
            elif one.event == "VerdictCounted":
                number = int(one.fields["batchId"])
                self.bringer.forget(number)
                if number in self._waiting:
                    self._waiting[number].idle_until = 0
            elif one.event in ("BatchFinal", "BatchVoid"):
                is_undone = True
        return is_undone

    @property
    def waiting(self) -> tuple[int, ...]:
        """Batches that are neither final nor void, as far as was seen."""
        return tuple(sorted(self._waiting))

    async def do(self) -> None:
        """One round. Raises JournalFault, and what asking the chain raises; what a sampler, or a
        transaction, fails at is logged, and done in a later round.
        """
        now = (await self.settlement.contract.chain.head()).time
        pending: list[tuple[_Proposed, Batch]] = []
        for one in self._turn(now):
            self._waiting[one.number] = self._waiting.pop(one.number)
            if (batch := await self._pending(one)) is not None:
                pending.append((one, batch))
        await asyncio.gather(*(self._ask(one, pending, now) for one in self.samplers))
        for one, batch in pending:
            await self._bring(one, batch, now)

    # ------------------------------------------------------------ inside

    def _turn(self, now: int) -> list[_Proposed]:
        for one in list(self._waiting.values()):
            if one.expires_at <= now:  # nobody has it any more, and anybody may give the batch up
                self._forget(one.number)
        due = (one for one in self._waiting.values() if one.idle_until <= now)
        return list(islice(due, MOST_AT_ONCE))

    async def _pending(self, one: _Proposed) -> Batch | None:
        """The batch, where verdicts help it. One that is not is not forgotten: the endpoint may be
        behind; what becomes of batches their events tell.
        """
        length, final_length = await self.settlement.lengths()
        if not final_length <= one.height < length:
            return None
        if await self.settlement.contract.answer("chain", one.height) != one.number:
            return None
        batch = await self.settlement.batch(one.number)
        return batch if batch.state is BatchState.PENDING else None

    def _fell(self, number: int) -> None:
        """A batch is void, and with it those after it, of which no event tells; but not where it
        had fallen so itself, and others stand in their place.
        """
        one = self._waiting.get(number)
        if one is not None:
            for other in [*self._waiting.values()]:
                if other.height >= one.height:
                    self._forget(other.number)

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        self.bringer.forget(number)

    async def _ask(
        self, sampler: SamplerService, pending: Sequence[tuple[_Proposed, Batch]], now: int
    ) -> None:
        """One sampler about all of them; about no more of them once it does not answer."""
        for one, batch in pending:
            state = one.by_sampler.setdefault(sampler.url, _Sampled())
            needed = look_needed(batch.proposed_at, self.settlement.terms, now)
            if state.is_over(needed.ordinal) or now < state.not_before:
                continue
            try:
                await self._look(sampler, one, batch, state, needed.ordinal)
            except PeerUnreachable as error:
                _log.error("a sampler does not answer", url=sampler.url, reason=str(error))
                return
            except HoldfastError as error:
                if isinstance(error, Rejected):
                    state.not_before = now + REFUSED_S
                _log.error(
                    "a sampler does not look",
                    url=sampler.url,
                    batch=batch.number,
                    reason=str(error),
                )

    async def _look(
        self,
        sampler: SamplerService,
        one: _Proposed,
        batch: Batch,
        state: _Sampled,
        ordinal: int,
    ) -> None:
        if state.ordinal != ordinal:
            state.ordinal, state.after = ordinal, None
        if state.after is None:
            if one.certificate is None:
                one.certificate = await self._certificate(one)
            look = Look(
                chain_id=self.chain_id,
                settlement=self.settlement.contract.address.hex0x,
                batch=batch.number,
                proposed_at=batch.proposed_at,
                ordinal=ordinal,
                strict=self.settlement.terms.strict_only,
                header=one.header,
                expires_at=one.expires_at,
                certificate=one.certificate,
            )
            state.after, state.said = await sampler.look(look, self.key), None
            if state.after is None:
                return
        after = state.after if state.said is None else state.said.cursor
        state.said = await sampler.latest(batch.blob_id, after=after) or state.said

    async def _certificate(self, one: _Proposed) -> str | None:
        """The one that was proposed: without it nobody has promised what members keep back. None
        where another contract has proposed, or it is not to be had: nodes are asked for it then.
        """
        contract = self.settlement.contract
        try:
            calling = await contract.chain.calling(
                bytes.fromhex(one.transaction.removeprefix("0x"))
            )
            if calling is None or calling.to != contract.address:
                return None
            arguments = contract.interface.arguments("propose", calling.data)
            if arguments is None:
                return None
            return "0x" + certificate_from_chain(arguments[1]).hex()
        except (HoldfastError, ValueError) as error:
            _log.info("no certificate", batch=one.number, reason=str(error))
            return None

    async def _bring(self, one: _Proposed, batch: Batch, now: int) -> None:
        states = [one.by_sampler.get(sampler.url, _Sampled()) for sampler in self.samplers]
        found = [state.said.verdict for state in states if state.said is not None]
        try:
            is_done = await self.bringer.bring(batch, found)
        except (JournalFault, Bug):
            raise
        except HoldfastError as error:
            _log.error("verdicts are not brought", batch=batch.number, reason=str(error))
            return
        needed = look_needed(batch.proposed_at, self.settlement.terms, now)
        if is_done and all(state.is_over(needed.ordinal) for state in states):
            one.idle_until = needed.until
