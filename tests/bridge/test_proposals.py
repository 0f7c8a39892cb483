"""What is proposed is looked at, and the verdicts are on L1, whatever was killed or reorganised."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from failing_journal import FailingJournal, Killed
from settlement_specimens import COMMITTEE, CONFIG, DAY, SEQUENCER, header_of
from settlement_under_test import CHAIN_ID, account, stage

from bridge_client import proposals as module
from bridge_client.bringing import Bringer
from bridge_client.errors import GateTimeout, JournalFault, Reverted
from bridge_client.gate import Gate, GivenSource
from bridge_client.proposals import Needed, Proposals, look_needed
from bridge_client.samplers import Said
from bridge_client.sending import Sender
from bridge_client.settlement import Batch, BatchState, Tally
from bridge_client.watching import Seen, Watcher
from committee.certificate import Certificate, verify_certificate
from committee.secp256k1 import EthereumKey
from da_node.coding import BlobId
from da_node.errors import PeerUnreachable
from sampler.conclusion import Finding
from sampler.errors import UnknownWatcher
from sampler.look import Look

WATCHER = 7
"""Its account."""


@pytest.fixture
async def act(l1: Any, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        yield made


@dataclass
class FakeSampler:
    """Looks when it is asked, and says at once what it is told to find. Strict: whoever asks for
    verdicts must have been told of a cursor.
    """

    act: Any
    number: int
    finding: Finding = Finding.AVAILABLE
    begins: bool = True
    """Else no look begins."""
    fails: Exception | None = None
    looks: dict[bytes, int] = field(default_factory=dict)
    """Cursors, by what was asked."""
    said: list[Said] = field(default_factory=list)
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://sampler-{self.number}"

    async def look(self, look: Look, key: EthereumKey) -> int | None:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        assert key == account(WATCHER)
        assert (look.chain_id, look.proposed_at <= self.act.test.now) == (CHAIN_ID, True)
        certificate = Certificate.parse(look.certificate_bytes or b"")
        assert verify_certificate(certificate, COMMITTEE).expires_at == look.expires_at
        assert certificate.header.serialize() == look.header_bytes
        if not self.begins:
            return None
        name = look.serialize()
        if name not in self.looks:
            self.looks[name] = len(self.said)
            rows = next(n for n in (1, 2, 3) if header_of(n).serialize() == look.header_bytes)
            self.finds(self.finding, rows)
        return self.looks[name]

    def finds(self, finding: Finding, rows: int = 1) -> None:
        verdict = self.act.verdict(self.number, rows, finding=finding)
        self.said.append(Said(verdict=verdict, cursor=len(self.said) + 1))

    async def latest(self, blob_id: BlobId, *, after: int, wait_s: int = 0) -> Said | None:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        assert after in {*self.looks.values(), *(one.cursor for one in self.said)}
        of_it = [one for one in self.said if one.verdict.verdict.blob_id == blob_id]
        found = of_it[-1] if of_it else None
        return found if found is not None and found.cursor > after else None


@dataclass
class Watching:
    """A watcher's process, until it is killed."""

    watcher: Watcher
    proposals: Proposals

    async def start(self) -> None:
        self.proposals.begin(await self.watcher.past())

    async def look(self) -> None:
        """As the command does."""
        news = await self.watcher.look()
        if self.proposals.drop(news.lost):
            self.proposals.begin(await self.watcher.past())
        else:
            self.proposals.take(news.seen)
        await self.proposals.do()


async def watching(act: Any, *samplers: Any, journal: Any = None) -> Watching:
    journal = journal or act.journal
    sender = Sender(
        act.chain, journal, chain_id=CHAIN_ID, key=account(WATCHER), waiting=act.waiting()
    )
    if journal is act.journal:
        sender = act.sender(WATCHER)
    made = Watching(
        Watcher(act.chain, journal, [act.settlement.contract], name="watch", first_block=0),
        Proposals(
            settlement=act.settlement,
            samplers=samplers,
            bringer=Bringer(settlement=act.settlement, sender=sender),
            key=account(WATCHER),
            chain_id=CHAIN_ID,
        ),
    )
    await made.start()
    return made


