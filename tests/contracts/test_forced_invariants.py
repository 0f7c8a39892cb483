"""The invariants again, with forced items in the batches and samplers that come and go."""

from __future__ import annotations

from itertools import cycle
from typing import Any, ClassVar

from bridge_specimens import USER, Bridged, withdrawal_id
from chain_under_test import Chain
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test
from settlement_specimens import (
    ANYONE,
    BOND,
    CONFIG,
    DAY,
    EXIT_DELAY,
    REGISTRAR,
    SAMPLERS,
    SEQUENCER,
    STAKE,
    Settled,
)
from test_invariants import Calls, Proposed, Record, batches_of
from withdrawal_tree import Tree, forced, refusal

from bridge_client.artifacts import Artifact

FEE = CONFIG["forcedFeeWei"]
MAX_ITEMS = 128
"""Of a batch."""


class ForcedCalls(Calls):
    """An item is (what was asked for, when); batches take the next ones in order, or none."""

    settle = release = veto = pause = propose_spoilt = None
    """The base has these: steps are for what is new."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[bytes, int]] = []
        self.taken: list[int] = []
        """By height: items that batches up to there take."""
        self.ever_taken = 0
        """By any batch, standing or not."""
        self.active = {0, 1, 2}
        self.leaving: set[int] = set()

    # ------------------------------------------------------------------ what is called

    @initialize(chosen=batches_of)
    def begin(self, chosen: list[Record]) -> None:
        self.force()
        super().begin(chosen)

    @rule()
    def force(self) -> None:
        record = b"item" + bytes((len(self.items),))
        caller = self.chain.accounts[ANYONE]
        assert self.on_settlement("force", record, caller, value=FEE)
        self.note(forced(self.chain.web3.eth.chain_id, caller, record))

    def note(self, item: bytes) -> None:
        self.items.append((item, self.chain.now))
        self.fees += FEE

    @rule(amount=st.integers(1, 9))
    def force_withdrawal(self, amount: int) -> None:
        """Also while paused."""
        sent = self.chain.send(
            self.bridged.bridge, "forceWithdrawal", amount, sender=USER, value=FEE
        )
        self.note(bytes(sent.logs[0]["data"])[:32])

    @rule(chosen=batches_of, who=st.sampled_from([SEQUENCER, SEQUENCER, ANYONE]))
    def propose(self, chosen: list[Record], who: int) -> None:
        """Without the items that wait: exactly if none is overdue."""
        self.propose_taking(chosen, who, ())

    @rule(chosen=batches_of, refusals=st.sampled_from([(False,), (True,), (False, True)]))
    def propose_with_items(self, chosen: list[Record], refusals: tuple[bool, ...]) -> None:
        self.propose_taking(chosen, SEQUENCER, cycle(refusals))

    @rule(chosen=batches_of)
    def leave_out(self, chosen: list[Record]) -> None:
        """What is overdue."""
        self.force()
        self.chain.advance(DAY + 1)
        self.propose(chosen, SEQUENCER)

    @rule(chosen=batches_of)
    def settle_batch(self, chosen: list[Record]) -> None:
        """The way that a batch should go, with the samplers that are there."""
        if len(self.batches) == self.final:
            self.propose_taking(chosen, SEQUENCER, cycle((False, True)))
        if len(self.batches) > self.final:
            self.agree(tuple(self.active))

    def propose_taking(self, chosen: list[Record], who: int, refusals: Any) -> None:
        start = self.taken[-1] if self.taken else 0
        waiting = list(enumerate(self.items))[start : start + MAX_ITEMS]
        taken = list(zip(waiting, refusals, strict=False))
        shown = [
            refusal(index, item) if is_refused else item for (index, (item, _)), is_refused in taken
        ]
        tree = Tree(*map(self.leaf_of, chosen), *shown)
        inclusions = [
            (is_refused, len(chosen) + i, tree.path(len(chosen) + i))
            for i, (_, is_refused) in enumerate(taken)
        ]
        arguments = (self.proposal(tree), self.settled.certificate(), inclusions)
        done = self.on_settlement("propose", *arguments, sender=who, value=BOND)
        through = start + len(taken)
        is_overdue = (
            through < len(self.items)
            and len(taken) < MAX_ITEMS
            and self.chain.now > self.items[through][1] + DAY
        )
        assert not (done and is_overdue), "it left out what is overdue"
        if who == SEQUENCER:
            assert done or is_overdue, "nothing else stands in its way"
        if is_overdue:
            self.reached.add("stopped")
        if done:
            self.batches.append(Proposed(tree, chosen, self.chain.now))
            self.voices.append({})
            self.taken.append(through)
            self.ever_taken = max(self.ever_taken, through)

    @precondition(lambda self: len(self.active) > 2)
    @rule(which=st.integers(0, 2))
    def retire(self, which: int) -> None:
        sampler = bytes(SAMPLERS[which].address)
        done = self.chain.attempt(self.settled.registry, "retire", sampler, sender=REGISTRAR)
        assert bool(done) == (which in self.active)
        self.active.discard(which)
        self.leaving.add(which)

    @precondition(lambda self: self.leaving or len(self.active) > 2)
    @rule()
    def come_back(self) -> None:
        """It begins anew: what it said before counts no more."""
        if not self.leaving:
            self.retire(min(self.active))
        self.chain.advance(EXIT_DELAY)
        which = self.leaving.pop()
        sampler, registry = bytes(SAMPLERS[which].address), self.settled.registry
        self.chain.send(registry, "withdraw", sampler)
        self.chain.send(registry, "admit", sampler, sender=REGISTRAR)
        self.chain.send(registry, "stake", sampler, value=STAKE)
        self.active.add(which)
        self.voices = [{who: heard[who] for who in heard if who != which} for heard in self.voices]
        self.reached.add("returned")

    @precondition(lambda self: len(self.batches) > self.final)
    @rule()
    def finalize(self) -> None:
        """Of the voices only those count whose samplers are still there."""
        before = self.final
        heard = self.voices[before]
        self.voices[before] = {who: heard[who] for who in heard if who in self.active}
        super().finalize()
        self.voices[before] = heard
        if self.final > before:
            started = self.taken[before - 1] if before else 0
            self.fees -= (self.taken[before] - started) * FEE
            if self.taken[before] > started:
                self.reached.add("taken")

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def stakes_are_there(self) -> None:
        held = self.chain.balance(self.settled.registry.address)
        assert held == (len(self.active) + len(self.leaving)) * STAKE

    @invariant()
    def what_any_batch_took_does_not_raise_the_price(self) -> None:
        settlement = self.settled.settlement
        assert self.chain.call(settlement, "everTaken") == self.ever_taken
        assert self.chain.call(settlement, "nextFeeWei") == FEE

    def truncate(self) -> None:
        super().truncate()
        del self.taken[len(self.batches) :]

    # ------------------------------------------------------------------ details

    def leaf_of(self, record: Record) -> bytes:
        user, amount, number = record
        return self.bridged.leaf(self.bridged.account(user), amount, withdrawal_id(number))


def test_forced_items_and_samplers_that_leave_keep_the_invariants(
    standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    class Bound(ForcedCalls):
        bridged = Bridged.on(standing, test_contracts)
        reached: ClassVar[set[str]] = set()

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=5,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"final", "taken", "stopped", "returned"} <= Bound.reached
