"""L1 reorganised (`anvil_reorg`) across what a client sent: it stands once more, or it is said why
not; a watcher names what was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from settlement_specimens import CHALLENGER, REGISTRAR, SEQUENCER, header_of, root
from settlement_under_test import CHAIN_ID, account, stage

from bridge_client.calldata import certificate_for_chain
from bridge_client.errors import NoBatch, Reverted, Undone
from bridge_client.journal import Intent
from bridge_client.life import State
from bridge_client.settling import Proposal
from bridge_client.transactions import Fee, signed
from bridge_client.watching import Seen, Watcher
from sampler.conclusion import Finding

GWEI = 10**9


@pytest.fixture
async def act(l1: Any, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        made.test.advance(1)
        yield made


@pytest.fixture
def by_hand(act: Any) -> Any:
    """Blocks come when a test says so: one whenever a sender waits, and then what it says."""
    act.test._rpc("evm_setAutomine", False)
    waits: list[Callable[[], None]] = []

    async def sleep(seconds: float) -> None:
        act.test._rpc("evm_mine")
        if waits:
            waits.pop(0)()

    act.sleep = sleep
    yield waits
    act.test._rpc("evm_setAutomine", True)


async def newest(act: Any) -> Intent:
    found: list[Intent] = await act.journal.run(act.journal.steps.newest, 1)
    return found[0]


def watcher(act: Any) -> Watcher:
    return Watcher(act.chain, act.journal, [act.settlement.contract], name="one", first_block=0)


def named(seen: tuple[Seen, ...]) -> list[tuple[str, Any]]:
    return [(one.event, one.fields.get("stateRoot")) for one in seen]


async def test_a_proposal_that_fell_out_stands_again_under_its_nonce(
    act: Any, by_hand: Any
) -> None:
    by_hand += [lambda: None, lambda: act.replace_blocks(2)]
    batch = await act.settlement.propose(act.sender(SEQUENCER, confirmations=3), act.proposal())
    assert batch.number == 1
    intent = await newest(act)
    assert (intent.state, len(intent.attempts)) == (State.DONE, 1)
    assert await act.chain.nonce(account(SEQUENCER).address) == intent.nonce + 1


async def test_one_that_is_in_another_block_now_is_waited_for_anew(act: Any, by_hand: Any) -> None:
    places: list[int] = []

    def note() -> None:
        number = act.test.web3.eth.block_number
        places.append(number)

    def elsewhere() -> None:
        (raw,) = act.test.web3.eth.get_block(places[0], full_transactions=True)["transactions"]
        found = act.test.web3.eth.get_raw_transaction(raw["hash"])
        act.replace_blocks(2, (bytes(found), 1))

    by_hand += [note, elsewhere]
    await act.settlement.propose(act.sender(SEQUENCER, confirmations=3), act.proposal())
    intent = await newest(act)
    assert intent.place is not None
    assert intent.place.number == places[0] + 1
    assert act.test.web3.eth.block_number - intent.place.number + 1 == 3


def stranger_s(act: Any, proposal: Proposal) -> bytes:
    """Another sequencer's transaction that proposes something else."""
    fields = (proposal.height, proposal.previous_root, root(77), proposal.withdrawals_root)
    call = act.settlement.contract.call(
        "propose",
        fields,
        certificate_for_chain(proposal.certificate),
        [],
        value=act.settlement.terms.proposal_bond_wei,
    )
    key, fee = account(CHALLENGER), Fee(most=100 * GWEI, tip=GWEI)
    nonce = act.test.web3.eth.get_transaction_count(act.test.accounts[CHALLENGER])
    return signed(call, chain_id=CHAIN_ID, nonce=nonce, gas=10**6, fee=fee, key=key).raw


async def test_another_proposal_in_its_place_is_told_and_frees_the_purpose(act: Any) -> None:
    rival = bytes(account(CHALLENGER).address)
    act.test.send(act.settled.settlement, "setSequencer", rival, True, sender=REGISTRAR)
    proposal, one = act.proposal(), watcher(act)
    raw = stranger_s(act, proposal)
    act.test._rpc("evm_setAutomine", False)
    done: list[bool] = []

    async def sleep(seconds: float) -> None:
        act.test._rpc("evm_mine")
        if not done:
            done.append(True)
            while not (await one.look()).is_complete:
                pass
            act.replace_blocks(1, (raw, 0))

    act.sleep = sleep
    try:
        with pytest.raises(Reverted, match="when mined"):
            await act.settlement.propose(act.sender(SEQUENCER, confirmations=3), proposal)
    finally:
        act.test._rpc("evm_setAutomine", True)
    assert (await newest(act)).state is State.FAILED
    news = await one.look()
    assert named(news.lost) == [("BatchProposed", "0x" + proposal.state_root.hex())]
    assert named(news.seen) == [("BatchProposed", "0x" + root(77).hex())]
    assert (await act.settlement.batch_at(0)).proposer == account(CHALLENGER).address
    with pytest.raises(Reverted, match="StaleProposal"):
        await act.settlement.propose(act.sender(SEQUENCER), proposal)


async def test_a_deeper_one_than_confirmations_is_said_and_not_undone(act: Any) -> None:
    sender = act.sender(SEQUENCER, confirmations=1)
    proposal = act.proposal()
    batch = await act.settlement.propose(sender, proposal)
    act.replace_blocks(2)  # its own, and the one in which the sender looked
    with pytest.raises(Undone, match=r"was confirmed in block \d+, and now no block has it"):
        await act.settlement.propose(sender, proposal)
    with pytest.raises(NoBatch):
        await act.settlement.batch_at(batch.height)


async def test_verdicts_on_what_fell_out_do_not_count_for_what_stands_there(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    said = [act.verdict(i, finding=Finding.AVAILABLE) for i in (0, 1)]
    act.replace_blocks(2)
    other = stage_again(act, rows=3)
    stands = await act.settlement.propose(act.sender(CHALLENGER, confirmations=1), other)
    assert stands.number == batch.number
    assert stands.blob_id == header_of(3).blob_id
    with pytest.raises(Reverted, match="OtherBlob"):
        await act.settlement.submit(act.sender(SEQUENCER), stands, said)


def stage_again(act: Any, rows: int) -> Proposal:
    """Another batch at the first one's height, by somebody who may propose too."""
    rival = bytes(account(CHALLENGER).address)
    act.test.send(act.settled.settlement, "setSequencer", rival, True, sender=REGISTRAR)
    proposal: Proposal = act.proposal(rows=rows)
    return proposal


def test_the_command_prints_what_is_lost_and_what_came_instead(desk: Desk) -> None:
    desk.settled()
    desk.chain._rpc("evm_mine")
    proposed = desk.proposed()
    assert [one["news"] for one in desk.give("watch", "--once")] == ["seen", "seen"]
    desk.chain._rpc("anvil_reorg", 1, [])
    lost = desk.give("watch", "--once")
    assert (lost["news"], lost["event"]) == ("lost", "BatchProposed")
    assert lost["fields"]["stateRoot"] == proposed["state_root"]