async def sent(act: Any) -> list[str]:
    """What the watcher's account meant to send, in order."""
    found = await act.journal.run(act.journal.steps.newest, 100)
    own = [one for one in found if one.account == account(WATCHER).address]
    return [one.purpose.split()[0] for one in reversed(own)]


async def test_each_proposal_is_looked_at_once_and_verdicts_come_together(act: Any) -> None:
    samplers = [FakeSampler(act, 0), FakeSampler(act, 1)]
    one = await watching(act, *samplers)
    await one.look()
    assert await sent(act) == []
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    await one.look()
    assert await act.settlement.tally(batch) == Tally(available=2, withheld=0)
    asked = [sampler.asked for sampler in samplers]
    await one.look()
    assert [sampler.asked for sampler in samplers] == asked, "there is nothing more to ask"
    assert [len(sampler.looks) for sampler in samplers] == [1, 1]
    assert await sent(act) == ["verdicts"], "one transaction for both"


@pytest.mark.parametrize("is_strict", [False, True])
async def test_a_settlement_that_takes_the_strict_rule_alone_has_looks_by_it(
    act: Any, is_strict: bool
) -> None:
    act.settlement.terms = replace(act.settlement.terms, strict_only=is_strict)
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    sampler = FakeSampler(act, 0)
    await (await watching(act, sampler)).look()
    (asked,) = map(Look.parse, sampler.looks)
    assert asked.strict is is_strict


async def test_whoever_was_stopped_goes_on_and_brings_nothing_twice(act: Any) -> None:
    sampler = FakeSampler(act, 0, begins=False)
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    await (await watching(act, sampler)).look()
    assert await sent(act) == []
    sampler.begins = True
    again = await watching(act, sampler)
    assert again.proposals.waiting == (batch.number,)
    await again.look()
    assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)
    await (await watching(act, sampler)).look()
    assert len(sampler.looks) == 1
    assert await sent(act) == ["verdicts"]


@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", [1, 2])  # what it saw; what it means to send
async def test_killed_at_any_step_the_proposal_is_looked_at_once_and_its_verdict_there(
    act: Any, step: int, how: Killed
) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    sampler = FakeSampler(act, 0)
    killed = await watching(act, sampler, journal=FailingJournal(act.journal, step, how))
    with pytest.raises(JournalFault):
        await killed.look()
    await (await watching(act, sampler)).look()
    assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)
    assert len(sampler.looks) == 1
    assert await sent(act) == ["verdicts"]


async def test_killed_with_verdicts_under_way_those_are_let_come_before_others_are_sent(
    act: Any,
) -> None:
    """The same verdicts in another company would be another transaction, and refused."""
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    samplers = [FakeSampler(act, 0), FakeSampler(act, 1)]
    killed = await watching(act, *samplers, journal=FailingJournal(act.journal, 2, Killed.KEPT))
    with pytest.raises(JournalFault):
        await killed.look()
    samplers[1].fails = PeerUnreachable(url=samplers[1].url, reason="refused")
    await (await watching(act, *samplers)).look()
    assert await act.settlement.tally(batch) == Tally(available=2, withheld=0)
    assert await sent(act) == ["verdicts"]


