"""Whatever is called in whatever order: claims are covered, nothing is paid twice, nothing is final
without certificate and verdicts, and a paused bridge lets people out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from blob_specimens import opening
from bridge_specimens import FUNDS, GUARDIAN, OTHER, USER, Bridged, withdrawal_id
from chain_under_test import Chain
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from settlement_specimens import (
    ANYONE,
    BOND,
    CONFIG,
    GENESIS,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
    root,
)
from withdrawal_tree import Tree

from bridge_client.artifacts import Artifact
from sampler.conclusion import Finding

BURNED = "0x" + "0" * 36 + "dEaD"
PENDING = 1
POINTS = (0, 4095, 8191)
POINT_BOND = CONFIG["pointBondWei"] + CONFIG["rowBondWei"]

Record = tuple[int, int, int]
"""User, amount, number of the withdrawal id."""
records: st.SearchStrategy[Record] = st.tuples(
    st.sampled_from([USER, OTHER]), st.sampled_from([7, 900]), st.integers(0, 2)
)
batches_of = st.lists(records, min_size=1, max_size=3)


@dataclass
class Proposed:
    """A batch as the test knows it."""

    tree: Tree
    records: list[Record]
    proposed_at: int


class Calls(RuleBasedStateMachine):
    """All calls on settlement and bridge, with books of what must follow from them."""

    bridged: ClassVar[Bridged]
    reached: ClassVar[set[str]]
    """What happened in some run: without it the invariants would hold for want of anything."""

    def __init__(self) -> None:
        super().__init__()
        self.chain: Chain = self.bridged.chain
        self.settled = self.bridged.settled
        self.before = self.chain.snapshot()
        self.batches: list[Proposed] = []
        self.voices: list[dict[int, tuple[Finding, int]]] = []
        self.final = 0
        self.is_paused = False
        self.state = 0
        self.deposited = 0
        self.paid: list[Record] = []
        self.waiting: dict[int, Record] = {}
        self.challenges: list[tuple[int, int]] = []
        self.fees = 0
        """Of forced items that no final batch took, in wei."""

    def teardown(self) -> None:
        self.chain.restore(self.before)

    # ------------------------------------------------------------------ what is called

    def on_bridge(self, function: str, *arguments: Any, sender: int = 0) -> Any:
        return self.chain.attempt(self.bridged.bridge, function, *arguments, sender=sender)

    def on_settlement(self, function: str, *arguments: Any, sender: int = 0, value: int = 0) -> Any:
        settlement = self.settled.settlement
        return self.chain.attempt(settlement, function, *arguments, sender=sender, value=value)

    @initialize(chosen=batches_of)
    def begin(self, chosen: list[Record]) -> None:
        """With tokens in escrow, a final batch and a withdrawal paid by it, however far the steps
        get after that."""
        self.deposit(1500)
        self.settle_batch(chosen)
        self.prove_record(0, 0)

    @rule(amount=st.integers(1, 800))
    def deposit(self, amount: int) -> None:
        done = self.on_bridge("depositAsset", amount, 9, 1, sender=USER)
        assert bool(done) != self.is_paused
        self.deposited += amount if done else 0

    @rule(record=records)
    def settle(self, record: Record) -> None:
        """Twice in a row, as an impatient client does."""
        user, amount, number = record
        signed = self.bridged.signed(self.bridged.account(user), amount, withdrawal_id(number))
        before = self.bridged.balance(user)
        done = self.on_bridge("settleWithdrawal", *signed)
        if done:
            assert not self.is_paused
            if self.bridged.balance(user) == before + amount:
                self.paid.append(record)
            else:
                self.waiting[number] = record
        assert self.on_bridge("settleWithdrawal", *signed) is None

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 2), hours=st.sampled_from([1, 49]))
    def release(self, number: int, hours: int) -> None:
        self.chain.advance(hours * 3600)
        waiting = self.waiting.get(number)
        if self.on_bridge("releaseWithdrawal", withdrawal_id(number)):
            assert waiting is not None
            assert not self.is_paused
            self.paid.append(self.waiting.pop(number))

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 2))
    def veto(self, number: int) -> None:
        if self.on_bridge("vetoWithdrawal", withdrawal_id(number), sender=GUARDIAN):
            del self.waiting[number]

    @rule(sender=st.sampled_from([GUARDIAN, "owner", "owner"]))
    def pause(self, sender: int | str) -> None:
        """The guardian only pauses; the owner, its delay being over, goes on as well."""
        who: Any = self.bridged.timelock.address if sender == "owner" else sender
        if sender == "owner":
            self.chain.impersonate(who)
        done = self.on_bridge("togglePauseState", sender=who)
        assert bool(done) == (sender == "owner" or not self.is_paused)
        self.is_paused ^= bool(done)

    @rule(chosen=batches_of, who=st.sampled_from([SEQUENCER, SEQUENCER, ANYONE]))
    def propose(self, chosen: list[Record], who: int) -> None:
        leaves = [
            self.bridged.leaf(self.bridged.account(user), amount, withdrawal_id(number))
            for user, amount, number in chosen
        ]
        tree = Tree(*leaves)
        proposal, certificate = self.proposal(tree), self.settled.certificate()
        if self.on_settlement("propose", proposal, certificate, [], sender=who, value=BOND):
            self.batches.append(Proposed(tree, chosen, self.chain.now))
            self.voices.append({})

    @rule(length=st.sampled_from([0, 133, 388]))
    def propose_spoilt(self, length: int) -> None:
        """A certificate with a part cut off or zeroed."""
        spoilt = self.settled.certificate()[:length].ljust(389 if length else 0, b"\0")
        arguments = (self.proposal(Tree(bytes(32))), spoilt, [])
        assert not self.on_settlement("propose", *arguments, sender=SEQUENCER, value=BOND)

    @rule(chosen=batches_of)
    def settle_batch(self, chosen: list[Record]) -> None:
        """The way that a batch should go, unless something stands in it."""
        if len(self.batches) == self.final:
            self.propose(chosen, SEQUENCER)
        self.agree((0, 1))

    @precondition(lambda self: len(self.batches) > self.final)
    @rule(
        speaker=st.integers(0, 3),
        finding=st.sampled_from([Finding.AVAILABLE] * 3 + [Finding.WITHHELD]),
    )
    def say(self, speaker: int, finding: Finding) -> None:
        self.chain.advance(1)
        said = self.settled.verdict(finding=finding)
        arguments = self.settled.submission((SAMPLERS[speaker], said))
        if self.on_settlement("submitVerdicts", self.final, *arguments):
            assert speaker != 3, "nobody admitted it"
            self.voices[self.final][speaker] = (finding, said.time)

    @precondition(lambda self: len(self.batches) > self.final)
    @rule(speakers=st.sampled_from([(0, 1), (1, 2), (0, 1, 2)]))
    def agree(self, speakers: tuple[int, ...]) -> None:
        """A whole period passes, and a quorum finds the next batch available."""
        self.chain.advance(CONFIG["challengePeriod_s"])
        for speaker in speakers:
            self.say(speaker, Finding.AVAILABLE)
        self.finalize()

    @precondition(lambda self: len(self.batches) > self.final)
    @rule(data=st.data(), point=st.sampled_from(POINTS))
    def challenge(self, data: st.DataObject, point: int) -> None:
        height = data.draw(st.integers(self.final, len(self.batches) - 1))
        asked = (height, bytes(header_of().blob_id), [point])
        if self.on_settlement("challenge", *asked, value=POINT_BOND):
            self.challenges.append((len(self.challenges) + 1, point))

    @precondition(lambda self: self.challenges)
    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        challenge_id, point = data.draw(st.sampled_from(self.challenges))
        answer = (challenge_id, 0, header_of().serialize(), opening(1, point))
        self.on_settlement("respond", *answer, sender=OTHER)

    @precondition(lambda self: self.challenges)
    @rule(
        data=st.data(),
        function=st.sampled_from(["uphold", "dissolve"]),
        hours=st.sampled_from([1, 25]),
    )
    def close(self, data: st.DataObject, function: str, hours: int) -> None:
        self.chain.advance(hours * 3600)
        challenge_id, _ = data.draw(st.sampled_from(self.challenges))
        self.on_settlement(function, challenge_id)
        self.truncate()

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), who=st.sampled_from([SEQUENCER, ANYONE, ANYONE]))
    def abandon(self, data: st.DataObject, who: int) -> None:
        height = data.draw(st.integers(0, len(self.batches) - 1))
        self.on_settlement("abandon", height, sender=who)
        self.truncate()

    @precondition(lambda self: self.state > len(self.batches))
    @rule(which=st.integers(1, 4))
    def reclaim(self, which: int) -> None:
        self.on_settlement("reclaim", which)

    @precondition(lambda self: len(self.batches) > self.final)
    @rule()
    def finalize(self) -> None:
        height = self.final
        if not self.on_settlement("finalize", height):
            return
        said = self.voices[height].values()
        fresh = self.chain.now - CONFIG["verdictLifetime_s"]
        available = [time for finding, time in said if finding is Finding.AVAILABLE]
        withheld = [time for finding, time in said if finding is Finding.WITHHELD]
        assert sum(time >= fresh for time in available) >= CONFIG["quorum"]
        assert len(withheld) < CONFIG["objectors"]
        age = self.chain.now - self.batches[height].proposed_at
        assert age >= CONFIG["challengePeriod_s"]
        assert self.batch_at(height)["openChallenges"] == 0
        self.reached.add("final")
        self.final += 1

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        """Exactly what is in a final batch, unpaid and covered is paid: paused or not."""
        height = data.draw(st.integers(0, len(self.batches) - 1))
        last = len(self.batches[height].records) - 1
        self.prove_record(height, data.draw(st.integers(0, last)))

    def prove_record(self, height: int, index: int) -> None:
        batch = self.batches[height]
        record = batch.records[index]
        user, amount, number = record
        must = (
            height < self.final
            and record not in self.paid
            and amount <= self.deposited - self.paid_out
        )
        path = batch.tree.path(index)
        arguments = (self.bridged.account(user), amount, withdrawal_id(number), height, index, path)
        done = self.on_bridge("withdrawWithProof", *arguments)
        assert bool(done) == must
        if done:
            self.reached.add("proven")
            self.paid.append(record)

    @rule(hours=st.sampled_from([1, 25, 49]))
    def wait(self, hours: int) -> None:
        self.chain.advance(hours * 3600)

    # ------------------------------------------------------------------ what must hold

    @property
    def paid_out(self) -> int:
        return sum(amount for _, amount, _ in self.paid)

    @invariant()
    def tokens_cover_all_claims(self) -> None:
        escrowed = self.chain.call(self.bridged.bridge, "escrowed")
        assert escrowed == self.deposited - self.paid_out
        assert self.bridged.balance(self.bridged.bridge.address) == escrowed
        held = sum(self.bridged.balance(account) for account in (USER, OTHER))
        assert held == 2 * FUNDS - escrowed

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        assert len(self.paid) == len(set(self.paid))

    @invariant()
    def the_settlement_holds_what_it_owes(self) -> None:
        settlement = self.settled.settlement
        count = self.chain.call(settlement, "batchCount")
        pending = sum(self.settled.batch(one)["state"] == PENDING for one in range(1, count + 1))
        asked = [
            self.chain.call(settlement, "challengeOf", challenge_id)[3]
            for challenge_id, _ in self.challenges
        ]
        owed = sum(self.settled.due(account) for account in (ANYONE, SEQUENCER, OTHER))
        owed += self.chain.call(settlement, "due", BURNED)
        at_stake = pending * BOND + sum(asked) * POINT_BOND
        assert self.chain.balance(settlement.address) == owed + at_stake + self.fees

    # ------------------------------------------------------------------ the books

    def batch_at(self, height: int) -> dict[str, Any]:
        batch_id = self.chain.call(self.settled.settlement, "chain", height)
        return self.settled.batch(batch_id)

    def proposal(self, tree: Tree) -> tuple[Any, ...]:
        """The next one, on the last."""
        height = len(self.batches)
        previous = GENESIS if height == 0 else self.root_of(height - 1)
        self.state += 1
        return height, previous, root(self.state), tree.root

    def root_of(self, height: int) -> bytes:
        return bytes(self.batch_at(height)["stateRoot"])

    def truncate(self) -> None:
        """After a batch may have fallen: final ones never do."""
        length = self.chain.call(self.settled.settlement, "length")
        assert length >= self.final
        del self.batches[length:], self.voices[length:]


def test_all_calls_in_any_order_keep_the_invariants(
    standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    class Bound(Calls):
        bridged = Bridged.on(standing, test_contracts)
        reached: ClassVar[set[str]] = set()

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=4,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Bound.reached == {"final", "proven"}
