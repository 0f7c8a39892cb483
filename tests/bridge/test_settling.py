"""Batches proposed, doubted, defended and made final by the client, on a real EVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from blob_specimens import KZG
from desk import Desk
from settlement_specimens import (
    ANSWERER,
    BOND,
    CHALLENGER,
    CONFIG,
    DAY,
    GUARDIAN,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
    root,
)
from settlement_under_test import account, held, stage

from bridge_client.answering import openings
from bridge_client.artifacts import Artifact
from bridge_client.cli.settling import MOST_PROOF_BYTES
from bridge_client.errors import CannotRely, GateClosed, GateTimeout, NoBatch, NoContract, Reverted
from bridge_client.gate import Gate, GivenSource
from bridge_client.settlement import BatchState, Hindrance, Tally
from bridge_client.settling import Settlement
from committee.secp256k1 import Address
from da_node.coding import BlobId
from da_node.errors import NotEnough
from sampler.conclusion import Finding
from sampler.verdict import SignedVerdict

L1 = Any
ROWS = 3


@pytest.fixture
async def act(l1: L1, tmp_path: Path) -> Any:
    async with stage(l1, tmp_path) as made:
        yield made


class Fresh:
    """A sampler that is asked says what it finds now."""

    def __init__(self, act: Any, number: int, finding: Finding = Finding.AVAILABLE) -> None:
        self._act, self._number, self._finding = act, number, finding

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        return [self._act.verdict(self._number, finding=self._finding)]


def gate(act: Any, *sources: Any, **clock: Any) -> Gate:
    return Gate(
        settlement=act.settlement,
        sender=act.sender(SEQUENCER),
        sources=sources,
        clock=act.clock(**clock),
    )


async def test_a_batch_goes_from_its_certificate_to_final(act: Any) -> None:
    assert await act.settlement.tip() == CONFIG["genesisStateRoot"]
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    assert (batch.height, batch.state, batch.rows) == (0, BatchState.PENDING, 1)
    assert batch.blob_id == header_of().blob_id
    assert batch.proposer == account(SEQUENCER).address
    assert await act.settlement.tip() == root(1)
    assert await act.settlement.hindrances(batch) == (Hindrance.PERIOD, Hindrance.VERDICTS)
    done = await gate(act, Fresh(act, 0), Fresh(act, 1)).run(batch)
    assert done.state is BatchState.FINAL
    assert await act.settlement.lengths() == (1, 1)
    receipt = await act.settlement.collect(act.sender(SEQUENCER), account(SEQUENCER).address)
    assert receipt is not None
    assert act.settled.due(SEQUENCER) == 0
    assert await act.settlement.collect(act.sender(SEQUENCER), account(9).address) is None


async def test_a_proposal_that_is_repeated_is_the_same_batch(act: Any) -> None:
    proposal = act.proposal()
    first = await act.settlement.propose(act.sender(SEQUENCER), proposal)
    again = await act.settlement.propose(act.sender(SEQUENCER), proposal)
    assert first == again
    assert act.test.balance(act.settled.settlement.address) == BOND


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"height": 1}, r"BatchSettlement.propose was refused: EarlyProposal\(1, 0\)"),
        ({"previous_root": root(9)}, r"OtherParent\(0x0{62}09, 0x(01){32}\)"),
    ],
)
async def test_what_the_contract_refuses_is_said_in_its_words_and_not_sent(
    act: Any, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Reverted, match=said):
        await act.settlement.propose(act.sender(SEQUENCER), act.proposal(**changes))
    assert await act.journal.run(act.journal.steps.newest, 10) == []


async def test_a_certificate_that_would_not_do_is_refused_before_it_costs_anything(
    act: Any,
) -> None:
    short = act.certificate(lasts_s=8 * DAY)
    with pytest.raises(CannotRely, match=f"it expires at {short.expires_at}, before"):
        await act.settlement.propose(act.sender(SEQUENCER), act.proposal(certificate=short))
    keyset_hash = bytes(short.keyset_hash)
    act.test.send(act.settled.verifier, "disableKeyset", keyset_hash, sender=GUARDIAN)
    with pytest.raises(CannotRely, match="is not in force"):
        await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    assert await act.journal.run(act.journal.steps.newest, 10) == []


async def test_what_is_foreseen_to_hinder_is_what_the_contract_names(act: Any) -> None:
    names = {
        Hindrance.PERIOD: "ChallengePeriodOpen",
        Hindrance.VERDICTS: "TooFewVerdicts",
        Hindrance.CHALLENGE: "ChallengesOpen",
        Hindrance.OBJECTION: "ObjectionStands",
        Hindrance.KEYSET: "KeysetNotInForce",
        Hindrance.EXPIRED: "BlobExpired",
        Hindrance.BEFORE: "NotNext",
    }
    seen = set()

    async def compare(batch: Any) -> None:
        foreseen = await act.settlement.hindrances(batch)
        if not foreseen:
            act.test.call(act.settled.settlement, "finalize", batch.height)
            return
        refused = act.test.refused(act.settled.settlement, "finalize", batch.height)
        assert refused.name in {names[one] for one in foreseen}
        seen.update(one for one in foreseen if names[one] == refused.name)

    sequencer = act.sender(SEQUENCER)
    first = await act.settlement.propose(sequencer, act.proposal())
    second = await act.settlement.propose(sequencer, act.proposal(1))
    await compare(first)
    await compare(second)
    act.test.advance(CONFIG["challengePeriod_s"] - 60)
    challenge = await act.settlement.challenge(act.sender(CHALLENGER), first, [7])
    act.test.advance(60)
    await compare(first)
    opening = await openings(held(1), header_of(), [7], KZG)
    await act.settlement.respond(act.sender(ANSWERER), challenge, 0, header_of(), opening[7])
    await compare(first)
    objections = [act.verdict(i, finding=Finding.WITHHELD) for i in (0, 1)]
    await act.settlement.submit(sequencer, first, objections)
    await compare(first)
    act.test.advance(1)
    await act.settlement.submit(sequencer, first, [act.verdict(i) for i in (0, 1)])
    assert await act.settlement.tally(first) == Tally(available=2, withheld=0)
    assert await act.settlement.hindrances(first) == ()
    await compare(first)
    act.test.at_time(first.expires_at)
    await compare(first)
    keyset_hash = bytes(first.keyset_hash)
    act.test.send(act.settled.verifier, "disableKeyset", keyset_hash, sender=GUARDIAN)
    await compare(first)
    assert seen == set(names)


# ---------------------------------------------------------------- the gate


async def test_the_gate_takes_only_verdicts_that_count(act: Any) -> None:
    early = [act.verdict(i, time=act.test.now - 10) for i in (0, 1)]
    act.test.advance(5)
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    other = act.verdict(1, rows=2)
    stranger = act.verdict(3)  # admitted nowhere
    given = GivenSource(given=[*early, other, stranger, act.verdict(0)])
    with pytest.raises(GateTimeout, match="batch 1 to be final; still lacking: period, verdicts"):
        await gate(act, given, step_s=60, bound_s=300).run(batch)
    assert await act.settlement.tally(batch) == Tally(available=1, withheld=0)


async def test_the_gate_stays_shut_where_samplers_object(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    objecting = [Fresh(act, i, Finding.WITHHELD) for i in (0, 1)]
    with pytest.raises(GateClosed, match="batch 1 does not become final: objection"):
        await gate(act, *objecting, Fresh(act, 2)).run(batch)
    assert await act.settlement.lengths() == (1, 0)


async def test_the_gate_sees_that_a_batch_fell_with_one_before_it(act: Any) -> None:
    sequencer = act.sender(SEQUENCER)
    first = await act.settlement.propose(sequencer, act.proposal())
    second = await act.settlement.propose(sequencer, act.proposal(1))
    await act.settlement.abandon(sequencer, first)
    for batch in (first, second):
        with pytest.raises(GateClosed, match="it is void"):
            await gate(act, Fresh(act, 0), Fresh(act, 1)).run(batch)


# ---------------------------------------------------------------- challenges


async def test_a_challenged_blob_that_is_there_is_shown_to_be(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal(rows=ROWS))
    challenge = await act.settlement.challenge(act.sender(CHALLENGER), batch, [8191, 5])
    assert challenge.points == (5, 8191)
    assert challenge.unanswered == (0, 1)
    layer = held(ROWS, range(30, 128))
    with pytest.raises(NotEnough):
        await openings(layer, header_of(ROWS), [5], KZG)
    layer = held(ROWS, [0, *range(40, 128)])
    made = await openings(layer, header_of(ROWS), challenge.points, KZG)
    assert len(layer.asked) < 70, "a point of each of 64 columns, and the two"
    for position in challenge.unanswered:
        point = challenge.points[position]
        await act.settlement.respond(
            act.sender(ANSWERER), challenge, position, header_of(ROWS), made[point]
        )
    closed = await act.settlement.challenge_of(challenge.number)
    assert closed.unanswered == ()
    assert act.settled.due(ANSWERER) == 2 * act.settlement.terms.bond_of(ROWS)


async def test_one_that_nobody_answers_brings_the_batch_down(act: Any) -> None:
    batch = await act.settlement.propose(act.sender(SEQUENCER), act.proposal())
    challenge = await act.settlement.challenge_drawn(act.sender(CHALLENGER), batch, 4)
    assert len(challenge.points) == 4
    with pytest.raises(Reverted, match="ResponseWindowOpen"):
        await act.settlement.uphold(act.sender(CHALLENGER), challenge)
    act.test.advance(CONFIG["responseWindow_s"] + 1)
    await act.settlement.uphold(act.sender(CHALLENGER), challenge)
    assert (await act.settlement.batch(batch.number)).state is BatchState.VOID
    with pytest.raises(NoBatch, match="no batch stands at height 0; there are 0"):
        await act.settlement.batch_at(0)


async def test_only_64_columns_give_an_opening() -> None:
    layer = held(1, range(63))
    with pytest.raises(NotEnough, match="63"):
        await openings(layer, header_of(), [5], KZG)


async def test_a_settlement_where_none_is_is_named(act: Any) -> None:
    with pytest.raises(NoContract, match="no BatchSettlement at 0x"):
        await Settlement.at(act.chain, Address(b"\x99" * 20))
    assert await act.settlement.active_since(SAMPLERS[3].address) is None
    assert await act.settlement.active_since(SAMPLERS[0].address) is not None


async def test_a_proof_makes_a_batch_final_before_its_challenge_period_is_over(
    l1: L1, tmp_path: Path, test_tokens: dict[str, Artifact]
) -> None:
    _, chain = l1
    echo = chain.deploy(test_tokens["EchoVerifier"])
    async with stage(l1, tmp_path, Settled.on(chain, stateVerifier=echo.address)) as act:
        sender = act.sender(SEQUENCER)
        batch = await act.settlement.propose(sender, act.proposal())
        said = [act.verdict(i, finding=Finding.AVAILABLE) for i in (0, 1)]
        await act.settlement.submit(sender, batch, said)
        statement = await act.settlement.contract.answer("statementOf", batch.number)
        with pytest.raises(Reverted, match="BadStateProof"):
            await act.settlement.finalize_proven(sender, batch, bytes(32))
        with pytest.raises(Reverted, match="ChallengePeriodOpen"):
            await act.settlement.finalize(sender, batch)
        await act.settlement.finalize_proven(sender, batch, statement)
        assert (await act.settlement.batch(batch.number)).state is BatchState.FINAL


def test_where_no_verifier_is_a_proof_is_refused_by_name(desk: Desk, tmp_path: Path) -> None:
    desk.settled()
    desk.proposed()
    proof = tmp_path / "proof"
    proof.write_bytes(b"any")
    refused = desk.give("finalize", 0, "--proof", proof, code=1)
    assert (refused["code"], refused["reason"]) == ("l1_reverted", "NoStateVerifier")
    proof.write_bytes(bytes(MOST_PROOF_BYTES + 1))
    too_long = desk.give("finalize", 0, "--proof", proof, code=1)
    assert "it is longer than 130048 bytes" in too_long["reason"]