async def test_a_gate_goes_on_where_a_watcher_was_quicker(
    act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = act.sender(SEQUENCER)
    batch = await act.settlement.propose(sequencer, act.proposal())
    said = [act.verdict(0), act.verdict(1)]
    submit = act.settlement.submit

    async def submit_later(sender: Sender, batch: Batch, verdicts: Any) -> Any:
        monkeypatch.undo()
        await submit(act.sender(WATCHER), batch, verdicts[:1])
        return await submit(sender, batch, verdicts)

    monkeypatch.setattr(act.settlement, "submit", submit_later)
    gate = Gate(
        settlement=act.settlement,
        sender=sequencer,
        sources=[GivenSource(given=said)],
        clock=act.clock(step_s=60, bound_s=180),
    )
    with pytest.raises(GateTimeout, match="lacking: period"):
        await gate.run(batch)
    assert await act.settlement.tally(batch) == Tally(available=2, withheld=0)
    assert await sent(act) == ["verdicts"]


async def test_what_a_sampler_finds_later_replaces_what_it_said(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    sampler = FakeSampler(act, 0, finding=Finding.WITHHELD)
    one = await watching(act, sampler)
    await one.look()
    assert await act.settlement.tally(batch) == Tally(available=0, withheld=1)
    await one.look()
    act.test.advance(30)
    sampler.finds(Finding.INCONCLUSIVE)  # which says nothing, and is not brought
    await one.look()
    act.test.advance(30)
    sampler.finds(Finding.AVAILABLE)
    await one.look()
    assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)
    assert len(sampler.looks) == 1
    assert await sent(act) == ["verdicts", "verdicts"]


async def test_verdicts_are_fresh_when_the_challenge_period_ends(act: Any) -> None:
    samplers = [FakeSampler(act, 0), FakeSampler(act, 1)]
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    one = await watching(act, *samplers)
    for _ in range(7):
        await one.look()
        act.test.advance(DAY)
    await one.look()
    assert [len(sampler.looks) for sampler in samplers] == [2, 2]
    gate = Gate(
        settlement=act.settlement, sender=act.sender(SEQUENCER), sources=[], clock=act.clock()
    )
    assert (await gate.run(batch)).state is BatchState.FINAL
    await one.look()
    assert one.proposals.waiting == ()


async def test_a_sampler_that_fails_holds_up_no_other_and_is_asked_again(act: Any) -> None:
    down = FakeSampler(act, 0, fails=PeerUnreachable(url="http://sampler-0", reason="refused"))
    closed = FakeSampler(act, 1, fails=UnknownWatcher(value="0x"))
    first = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    one = await watching(act, down, closed, FakeSampler(act, 2))
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal(1))
    await one.look()
    assert await act.settlement.tally(first) == Tally(available=1, withheld=0)
    assert (down.asked, closed.asked) == (1, 2), "one that is down is asked once a round"
    await one.look()
    assert (down.asked, closed.asked) == (2, 2), "one that refuses is let alone for a while"
    act.test.advance(module.REFUSED_S)
    down.fails = closed.fails = None
    await one.look()
    assert await act.settlement.tally(first) == Tally(available=3, withheld=0)


async def test_however_many_are_proposed_each_has_its_turn(
    act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    sequencer, sampler = act.sender(SEQUENCER), FakeSampler(act, 0, begins=False)
    batches = [
        await act.settlement.propose(sequencer, act.proposal(height, rows=height + 1))
        for height in range(3)
    ]
    one = await watching(act, sampler)
    for _ in range(3):
        await one.look()
    assert sampler.asked == 3
    sampler.begins = True
    for _ in range(3):
        await one.look()
    for batch in batches:
        assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)


async def test_a_proposal_that_the_chain_lost_is_let_go_and_the_other_one_looked_at(
    act: Any,
) -> None:
    sampler = FakeSampler(act, 0, finding=Finding.INCONCLUSIVE)  # nothing is sent
    one = await watching(act, sampler)
    await one.look()
    before = act.test.snapshot()
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    await one.look()
    act.reorganise(before)
    await one.look()
    assert one.proposals.waiting == ()
    act.settled.propose(0)  # by another block, and so at another time
    await one.look()
    assert len(sampler.looks) == 2


async def test_a_batch_that_is_not_void_any_more_is_looked_after_again(act: Any) -> None:
    sequencer = act.sender(SEQUENCER)
    one = await watching(act, FakeSampler(act, 0, finding=Finding.INCONCLUSIVE))
    batch = await act.settlement.propose(sequencer, act.proposal())
    await one.look()
    before = act.test.snapshot()
    await act.settlement.abandon(sequencer, batch)
    await one.look()
    assert one.proposals.waiting == ()
    act.reorganise(before)
    await one.look()
    assert one.proposals.waiting == (batch.number,)


