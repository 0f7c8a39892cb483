"""A watcher ends with the chain's events whatever was reorganised, restarted or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from failing_journal import FailingJournal, Killed
from settlement_specimens import SEQUENCER
from settlement_under_test import account, stage

from bridge_client import watching
from bridge_client.errors import JournalFault, L1AnswerTooLong, L1FalseAnswer, L1Lags
from bridge_client.l1 import Chain
from bridge_client.life import State
from bridge_client.watching import News, Seen, Watcher

NAME = "settlement"


@pytest.fixture
async def act(l1: Any, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        yield made


def watcher(act: Any, journal: Any = None, **changes: Any) -> Watcher:
    """As after a start."""
    given = {"name": NAME, "first_block": 0} | changes
    return Watcher(act.chain, journal or act.journal, [act.settlement.contract], **given)


def named(seen: tuple[Seen, ...] | list[Seen]) -> list[str]:
    return [one.event for one in seen]


async def all_of(one: Watcher) -> News:
    """The last news, once all has been read."""
    while not (news := await one.look()).is_complete:
        pass
    return news


async def test_it_sees_every_event_once_and_resumes_where_it_was(act: Any) -> None:
    first = await all_of(watcher(act))
    assert named(first.seen) == ["SequencerSet"]
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    news = await watcher(act).look()
    (seen,) = news.seen
    assert seen.event == "BatchProposed"
    assert seen.contract == "BatchSettlement"
    assert seen.fields["batchId"] == batch.number
    assert seen.fields["proposer"] == account(SEQUENCER).address.hex0x
    assert len(bytes.fromhex(seen.fields["header"][2:])) == 90
    assert await watcher(act).look() == News(lost=(), seen=(), upto=news.upto, is_complete=True)
    assert named(await watcher(act).past()) == ["SequencerSet", "BatchProposed"]


async def test_it_reads_a_long_chain_in_pieces(act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_BLOCKS_OF_LOGS", 5)
    one = watcher(act)
    news = await one.look()
    assert (news.upto, news.is_complete) == (4, False)
    assert (await all_of(one)).upto == (await act.chain.head()).number
    assert named(await one.past()) == ["SequencerSet"]


async def test_an_endpoint_that_answers_for_few_blocks_keeps_no_watcher_back(act: Any) -> None:
    """Such as where others have filled the blocks with events since it was here."""

    async def ask(method: str, parameters: list[Any]) -> Any:
        if method == "eth_getLogs":
            first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
            asked.append(last - first + 1)
            if asked[-1] > 3:
                raise L1AnswerTooLong(url="it", method=method, bound=1)
        return await act.chain._ask(method, parameters)

    asked: list[int] = []
    one = Watcher(
        Chain(ask, "it"), act.journal, [act.settlement.contract], name=NAME, first_block=0
    )
    assert (await all_of(one)).upto == (await act.chain.head()).number
    assert named(await one.past()) == ["SequencerSet"]
    assert max(asked) > 3 >= asked[-1]


@pytest.mark.parametrize("comes_again", [False, True])
async def test_what_a_reorganisation_takes_back_is_lost_and_what_it_brings_is_seen(
    act: Any, comes_again: bool
) -> None:
    one = watcher(act)
    await all_of(one)
    before = act.test.snapshot()
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    assert named((await one.look()).seen) == ["BatchProposed"]
    act.reorganise(before)
    if comes_again:  # in another block
        (intent,) = await act.journal.run(act.journal.steps.newest, 1)
        await act.chain.send(intent.last.signed.raw, intent.last.signed.hash)
        act.test.advance(1)  # mined by now
    again = ["BatchProposed"] if comes_again else []
    news = await one.look()
    assert named(news.lost) == ["BatchProposed"]
    assert named(news.seen) == again
    assert (await act.settlement.lengths())[0] == len(again)
    assert named(await one.past()) == ["SequencerSet", *again]


async def test_a_proposal_that_the_chain_forgot_is_sent_again_under_its_nonce(act: Any) -> None:
    sender = act.sender(SEQUENCER)
    one = watcher(act)
    act.test.advance(1)  # the settlement's own block is not reorganised
    before = act.test.snapshot()
    act.test._rpc("evm_setAutomine", False)
    try:

        async def mine_and_reorganise(seconds: float) -> None:
            act.test._rpc("evm_mine")
            if not reorganised and (await act.settlement.lengths())[0]:
                reorganised.append(True)
                await all_of(one)
                act.reorganise(before)

        reorganised: list[bool] = []
        act.sleep = mine_and_reorganise
        sender = act.sender(SEQUENCER, confirmations=3)
        batch = await act.settlement.propose(sender, act.proposal())
    finally:
        act.test._rpc("evm_setAutomine", True)
    assert reorganised
    assert batch.number == 1
    (intent,) = await act.journal.run(act.journal.steps.newest, 10)
    assert intent.state is State.DONE
    news = await all_of(one)
    assert named(news.lost) == ["BatchProposed"]
    assert named(await one.past()) == ["SequencerSet", "BatchProposed"]


async def test_an_endpoint_that_is_behind_loses_nothing(act: Any) -> None:
    one = watcher(act)
    await all_of(one)
    before = act.test.snapshot()
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    await one.look()
    read = await one.past()
    act.test.restore(before)
    with pytest.raises(L1Lags, match="was seen before"):
        await one.look()
    assert await one.past() == read


async def test_blocks_that_may_still_change_are_left_for_later(act: Any) -> None:
    act.test.advance(1)
    act.test.advance(1)
    one = watcher(act, depth=3)
    await all_of(one)
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    assert named((await one.look()).seen) == []
    act.test.advance(1)
    act.test.advance(1)
    assert named((await all_of(one)).seen) == ["BatchProposed"]


@pytest.mark.parametrize("how", Killed)
async def test_killed_between_reading_and_telling_it_has_seen_all_or_none(
    act: Any, how: Killed
) -> None:
    with pytest.raises(JournalFault):
        await watcher(act, FailingJournal(act.journal, 1, how)).look()
    news = await watcher(act).look()
    assert named(news.seen) == ([] if how is Killed.KEPT else ["SequencerSet"])
    assert named(await watcher(act).past()) == ["SequencerSet"]


async def test_watchers_of_one_journal_do_not_meet(act: Any) -> None:
    await all_of(watcher(act))
    registry = act.settlement.registry
    other = Watcher(act.chain, act.journal, [registry], name="samplers", first_block=0)
    news = await all_of(other)
    assert named(news.seen) == ["SamplerAdmitted", "SamplerActive"] * 3
    assert act.settled.config["samplers"].lower() == registry.address.hex0x


async def test_events_of_a_block_that_is_not_the_chain_s_are_not_believed(act: Any) -> None:
    honest = act.chain._ask

    async def lying(method: str, parameters: list[Any]) -> Any:
        answer = await honest(method, parameters)
        if method == "eth_getLogs":
            return [one | {"blockHash": "0x" + "11" * 32} for one in answer]
        return answer

    act.chain._ask = lying
    with pytest.raises(L1FalseAnswer, match="an event of another block"):
        await watcher(act).look()
    act.chain._ask = honest
    assert named((await all_of(watcher(act))).seen) == ["SequencerSet"]


async def long_after(act: Any) -> None:
    """A watcher has seen a sequencer admitted, and a proposal, and both are deep."""
    await all_of(watcher(act))
    await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    for _ in range(6):
        act.test.advance(1)
    await all_of(watcher(act))


async def test_of_what_is_deep_only_what_is_not_over_stays(
    act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await long_after(act)
    assert named(await watcher(act).past()) == ["SequencerSet", "BatchProposed"]
    monkeypatch.setattr(watching, "DEEP_BLOCKS", 3)
    before = await watcher(act).past()
    await watcher(act).look()
    (left,) = await watcher(act).past()
    assert left == before[1]
    assert (await watcher(act).look()).seen == (), "nothing is read again"


async def test_what_is_not_deep_is_known_though_it_is_over(
    act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = (await act.chain.head()).number
    monkeypatch.setattr(watching, "DEEP_BLOCKS", head)
    await all_of(watcher(act))
    act.test.advance(1)
    await all_of(watcher(act))
    assert named(await watcher(act).past()) == ["SequencerSet"]


@pytest.mark.parametrize("how", Killed)
async def test_killed_as_it_forgets_what_is_over_it_knows_all_or_what_is_not_over(
    act: Any, how: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await long_after(act)
    monkeypatch.setattr(watching, "DEEP_BLOCKS", 3)
    with pytest.raises(JournalFault):
        await watcher(act, FailingJournal(act.journal, 1, how)).look()
    over = [] if how is Killed.KEPT else ["SequencerSet"]
    assert named(await watcher(act).past()) == [*over, "BatchProposed"]
    assert named((await watcher(act).look()).seen) == []
    assert named(await watcher(act).past()) == ["BatchProposed"]
