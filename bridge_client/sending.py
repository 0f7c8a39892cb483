"""Transactions that happen once: journalled, sent, watched until they are buried.

Every step is decided by `life.next_step` from the journal and what the chain says now, so a process
that was killed goes on by the same code as one that was not.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge_client.errors import (
    Cancelled,
    Displaced,
    FeeTooHigh,
    L1FalseAnswer,
    L1TooSlow,
    NothingToCancel,
    OtherIntent,
    Reverted,
    Undone,
)
from bridge_client.journal import Intent, Journal, JournalThread, Place
from bridge_client.l1 import Chain, Receipt
from bridge_client.life import LIVE, Bump, Event, Policy, Record, Send, State, Step, next_step
from bridge_client.looking import Lookout
from bridge_client.sidecar import Sidecar, on_network
from bridge_client.transactions import (
    MOST_GAS,
    Call,
    Fee,
    Signed,
    nothing,
    signed,
)
from committee.secp256k1 import Address, EthereumKey
from da_node.service import Bug, logger

GAS_MARGIN_PERCENT: Final = 25
"""Beyond the estimate: what a call meets may change until it is mined. Unused gas is free."""
BASE_GAS: Final = 21_000

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How a sender waits. Handed in, so that tests need not."""

    clock: Callable[[], float] = time.time
    """Unix seconds."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    poll_s: float = 1.0
    """Between two looks at the chain: an L1 block takes 12 s."""
    bound_s: float = 900.0
    """How long a transaction is waited for: 75 blocks."""
    most_lag_s: float = 300.0
    """How old the endpoint's newest block may be, by this machine's clock: 25 blocks."""


class Sender:
    """Sends for one account; one at a time is enough for one account.

    Raises, beside what its methods name, L1Unreachable, L1Refused, L1FalseAnswer, L1Lags and
    JournalFault: what is journalled then stays, and the next call goes on with it.
    """

    def __init__(
        self,
        chain: Chain,
        journal: JournalThread,
        *,
        chain_id: int,
        key: EthereumKey,
        policy: Policy | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """The journal is bound to this chain already (`opened`)."""
        self.chain: Final = chain
        self.key: Final = key
        self._journal: Final = journal
        self._chain_id: Final = chain_id
        self._policy: Final = policy or Policy()
        self._waiting: Final = waiting or Waiting()
        self._lookout: Final = Lookout(
            chain,
            journal,
            account=key.address,
            policy=self._policy,
            clock=self._waiting.clock,
            most_lag_s=self._waiting.most_lag_s,
        )
        self._one_at_a_time: Final = asyncio.Lock()

    @property
    def account(self) -> Address:
        """Whose transactions these are."""
        return self.key.address

    async def journalled(self, purpose: str) -> Intent | None:
        """What was meant before for a purpose, unless it failed. Raises OtherIntent where another
        account of the journal means it.
        """
        found = await self._journal.run(self._journal.steps.intent, purpose)
        if found is not None and found.account != self.account:
            raise OtherIntent(purpose=purpose, transaction=_name(found))
        return found

    async def send(
        self, call: Call, purpose: str, *, gas: int | None = None, sidecar: Sidecar | None = None
    ) -> Receipt:
        """The receipt of a call, buried; it is sent once for a purpose, however often this runs.
        `sidecar` has the blobs that the call names.

        What would be refused now is not sent: CallRefused; one that is refused when it is mined
        raises Reverted, and its purpose is free again. Raises OtherIntent, FeeTooHigh, Displaced,
        Undone, Cancelled, L1TooSlow.
        """
        async with self._one_at_a_time:
            return await self._settled(await self._meant(call, purpose, gas, sidecar))

    async def begin(self, call: Call, purpose: str, *, sidecar: Sidecar | None = None) -> None:
        """Have a call under way that `go_on` then waits for, so that others can follow it before it
        is buried. Raises as `send`, except for what is found out by waiting.
        """
        async with self._one_at_a_time:
            await self._brought_on(await self._meant(call, purpose, None, sidecar))

    async def go_on(self, purpose: str) -> Receipt | None:
        """The receipt of what was meant for a purpose before, buried; None where nothing was.
        Raises as `send`.
        """
        async with self._one_at_a_time:
            intent = await self.journalled(purpose)
            return None if intent is None else await self._settled(intent)

    async def unfinished(self) -> list[str]:
        """Purposes of this account that something can still happen to, in their order."""
        live = await self._journal.run(self._journal.steps.live, self.account)
        return [intent.purpose for intent in live]

    async def cancel(self, which: str | int) -> Intent:
        """Replace what is meant for a purpose, or with a nonce, by a transaction of the same nonce
        that does nothing and pays more, and wait until one of the two is buried: the intent as it
        ended, CANCELLED, or DONE or FAILED all the same. What had ended and was undone by a deep
        reorganisation is cancelled so too.

        Raises NothingToCancel, FeeTooHigh, Displaced, L1TooSlow; after that the same call goes on.
        """
        async with self._one_at_a_time:
            live = await self._journal.run(self._journal.steps.live, self.account)
            named = [one for one in live if which in (one.purpose, one.nonce)]
            intent = named[0] if named else await self._reopened(which)
            deadline = self._deadline()
            while True:
                if intent.state is State.OPEN and not intent.is_cancelling:
                    intent = await self._replaced(intent)
                intent = await self._brought_on(intent)
                if intent.state is State.DISPLACED:
                    raise self._displaced(intent)
                if intent.state not in LIVE:
                    return intent
                await self._wait(intent, deadline)

    async def turn(self, purpose: str) -> str:
        """The name of the next time for what may be done again once it was done: the one that is
        under way, or else a new one. Whoever asks has seen that it is needed.
        """
        number = 1
        while (intent := await self.journalled(f"{purpose} #{number}")) is not None:
            if intent.state in LIVE:
                break
            number += 1
        return f"{purpose} #{number}"

    async def resume(self) -> list[Intent]:
        """Bring all that is live as far as it comes without waiting for a block: after a restart,
        and before anything else is sent. What it gives has been looked at once.
        """
        async with self._one_at_a_time:
            live = await self._journal.run(self._journal.steps.live, self.account)
            return [await self._brought_on(intent) for intent in live]

    # ------------------------------------------------------------ intending

    async def _meant(
        self, call: Call, purpose: str, gas: int | None, sidecar: Sidecar | None
    ) -> Intent:
        """What the journal has for a purpose, or has from now on."""
        intent = await self.journalled(purpose)
        if intent is None:
            return await self._intend(call, purpose, gas, sidecar)
        if intent.call != call:
            raise OtherIntent(purpose=purpose, transaction=_name(intent))
        return intent

    async def _intend(
        self, call: Call, purpose: str, gas: int | None, sidecar: Sidecar | None
    ) -> Intent:
        if call.versioned_hashes != (sidecar.versioned_hashes if sidecar else ()):
            raise Bug(reason=f"{purpose}: the sidecar has other blobs than the call names")
        head = await self._lookout.head()
        limit = gas or await self._gas(call)
        fee = self._capped(await self._lookout.market(head, call), head.base_fee)
        least_nonce = await self.chain.nonce(self.account)
        await self._require_standing(least_nonce)
        intent = await self._journal.run(
            self._journal.steps.intend,
            purpose,
            self.account,
            call,
            limit,
            least_nonce=least_nonce,
            made_at=head.number,
            sign=functools.partial(self._signed, call, limit, fee),
            sidecar=sidecar.serialize() if sidecar else b"",
        )
        # A crash here leaves it open; the next `resume` sends it.
        _log.info("intended", purpose=purpose, nonce=intent.nonce, transaction=_name(intent))
        return intent

    async def _gas(self, call: Call) -> int:
        """What a call may use."""
        needed = await self.chain.estimate(
            call.to, call.data, self.account, call.value, call.versioned_hashes
        )
        return min(MOST_GAS, needed + (needed - BASE_GAS) * GAS_MARGIN_PERCENT // 100)

    def _capped(self, market: Fee, base_fee: int) -> Fee:
        """What the market asks, within bounds: the room for rising base fees can be had in bumps,
        what is due now cannot. Raises FeeTooHigh.
        """
        most = self._policy.most
        due = Fee(most=base_fee + market.tip, tip=market.tip, blob=market.blob // 2)
        if due.most > most.most:
            raise FeeTooHigh(value=due.most, bound=most.most)
        if due.blob > most.blob:
            raise FeeTooHigh(value=due.blob, bound=most.blob, unit="blob gas")
        return Fee(
            most=min(market.most, most.most), tip=market.tip, blob=min(market.blob, most.blob)
        )

    def _signed(self, call: Call, gas: int, fee: Fee, nonce: int) -> Signed:
        return signed(call, chain_id=self._chain_id, nonce=nonce, gas=gas, fee=fee, key=self.key)

    # ------------------------------------------------------------ bringing on

    async def _settled(self, intent: Intent) -> Receipt:
        deadline = self._deadline()
        while True:
            intent = await self._brought_on(intent)
            if intent.state not in LIVE:
                return await self._outcome(intent)
            await self._wait(intent, deadline)

    def _deadline(self) -> float:
        return self._waiting.clock() + self._waiting.bound_s

    async def _wait(self, intent: Intent, deadline: float) -> None:
        if self._waiting.clock() > deadline:
            await self._require_standing(await self.chain.nonce(self.account), before=intent.nonce)
            raise L1TooSlow(
                purpose=intent.purpose,
                transaction=_name(intent),
                bound_s=self._waiting.bound_s,
            )
        await self._waiting.sleep(self._waiting.poll_s)

    async def _brought_on(self, intent: Intent) -> Intent:
        """Until there is nothing to do but wait. Every step changes the journal's state, so there
        are few.
        """
        while intent.state in LIVE:
            step = next_step(intent.standing, await self._lookout.view(intent), self._policy)
            if not isinstance(step, Record | Bump):
                if isinstance(step, Send):
                    await self._broadcast(intent)
                return intent
            intent = await self._taken(intent, step)
        return intent

    async def _taken(self, intent: Intent, step: Step) -> Intent:
        steps = self._journal.steps
        if isinstance(step, Record):
            if step.event is Event.TAKEN:
                other = await self._lookout.displacing(intent)
                _log.error("displaced", purpose=intent.purpose, transaction="0x" + other.hex())
            place = None if step.block is None else Place(number=step.block[0], hash=step.block[1])
            found = await self._journal.run(steps.record, intent.number, step.event, place)
            _log.info("found", purpose=intent.purpose, what=step.event.value)
            return found
        assert isinstance(step, Bump)
        return await self._attempted(intent, step.fee, cancels=intent.is_cancelling)

    async def _replaced(self, intent: Intent) -> Intent:
        """What is open, with an attempt that does nothing; as it is where a block has an earlier
        one. Raises FeeTooHigh.
        """
        if await self._lookout.found(intent) is not None:
            return intent
        least, most = intent.last.signed.fee.bumped(), self._policy.most
        if not least.is_within(most):
            is_blob = least.most <= most.most
            value, bound = (least.blob, most.blob) if is_blob else (least.most, most.most)
            raise FeeTooHigh(value=value, bound=bound, unit="blob gas" if is_blob else "gas")
        market = await self._lookout.market(await self._lookout.head(), intent.call)
        return await self._attempted(intent, least.at_least(market).at_most(most), cancels=True)

    async def _reopened(self, which: str | int) -> Intent:
        """What had ended and was undone, with an attempt that does nothing. Raises NothingToCancel,
        FeeTooHigh.
        """
        steps = self._journal.steps
        nonce = await self.chain.nonce(self.account)
        for intent in await self._journal.run(steps.ended, self.account, nonce):
            if which in (intent.purpose, intent.nonce) and await self._lookout.is_undone(intent):
                break
        else:
            raise NothingToCancel(which=str(which), account=self.account.hex0x)
        call = Call(to=self.account, data=b"")
        head = await self._lookout.head()
        market = self._capped(await self._lookout.market(head, call), head.base_fee)
        # more than the last attempt, which pools may have still
        least, most = intent.last.signed.fee.bumped(), self._policy.most
        fee = least.at_least(market).at_most(most)
        fee = Fee(most=fee.most, tip=fee.tip)
        made = self._signed(call, await self._gas(call), fee, intent.nonce)
        reopened = await self._journal.run(steps.reopen, intent.number, made, made_at=head.number)
        # A crash here leaves it unsent; the next start sends it.
        _log.info("reopened", purpose=intent.purpose, nonce=intent.nonce)
        return reopened

    async def _require_standing(self, nonce: int, *, before: int | None = None) -> None:
        """Raises Undone where what had ended with a nonce from that on, and below `before`, is
        gone: what comes after it would wait for good.
        """
        for intent in await self._journal.run(self._journal.steps.ended, self.account, nonce):
            if before is not None and intent.nonce >= before:
                return
            if await self._lookout.is_undone(intent):
                raise self._undone(intent)

    def _undone(self, intent: Intent) -> Undone:
        return Undone(
            purpose=intent.purpose,
            block=-1 if intent.place is None else intent.place.number,
            nonce=intent.nonce,
            account=self.account.hex0x,
        )

    async def _attempted(self, intent: Intent, fee: Fee, *, cancels: bool) -> Intent:
        call, gas = intent.call, intent.gas
        if cancels:
            has_blobs = intent.last.has_blobs
            call = nothing(self.account, call) if has_blobs else Call(to=self.account, data=b"")
            gas = await self._gas(call)
        made = self._signed(call, gas, fee, intent.nonce)
        head = await self._lookout.head()
        steps = self._journal.steps
        tried = await self._journal.run(
            steps.attempt, intent.number, made, made_at=head.number, cancels=cancels
        )
        # A crash here leaves the attempt unsent; the next start sends it.
        what = "cancelling" if cancels else "paying more"
        _log.info(what, purpose=intent.purpose, most_fee=fee.most)
        await self._broadcast(tried)
        return tried

    async def _broadcast(self, intent: Intent) -> None:
        made = intent.last.signed
        raw = made.raw
        if intent.last.has_blobs:
            steps = self._journal.steps
            raw = on_network(raw, await self._journal.run(steps.sidecar, intent.number))
        await self.chain.send(raw, made.hash)

    # ------------------------------------------------------------ ends

    async def _outcome(self, intent: Intent) -> Receipt:
        if intent.state is State.DISPLACED:
            raise self._displaced(intent)
        if intent.state is State.CANCELLED:
            raise Cancelled(purpose=intent.purpose, nonce=intent.nonce)
        found = await self._lookout.found(intent)
        if found is None:
            if await self._lookout.is_undone(intent):
                raise self._undone(intent)
            raise L1FalseAnswer(
                url=self.chain.name,
                method="eth_getTransactionReceipt",
                reason=f"{_name(intent)} was confirmed, and now no block has it",
            )
        if intent.state is State.FAILED:
            raise Reverted(
                what=f"{intent.purpose} ({_name(intent)})", reason="when mined", operands_text=""
            )
        if intent.state is not State.DONE:
            raise Bug(reason=f"{intent.purpose} ended as {intent.state.name}")
        return found[1]

    def _displaced(self, intent: Intent) -> Displaced:
        return Displaced(account=self.account.hex0x, nonce=intent.nonce, purpose=intent.purpose)


async def opened(directory: Path, chain: Chain, chain_id: int) -> JournalThread:
    """The journal of a directory, for that chain and no other; `close` it.

    Raises OtherChain, JournalInUse, JournalFault, and what asking the chain raises.
    """
    steps = await asyncio.to_thread(Journal.open, directory)
    journal = JournalThread(steps)
    try:
        known = await journal.run(steps.genesis)
        genesis = await chain.require(chain_id, known)
        await journal.run(steps.bind, chain_id, genesis)
    except BaseException:
        await journal.close()
        raise
    return journal


def _name(intent: Intent) -> str:
    return "0x" + intent.last.signed.hash.hex()