async def test_verdicts_that_the_chain_lost_are_no_reason_to_rest(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    sampler = FakeSampler(act, 0)
    one = await watching(act, sampler)
    await one.look()
    counted = (await one.watcher.look()).seen
    assert [seen.event for seen in counted] == ["VerdictCounted"]
    one.proposals.take(counted)
    asked = sampler.asked
    act.settlement.submit = refuse = Refusing()
    await one.proposals.do()
    assert (sampler.asked, refuse.tried) == (asked, 0), "all is done"
    assert not one.proposals.drop(counted)
    act.settlement.contract.answers = forgotten(act.settlement.contract.answers)
    await one.proposals.do()
    assert refuse.tried == 1, "it is brought again, if it is not there"
    assert one.proposals.waiting == (batch.number,)


class Refusing:
    """Takes note of verdicts that are brought, and brings none."""

    def __init__(self) -> None:
        self.tried = 0

    async def __call__(self, *_: Any) -> None:
        self.tried += 1
        raise Reverted(what="submitVerdicts", reason="for now", operands_text="")


def forgotten(answers: Any) -> Any:
    """A chain on which nobody has said anything."""

    async def asked(function: str, *arguments: Any) -> Any:
        return (0, 0) if function == "voices" else await answers(function, *arguments)

    return asked


async def test_batches_that_fell_are_let_go_and_those_in_their_place_looked_at(act: Any) -> None:
    sequencer, sampler = act.sender(SEQUENCER), FakeSampler(act, 0)
    one = await watching(act, sampler)
    first = await act.settlement.propose(sequencer, act.proposal())
    second = await act.settlement.propose(sequencer, act.proposal(1))
    await one.look()
    await act.settlement.abandon(sequencer, first)
    act.settled.propose(0, rows=2)
    await one.look()
    assert one.proposals.waiting == (3,)
    act.test.send(act.settled.settlement, "reclaim", second.number)
    await one.look()
    assert one.proposals.waiting == (3,), "one that had fallen takes none along"
    third = await act.settlement.batch(3)
    assert await act.settlement.tally(third) == Tally(available=1, withheld=0)


async def test_a_verdict_that_is_ahead_of_the_chain_is_brought_once_it_is_not(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    sampler = FakeSampler(act, 0, begins=True)
    early = act.verdict(0, time=act.test.now + 50)
    sampler.finds = lambda *_: sampler.said.append(Said(verdict=early, cursor=1))  # type: ignore[method-assign]
    one = await watching(act, sampler)
    await one.look()
    assert await sent(act) == []
    act.test.advance(60)
    await one.look()
    assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)


def test_which_look_is_needed_follows_from_the_time_alone(act: Any) -> None:
    terms = act.settlement.terms
    half = CONFIG["verdictLifetime_s"] // 2
    ends = CONFIG["challengePeriod_s"]
    assert look_needed(0, terms, 0) == Needed(ordinal=0, until=ends - half)
    assert look_needed(0, terms, ends - half - 1) == Needed(ordinal=0, until=ends - half)
    assert look_needed(0, terms, ends - half) == Needed(ordinal=1, until=ends)
    assert look_needed(0, terms, ends + 3 * half) == Needed(ordinal=5, until=ends + 4 * half)
    for now in range(ends - half, ends + 10 * half, half // 3):
        needed = look_needed(0, terms, now)
        assert now < needed.until <= now + half, "what is found is fresh until the next is needed"


def test_events_from_before_the_first_block_that_is_read_are_no_fault() -> None:
    nothing: Any = None
    one = Proposals(
        settlement=nothing,
        samplers=(),
        bringer=Bringer(settlement=nothing, sender=nothing),
        key=account(WATCHER),
        chain_id=CHAIN_ID,
    )
    for event in ("BatchFinal", "BatchVoid", "VerdictCounted"):
        fields = {"batchId": 9, "height": 0}
        seen = Seen(contract="BatchSettlement", event=event, fields=fields, block=1, transaction="")
        one.take([seen])
    assert one.waiting == ()
