"""Somebody else is first, or hands out what is not the batch's: who is beaten comes to the same
end, and who is lied to relies on nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from blob_specimens import KZG
from bridge_specimens import Bridged, withdrawal_id
from committee_specimens import attested
from desk import ROOTS, Desk
from settlement_specimens import (
    ANSWERER,
    CHALLENGER,
    COMMITTEE,
    HOUR,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
)
from settlement_under_test import CHAIN_ID, account, held, stage

from bridge_client.answering import openings
from bridge_client.artifacts import Artifact
from bridge_client.cli.challenges import answer
from bridge_client.cli.deploying import deploy_command
from bridge_client.errors import GateClosed, GateTimeout, Reverted
from bridge_client.gate import Gate, GivenSource
from bridge_client.settlement import MOST_POINTS, BatchState, Challenge, Tally
from bridge_client.settling import Settlement
from bridge_client.withdrawals import Withdrawal, WithdrawalTree
from committee.certificate import certify
from committee.secp256k1 import Address
from da_node.coding import MAX_ROWS, Header
from da_node.service import NotEnough
from sampler.conclusion import Finding
from sampler.verdict import SignedVerdict, sign, verify_verdict

ROWS = 3


@pytest.fixture
async def act(l1: Any, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        yield made


# ---------------------------------------------------------------- answers


class Beaten(Settlement):
    """One on which somebody else answers a point just before."""

    async def respond(
        self, sender: Any, challenge: Challenge, position: int, header: Header, opening: bytes
    ) -> Any:
        if position == 1:
            self.rival((challenge.number, position, header.serialize(), opening))
        return await super().respond(sender, challenge, position, header, opening)

    rival: Any = None


class Layer:
    """A DA layer that has the header too."""

    def __init__(self, rows: int) -> None:
        self.points, self._header = held(rows).points, header_of(rows)

    async def header(self, blob_id: Any) -> Header:
        return self._header


async def test_an_answer_that_another_gives_first_leaves_the_others_to_give(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal(rows=ROWS))
    challenge = await act.settlement.challenge(act.sender(CHALLENGER), batch, [5, 70, 8191])
    beaten = Beaten(act.settlement.contract, act.settlement.terms)
    beaten.rival = lambda given: act.test.send(
        act.settled.settlement, "respond", *given, sender=CHALLENGER
    )
    layer: Any = Layer(ROWS)
    assert await answer(beaten, act.sender(ANSWERER), challenge, layer, KZG) == 2
    closed = await act.settlement.challenge_of(challenge.number)
    assert closed.unanswered == ()
    bond = act.settlement.terms.bond_of(ROWS)
    assert act.settled.due(ANSWERER) == 2 * bond
    assert act.settled.due(CHALLENGER) == bond


async def test_an_answer_that_does_not_hold_is_no_rival_s(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    challenge = await act.settlement.challenge(act.sender(CHALLENGER), batch, [5])
    layer: Any = Layer(ROWS)  # another blob's
    with pytest.raises(Reverted, match="OtherBlob"):
        await answer(act.settlement, act.sender(ANSWERER), challenge, layer, KZG)


async def test_a_void_column_cannot_be_answered_for_though_the_rest_is_there(act: Any) -> None:
    """A column off the codeword climbs to no root: nobody serves its points as verified ones."""
    without = [column for column in range(128) if column != 70]
    layer: Any = held(1, without)
    with pytest.raises(NotEnough):
        await openings(layer, header_of(), [70 * 64 + 5], KZG)
    assert await openings(layer, header_of(), [69 * 64 + 5], KZG)


# ---------------------------------------------------------------- verdicts and certificates


def gate(act: Any, said: list[SignedVerdict], **clock: Any) -> Gate:
    return Gate(
        settlement=act.settlement,
        sender=act.sender(SEQUENCER),
        sources=[GivenSource(given=said)],
        clock=act.clock(**clock),
    )


async def test_one_sampler_of_three_that_objects_does_not_stop_a_batch(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    act.test.advance(act.settlement.terms.challenge_period_s)
    said = [act.verdict(0), act.verdict(1), act.verdict(2, finding=Finding.WITHHELD)]
    assert (await gate(act, said).run(batch)).state is BatchState.FINAL


async def test_who_changes_its_mind_counts_once(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    act.test.advance(act.settlement.terms.challenge_period_s)
    first = [act.verdict(0, finding=Finding.WITHHELD), act.verdict(1, finding=Finding.WITHHELD)]
    with pytest.raises(GateClosed, match="objection"):
        await gate(act, first).run(batch)
    act.test.advance(5)
    later = [act.verdict(0), act.verdict(1), first[0]]
    assert (await gate(act, later).run(batch)).state is BatchState.FINAL


async def test_verdicts_signed_for_another_chain_do_not_count(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    act.test.advance(act.settlement.terms.challenge_period_s)
    elsewhere = [sign(act.settled.verdict(), CHAIN_ID + 1, SAMPLERS[i]) for i in (0, 1)]
    # as `read_verdict` takes a document that claims to be of this chain
    here = [verify_verdict(one.verdict, CHAIN_ID, one.signature) for one in elsewhere]
    with pytest.raises(GateTimeout, match="still lacking: verdicts"):
        await gate(act, here, step_s=60, bound_s=120).run(batch)
    assert await act.settlement.tally(batch) == Tally(available=0, withheld=0)
    assert await act.settlement.lengths() == (1, 0)


async def test_another_that_finalizes_first_is_as_good(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    act.test.advance(act.settlement.terms.challenge_period_s)
    one = gate(act, [act.verdict(0), act.verdict(1)])
    ours = act.settlement.finalize

    async def beaten(sender: Any, of: Any) -> Any:
        act.test.send(act.settled.settlement, "finalize", of.height, sender=CHALLENGER)
        return await ours(sender, of)

    act.settlement.finalize = beaten
    assert (await one.run(batch)).state is BatchState.FINAL


def test_another_blob_s_certificate_is_not_relied_on(desk: Desk) -> None:
    desk.settled()
    blob_id = desk.layer.hold(1, desk.certificate(rows=3))
    *warned, waiting = desk.give("propose", blob_id.hex0x, *ROOTS, code=11)
    assert waiting["code"] == "gate_timeout"
    assert f"it is of blob {header_of(3).blob_id.hex0x}" in warned[0]["reason"]
    assert desk.give("status")["length"] == 0


def test_a_certificate_that_expires_too_soon_is_waited_past(desk: Desk) -> None:
    desk.settled()
    signed = attested(COMMITTEE, 0, 1, 2, of=header_of(), expires_at=desk.chain.now + 2 * HOUR)
    blob_id = desk.layer.hold(1, certify(header_of(), signed).serialize())
    waiting = desk.give("propose", blob_id.hex0x, *ROOTS, code=11)
    assert "it expires at" in waiting["lacking"]


# ---------------------------------------------------------------- withdrawals


@pytest.fixture
def bridged(desk: Desk, test_tokens: dict[str, Artifact]) -> Bridged:
    made = Bridged.on(Settled.on(desk.chain), test_tokens)
    desk.options += ["--bridge", made.bridge.address]
    desk.options += ["--settlement", made.settled.settlement.address]
    return made


def test_a_withdrawal_that_another_brings_first_is_done(desk: Desk, bridged: Bridged) -> None:
    bridged.deposit(500)
    own = desk.chain.accounts[SEQUENCER]
    given = bridged.signed(own, 100, withdrawal_id(1))
    desk.chain.send(bridged.bridge, "settleWithdrawal", *given, sender=CHALLENGER)
    named = ["--id", "0x" + withdrawal_id(1).hex(), "--signature", "0x" + given[-1].hex()]
    assert desk.give("withdraw", 100, *named) == {"transaction": None}
    assert bridged.balance(SEQUENCER) == 100
    other = desk.give("withdraw", 101, *named, code=1)
    assert other["reason"].startswith("BRIDGE_REPLAY"), "another amount was not paid"

    proven = Withdrawal(user=account(SEQUENCER).address, amount=50, withdrawal_id=withdrawal_id(2))
    leaf = proven.leaf(CHAIN_ID, Address.from_hex(bridged.bridge.address.lower()))
    tree = WithdrawalTree([leaf, bytes(32)])
    bridged.finalize(tree)  # type: ignore[arg-type]
    file = desk.directory / "leaves"
    file.write_text(leaf.hex() + "\n" + bytes(32).hex())
    proof = tree.proof(leaf)
    fields = (own, 50, withdrawal_id(2), 0, proof.index, list(proof.path))
    desk.chain.send(bridged.bridge, "withdrawWithProof", *fields, sender=CHALLENGER)
    named = ["--id", "0x" + withdrawal_id(2).hex(), "--height", 0, "--leaves", file]
    assert desk.give("withdraw", 50, *named) == {"transaction": None}
    assert bridged.balance(SEQUENCER) == 150


# ---------------------------------------------------------------- griefing


def test_the_bonds_that_are_proposed_make_griefing_cost_more_than_it_does() -> None:
    """docs/CONTRACTS.md's rules, for gas of up to 50 gwei, and the longest payloads."""
    default = {option.name: option.default for option in deploy_command.params if option.name}
    assert isinstance(deploy_command, click.Command)
    dearest = 50 * 10**9
    assert default["point_bond"] >= 150_000 * dearest
    assert default["row_bond"] >= 1300 * dearest
    bond = default["point_bond"] + MAX_ROWS * default["row_bond"]
    assert default["proposal_bond"] > 2 * MOST_POINTS * bond
