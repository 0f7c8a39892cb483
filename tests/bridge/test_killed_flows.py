"""Killed at any durable step of any flow, and given again: all happens, and nothing twice.

One life after the other ends at its first durable step, which is kept, or at its second, which is
lost: so whatever the steps of a flow are, each is once the last one kept and once the first one
lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from blob_specimens import KZG
from bridge_specimens import LIMIT, USER, Bridged, withdrawal_id
from failing_journal import FailingJournal, Killed
from settlement_specimens import (
    ANSWERER,
    CHALLENGER,
    COMMITTEE,
    CONFIG,
    DAY,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
)
from settlement_under_test import CHAIN_ID, account, held, stage

from bridge_client.answering import openings
from bridge_client.artifacts import Artifact
from bridge_client.deploying import deploy
from bridge_client.errors import JournalFault
from bridge_client.escrow import TokenEscrow
from bridge_client.gate import Gate, GivenSource
from bridge_client.plans import EscrowPlan, Plan
from bridge_client.sending import Sender
from bridge_client.settlement import BatchState
from bridge_client.withdrawals import Withdrawal, WithdrawalTree
from committee.secp256k1 import Address

Flow = Callable[[Sender], Awaitable[Any]]
pytestmark = pytest.mark.parametrize("how", Killed)
AT: dict[Killed, int] = {Killed.KEPT: 1, Killed.LOST: 2}
MOST_LIVES = 200


@pytest.fixture
async def act(l1: Any, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        yield made


async def through(act: Any, number: int, how: Killed, flow: Flow) -> tuple[Any, int]:
    """What a flow gives that is killed again and again, and how many transactions it was."""
    before = await act.chain.nonce(account(number).address)
    for lives in range(MOST_LIVES):
        journal = FailingJournal(act.journal, AT[how], how)
        sender = act.sender(number, journal=journal)
        try:
            await sender.resume()
            result = await flow(sender)
        except JournalFault:
            continue
        assert lives, "it is killed on the way"
        return result, await act.chain.nonce(account(number).address) - before
    raise AssertionError("it comes to no end")


async def test_a_batch_is_proposed_once(act: Any, how: Killed) -> None:
    proposal = act.proposal()
    batch, sent = await through(
        act, SEQUENCER, how, lambda sender: act.settlement.propose(sender, proposal)
    )
    assert (batch.number, sent) == (1, 1)
    assert await act.settlement.lengths() == (1, 0)


async def test_a_batch_is_settled_with_its_verdicts(act: Any, how: Killed) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    act.test.advance(CONFIG["challengePeriod_s"])
    said = GivenSource(given=[act.verdict(0), act.verdict(1)])

    async def settle(sender: Sender) -> Any:
        gate = Gate(
            settlement=act.settlement, sender=sender, sources=[said], clock=act.clock(step_s=5)
        )
        return await gate.run(batch)

    done, sent = await through(act, SEQUENCER, how, settle)
    assert (done.state, sent) == (BatchState.FINAL, 2)


async def test_a_challenge_is_made_answered_and_paid(act: Any, how: Killed) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    challenge, sent = await through(
        act, CHALLENGER, how, lambda one: act.settlement.challenge(one, batch, [5, 7])
    )
    assert (challenge.number, sent) == (1, 1)
    made = await openings(held(1), header_of(), challenge.points, KZG)

    async def answer(sender: Sender) -> None:
        for position, point in enumerate(challenge.points):
            await act.settlement.respond(sender, challenge, position, header_of(), made[point])

    _, sent = await through(act, ANSWERER, how, answer)
    assert sent == 2
    assert act.settled.due(ANSWERER) == 2 * act.settlement.terms.bond_of(1)
    _, sent = await through(
        act,
        ANSWERER,
        how,
        lambda one: act.settlement.collect(one, account(ANSWERER).address),
    )
    assert sent == 1
    assert act.settled.due(ANSWERER) == 0


async def test_a_challenge_is_upheld(act: Any, how: Killed) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    challenge = await act.settlement.challenge_drawn(act.sender(CHALLENGER), batch, 2)
    act.test.advance(CONFIG["responseWindow_s"] + 1)
    _, sent = await through(act, CHALLENGER, how, lambda one: act.settlement.uphold(one, challenge))
    assert sent == 1
    assert (await act.settlement.batch(1)).state is BatchState.VOID


@pytest.fixture
async def paid(l1: Any, test_tokens: dict[str, Artifact], tmp_path: Path) -> Any:
    """A stage with a bridge, whose first batch is final and has the withdrawal of the user."""
    bridged = Bridged.on(Settled.on(l1[1]), test_tokens)
    async with stage(l1, tmp_path, settled=bridged.settled) as made:
        address = Address.from_hex(bridged.bridge.address)
        yield made, bridged, TokenEscrow(made.chain, address, CHAIN_ID)


async def test_tokens_are_deposited_once(paid: Any, how: Killed) -> None:
    act, bridged, escrow = paid
    act.test.send(bridged.token, "approve", bridged.bridge.address, 0, sender=USER)
    _, sent = await through(
        act,
        USER,
        how,
        lambda one: escrow.deposit(one, 500, target_chain_id=9, sequence_nonce=1),
    )
    assert sent == 2, "allowed, deposited"
    assert bridged.balance(bridged.bridge.address) == 500


async def test_tokens_are_withdrawn_once_whichever_way(paid: Any, how: Killed) -> None:
    act, bridged, escrow = paid
    bridged.deposit(LIMIT)
    before = bridged.balance(USER)
    signed, proven = (
        Withdrawal(user=account(USER).address, amount=100, withdrawal_id=withdrawal_id(number))
        for number in (1, 2)
    )
    *_, signature = bridged.signed(act.test.accounts[USER], 100, withdrawal_id(1))
    tree = WithdrawalTree([escrow.leaf(proven), bytes(32)])
    bridged.finalize(tree)
    proof = tree.proof(escrow.leaf(proven))

    async def out(sender: Sender) -> None:
        await escrow.withdraw_signed(sender, signed, signature)
        await escrow.withdraw_proven(sender, proven, 0, proof)
        await escrow.force(sender, 10, "mine")

    _, sent = await through(act, USER, how, out)
    assert sent == 3
    assert bridged.balance(USER) == before + 200
    assert act.test.call(act.settled.settlement, "inboxLength") == 1


async def test_all_is_deployed_once_with_its_bridge_behind_a_timelock(
    paid: Any, how: Killed
) -> None:
    act, bridged, _ = paid
    own = account(SEQUENCER).address
    plan = Plan(
        keysets=(COMMITTEE,),
        sequencers=(own,),
        samplers=(SAMPLERS[0].address,),
        guardian=own,
        timelock_delay_s=8 * DAY,
        challenge_period_s=7 * DAY,
        response_window_s=DAY,
        margin_s=DAY,
        verdict_lifetime_s=DAY,
        quorum=1,
        objectors=1,
        strict_only=False,
        proposal_bond_wei=1,
        point_bond_wei=1,
        row_bond_wei=1,
        forced_fee_wei=1,
        stake_wei=1,
        exit_delay_s=30 * DAY,
        escrow=EscrowPlan(
            token=Address.from_hex(bridged.token.address.lower()),
            signer=own,
            owner_delay_s=8 * DAY,
            daily_limit=1,
            delay_s=DAY,
        ),
    )
    first, sent = await through(act, SEQUENCER, how, lambda one: deploy(one, plan, "here"))
    assert first.waiting_until is not None
    assert sent == 9, "five contracts, keys, keyset, and two acts scheduled"
    act.test.advance(8 * DAY)
    second, sent = await through(act, SEQUENCER, how, lambda one: deploy(one, plan, "here"))
    assert sent == 2, "two acts carried out"
    assert (second.settlement, second.bridge) == (first.settlement, first.bridge)
    assert second.waiting_until is None
