"""Batches on L1: in order, on certificates that last, final only with verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from blob_specimens import opening, payload_of
from chain_under_test import Chain, Deployed
from committee_specimens import certificate, keyset
from settlement_specimens import (
    ANYONE,
    BOND,
    COMMITTEE,
    CONFIG,
    DAY,
    GENESIS,
    GUARDIAN,
    HOUR,
    NO_VERIFIER,
    REGISTRAR,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
    root,
)

from bridge_client.artifacts import Artifact
from bridge_client.calldata import certificate_for_chain
from sampler.conclusion import Finding

PENDING, FINAL, VOID = 1, 2, 3
PERIOD = CONFIG["challengePeriod_s"]


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    return standing


def refused(
    settled: Settled,
    height: int,
    sender: int = SEQUENCER,
    data: bytes | None = None,
    value: int = BOND,
    **changes: Any,
) -> Any:
    """Why a proposal is refused."""
    certified = settled.certificate() if data is None else data
    return settled.chain.refused(
        settled.settlement,
        "propose",
        settled.proposal(height, **changes),
        certified,
        [],
        sender=sender,
        value=value,
    )


def settle(settled: Settled, height: int) -> None:
    """Propose and let it become final."""
    settled.propose(height)
    settled.chain.advance(PERIOD)
    settled.approve(height)
    settled.chain.send(settled.settlement, "finalize", height)


# ------------------------------------------------------------------------- proposing


def test_a_proposal_is_kept_as_it_was_made(settled: Settled) -> None:
    sent = settled.propose(0, rows=3)
    batch = settled.batch(1)
    assert sent.gas <= 600_000
    assert (batch["previousRoot"], batch["stateRoot"], batch["withdrawalsRoot"]) == (
        GENESIS,
        root(1),
        root(1000),
    )
    assert batch["blobId"] == bytes(header_of(3).blob_id)
    assert batch["keysetHash"] == bytes(COMMITTEE.hash)
    assert (batch["rows"], batch["state"], batch["height"]) == (3, PENDING, 0)
    assert batch["proposedAt"] == settled.chain.now


def test_batches_follow_one_another(settled: Settled) -> None:
    for height in range(3):
        settled.propose(height)
    assert settled.chain.call(settled.settlement, "length") == 3
    assert settled.chain.call(settled.settlement, "finalLength") == 0


def test_repeated_stale_and_early_proposals_are_told_apart(settled: Settled) -> None:
    settled.propose(0)
    settled.propose(1)
    assert refused(settled, 0).name == "RepeatedProposal"
    assert refused(settled, 1).name == "RepeatedProposal"
    stale = refused(settled, 0, state=root(77))
    assert (stale.name, stale.operands) == ("StaleProposal", (0, 2))
    early = refused(settled, 3)
    assert (early.name, early.operands) == ("EarlyProposal", (3, 2))
    parent = refused(settled, 2, previous=root(9))
    assert (parent.name, parent.operands) == ("OtherParent", (root(9), root(2)))


def test_a_copied_proposal_gains_nothing(settled: Settled) -> None:
    """Front-running: not by others while the sequencer speaks; after that it is the same batch."""
    settled.propose(0)
    copied = refused(settled, 1, sender=ANYONE)
    assert copied.name == "NotSequencer"
    settled.chain.advance(DAY + 2)
    settled.propose(1, sender=ANYONE)
    assert refused(settled, 1).name == "RepeatedProposal"


def test_anyone_may_propose_once_the_sequencer_is_silent_for_a_day(settled: Settled) -> None:
    settled.propose(0)
    settled.chain.advance(DAY - 600)
    assert refused(settled, 1, sender=ANYONE).name == "NotSequencer"
    settled.chain.advance(602)
    settled.propose(1, sender=ANYONE)
    settled.propose(2, sender=ANYONE)
    settled.propose(3)
    assert refused(settled, 4, sender=ANYONE).name == "NotSequencer"


def test_only_the_owner_names_sequencers(settled: Settled) -> None:
    who = settled.chain.accounts[ANYONE]
    assert settled.chain.refused(settled.settlement, "setSequencer", who, True).name == (
        "NotAuthorized"
    )
    settled.chain.send(settled.settlement, "setSequencer", who, True, sender=REGISTRAR)
    settled.propose(0, sender=ANYONE)
    settled.chain.send(settled.settlement, "setSequencer", who, False, sender=REGISTRAR)
    assert refused(settled, 1, sender=ANYONE).name == "NotSequencer"


@pytest.mark.parametrize("value", [0, BOND - 1, BOND + 1])
def test_the_bond_comes_along_exactly(settled: Settled, value: int) -> None:
    refusal = refused(settled, 0, value=value)
    assert (refusal.name, refusal.operands) == ("WrongBond", (value, BOND))


def test_a_certificate_must_outlast_a_dispute(settled: Settled) -> None:
    """Challenge period, an hour and the margin."""
    needed = PERIOD + HOUR + CONFIG["margin_s"]
    short = refused(settled, 0, data=settled.certificate(lasts_s=needed - 1))
    assert short.name == "ExpiresTooSoon"
    assert short.operands[1] - short.operands[0] == 1
    long = settled.certificate(lasts_s=needed + 60)
    arguments = (settled.proposal(0), long, [])
    settled.chain.send(settled.settlement, "propose", *arguments, sender=SEQUENCER, value=BOND)


def test_nothing_is_proposed_without_a_valid_certificate_in_force(settled: Settled) -> None:
    good = settled.certificate()

    def verifiers_word(data: bytes) -> str:
        refusal = refused(settled, 0, data=data)
        if refusal.name:  # an error that both contracts have
            return str(refusal.name)
        return settled.verifier.interface.revert(refusal.operands[0]).name

    assert verifiers_word(good[:-1]) == "WrongLength"
    assert verifiers_word(b"") == "WrongLength"
    assert verifiers_word(good[:-256] + bytes(256)) == "BadAggregate"
    assert verifiers_word(good[:34] + header_of(3).serialize() + good[124:]) == "BadAggregate"
    foreign = certificate_for_chain(certificate(keyset(4, 0, 3), 0, 1, 2))
    assert verifiers_word(foreign) == "WrongKeysetState"
    settled.chain.send(settled.verifier, "disableKeyset", bytes(COMMITTEE.hash), sender=GUARDIAN)
    assert verifiers_word(good) == "WrongKeysetState"


# ------------------------------------------------------------------------- finality


def test_a_batch_is_final_after_its_period_with_a_quorum(settled: Settled) -> None:
    settle(settled, 0)
    assert settled.batch(1)["state"] == FINAL
    assert settled.chain.call(settled.settlement, "finalWithdrawalsRoot", 0) == root(1000)
    assert settled.chain.call(settled.settlement, "finalBlobId", 0) == bytes(header_of().blob_id)
    assert settled.due(SEQUENCER) == BOND
    before = settled.chain.balance(settled.chain.accounts[SEQUENCER])
    settled.chain.send(settled.settlement, "collect", settled.chain.accounts[SEQUENCER])
    assert settled.chain.balance(settled.chain.accounts[SEQUENCER]) == before + BOND
    again = settled.chain.refused(settled.settlement, "collect", settled.chain.accounts[SEQUENCER])
    assert again.name == "NothingDue"


def test_nothing_is_final_early_or_without_a_quorum(settled: Settled) -> None:
    def why() -> str:
        return settled.chain.refused(settled.settlement, "finalize", 0).name

    settled.propose(0)
    settled.approve(0)
    assert why() == "ChallengePeriodOpen"
    settled.chain.advance(PERIOD)
    assert why() == "TooFewVerdicts"  # those of the first day have lapsed
    settled.say(0, (SAMPLERS[0], settled.verdict()))
    assert why() == "TooFewVerdicts"
    settled.say(0, (SAMPLERS[2], settled.verdict()))
    settled.chain.send(settled.settlement, "finalize", 0)
    assert settled.chain.refused(settled.settlement, "finalize", 0).name == "NotNext"


def test_batches_become_final_in_order(settled: Settled) -> None:
    settled.propose(0)
    settled.propose(1)
    settled.chain.advance(PERIOD)
    settled.approve(1)
    skipped = settled.chain.refused(settled.settlement, "finalize", 1)
    assert (skipped.name, skipped.operands) == ("NotNext", (1, 0))
    for function in ("finalWithdrawalsRoot", "finalBlobId"):
        assert settled.chain.refused(settled.settlement, function, 0).name == "NotFinal"


def test_nothing_is_final_under_a_keyset_that_was_disabled(settled: Settled) -> None:
    settled.propose(0)
    settled.chain.advance(PERIOD)
    settled.approve(0)
    settled.chain.send(settled.verifier, "disableKeyset", bytes(COMMITTEE.hash), sender=GUARDIAN)
    refusal = settled.chain.refused(settled.settlement, "finalize", 0)
    assert (refusal.name, refusal.operands) == ("KeysetNotInForce", (bytes(COMMITTEE.hash),))
    settled.chain.send(settled.settlement, "abandon", 0)
    assert settled.batch(1)["state"] == VOID
    assert settled.due(SEQUENCER) == BOND


def test_a_proposer_may_give_its_batch_up_and_others_may_not(settled: Settled) -> None:
    settled.propose(0)
    settled.propose(1)
    settled.propose(2)
    assert settled.chain.refused(settled.settlement, "abandon", 1).name == "NotAbandonable"
    settled.chain.send(settled.settlement, "abandon", 1, sender=SEQUENCER)
    assert settled.chain.call(settled.settlement, "length") == 1
    assert settled.chain.refused(settled.settlement, "reclaim", 1).name == "StillLive"
    assert settled.chain.refused(settled.settlement, "reclaim", 2).name == "NotPending"
    settled.chain.send(settled.settlement, "reclaim", 3)
    assert settled.chain.refused(settled.settlement, "reclaim", 3).name == "NotPending"
    assert settled.due(SEQUENCER) == BOND // 2 + BOND
    settled.propose(1, state=root(55))
    assert settled.chain.call(settled.settlement, "chain", 1) == 4


def test_anyone_gives_up_a_batch_whose_blob_is_gone(settled: Settled) -> None:
    settled.propose(0)
    settled.chain.advance(15 * DAY - 600)
    assert settled.chain.refused(settled.settlement, "abandon", 0).name == "NotAbandonable"
    settled.chain.advance(600)
    settled.chain.send(settled.settlement, "abandon", 0)


def test_a_batch_whose_blob_is_gone_is_not_final_any_more(settled: Settled) -> None:
    settled.propose(0)
    expires_at = settled.batch(1)["expiresAt"]
    settled.chain.at_time(expires_at - 100)
    settled.approve(0)
    settled.chain.at_time(expires_at - 1)
    settled.chain.call(settled.settlement, "finalize", 0)
    settled.chain.at_time(expires_at)
    refusal = settled.chain.refused(settled.settlement, "finalize", 0)
    assert (refusal.name, refusal.operands) == ("BlobExpired", (expires_at,))


def test_a_final_batch_cannot_be_touched(settled: Settled) -> None:
    settle(settled, 0)
    for function, arguments in (
        ("abandon", (0,)),
        ("submitVerdicts", (0, [], [])),
        ("challenge", (0, bytes(32), [1])),
    ):
        refusal = settled.chain.refused(settled.settlement, function, *arguments)
        assert (refusal.name, refusal.operands) == ("NotPending", (0,))


def test_a_final_batchs_bytes_are_read_on_chain(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    """By another contract, from the id that the settlement vouches for."""
    settle(settled, 0)
    reader = settled.chain.deploy(test_contracts["PointHarness"])
    blob_id = settled.chain.call(settled.settlement, "finalBlobId", 0)
    arguments = (header_of().serialize(), blob_id, 700, opening(1, 700))
    offset, piece = settled.chain.call(reader, "read", *arguments)
    assert piece == payload_of(1)[offset : offset + 31]


# ------------------------------------------------------------------------- validity mode


@pytest.fixture
def echo(chain: Chain, test_contracts: dict[str, Artifact]) -> Deployed:
    return chain.deploy(test_contracts["EchoVerifier"])


def test_without_a_state_verifier_there_is_no_validity_mode(settled: Settled) -> None:
    settled.propose(0)
    settled.approve(0)
    statement = settled.chain.call(settled.settlement, "statementOf", 1)
    refusal = settled.chain.refused(settled.settlement, "finalizeProven", 0, statement)
    assert refusal.name == "NoStateVerifier"
    assert CONFIG["stateVerifier"] == NO_VERIFIER


def test_a_proven_batch_is_final_at_once_but_not_without_verdicts(
    chain: Chain, echo: Deployed
) -> None:
    settled = Settled.on(chain, stateVerifier=echo.address)
    settled.propose(0)
    statement = chain.call(settled.settlement, "statementOf", 1)

    def why(proof: bytes) -> str:
        return chain.refused(settled.settlement, "finalizeProven", 0, proof).name

    assert why(statement) == "TooFewVerdicts"
    settled.approve(0)
    assert why(bytes(32)) == "BadStateProof"
    assert why(b"") == "BadStateProof"
    withheld = settled.verdict(finding=Finding.WITHHELD)
    settled.chain.advance(1)
    settled.say(0, (SAMPLERS[2], withheld))
    chain.send(settled.settlement, "finalizeProven", 0, statement)
    assert settled.batch(1)["state"] == FINAL


def test_a_statement_is_of_one_chain_contract_and_batch(chain: Chain, echo: Deployed) -> None:
    first = Settled.on(chain, stateVerifier=echo.address)
    other = chain.deploy(
        "BatchSettlement", tuple(first.config.values()), [chain.accounts[SEQUENCER]]
    )
    second = Settled(chain, first.verifier, first.registry, other, first.config)
    for one in (first, second):
        one.propose(0)
        one.propose(1)
    statements = {
        bytes(chain.call(one.settlement, "statementOf", batch))
        for one in (first, second)
        for batch in (1, 2)
    }
    assert len(statements) == 4
