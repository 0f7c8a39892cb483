"""Challenges: what is there can be shown, what is not brings its batch down, and money adds up."""

from __future__ import annotations

from typing import Any

import pytest
from blob_specimens import dishonest_blob, opening, opening_in
from chain_under_test import Chain, Sent
from committee_specimens import attested
from settlement_specimens import (
    ANSWERER,
    BOND,
    CHALLENGER,
    COMMITTEE,
    CONFIG,
    DAY,
    GENESIS,
    SEQUENCER,
    Settled,
    header_of,
    root,
)

from bridge_client.calldata import certificate_for_chain
from committee.certificate import certify

ROWS = 3
POINT_BOND = CONFIG["pointBondWei"] + ROWS * CONFIG["rowBondWei"]
WINDOW = CONFIG["responseWindow_s"]
BLOB_ID = bytes(header_of(ROWS).blob_id)
VOID = 3


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    """With a batch of three rows at height 0."""
    standing.propose(0, rows=ROWS)
    return standing


def challenge(settled: Settled, *points: int, height: int = 0) -> Sent:
    return settled.chain.send(
        settled.settlement,
        "challenge",
        height,
        BLOB_ID,
        list(points),
        sender=CHALLENGER,
        value=len(points) * POINT_BOND,
    )


def answer_of(point: int, challenge_id: int = 1, position: int = 0) -> tuple[Any, ...]:
    return challenge_id, position, header_of(ROWS).serialize(), opening(ROWS, point)


def respond(settled: Settled, *answer: Any) -> Sent:
    return settled.chain.send(settled.settlement, "respond", *answer, sender=ANSWERER)


def why_not(settled: Settled, function: str, *arguments: Any, value: int = 0) -> Any:
    return settled.chain.refused(settled.settlement, function, *arguments, value=value)


def holds_exactly_what_it_owes(settled: Settled, others: int) -> bool:
    """`others` is what is neither due to anybody nor burned: bonds at stake."""
    owed = sum(settled.due(account) for account in range(10))
    burned = settled.chain.call(settled.settlement, "due", "0x" + "0" * 36 + "dEaD")
    return settled.chain.balance(settled.settlement.address) == owed + burned + others


def test_answered_points_leave_the_batch_standing(settled: Settled) -> None:
    challenge(settled, 0, 2049, 8191)
    assert settled.batch(1)["openChallenges"] == 1
    for position, point in enumerate((0, 2049, 8191)):
        sent = respond(settled, *answer_of(point, position=position))
        assert sent.gas <= 150_000 + 1300 * ROWS, "what the bond is for"
    assert settled.batch(1)["openChallenges"] == 0
    assert settled.due(ANSWERER) == 3 * POINT_BOND
    assert holds_exactly_what_it_owes(settled, BOND)
    settled.chain.advance(CONFIG["challengePeriod_s"])
    settled.approve(0, rows=ROWS)
    settled.chain.send(settled.settlement, "finalize", 0)


def test_an_open_challenge_keeps_a_batch_from_being_final_or_given_up(settled: Settled) -> None:
    settled.chain.advance(CONFIG["challengePeriod_s"] - 600)
    challenge(settled, 7)
    settled.approve(0, rows=ROWS)
    settled.chain.advance(600)
    refused = why_not(settled, "finalize", 0)
    assert (refused.name, refused.operands) == ("ChallengesOpen", (1,))
    abandoned = settled.chain.refused(settled.settlement, "abandon", 0, sender=SEQUENCER)
    assert abandoned.name == "ChallengesOpen"


def test_an_unanswered_point_voids_the_batch_and_all_after_it(settled: Settled) -> None:
    settled.propose(1)
    settled.propose(2)
    challenge(settled, 0, 2049)
    respond(settled, *answer_of(2049, position=1))
    assert why_not(settled, "uphold", 1).name == "ResponseWindowOpen"
    settled.chain.advance(WINDOW + 1)
    assert why_not(settled, "respond", *answer_of(0)).name == "ResponseWindowOver"
    settled.chain.send(settled.settlement, "uphold", 1)
    assert settled.chain.call(settled.settlement, "length") == 0
    assert settled.batch(1)["state"] == VOID
    assert settled.due(CHALLENGER) == BOND // 2 + POINT_BOND
    assert settled.due(ANSWERER) == POINT_BOND
    assert holds_exactly_what_it_owes(settled, 2 * BOND)
    for batch_id in (2, 3):
        settled.chain.send(settled.settlement, "reclaim", batch_id)
    assert holds_exactly_what_it_owes(settled, 0)
    assert why_not(settled, "uphold", 1).name == "ChallengeClosed"
    settled.propose(0)


def test_challenging_oneself_costs_half_the_bond(settled: Settled) -> None:
    asked = (0, BLOB_ID, [1])
    settled.chain.send(settled.settlement, "challenge", *asked, sender=SEQUENCER, value=POINT_BOND)
    settled.chain.advance(WINDOW + 1)
    settled.chain.send(settled.settlement, "uphold", 1)
    assert settled.due(SEQUENCER) == BOND // 2 + POINT_BOND
    before = settled.chain.balance("0x" + "0" * 36 + "dead")
    settled.chain.send(settled.settlement, "collect", "0x" + "0" * 36 + "dEaD")
    assert settled.chain.balance("0x" + "0" * 36 + "dead") == before + BOND // 2


def test_a_challenge_of_a_batch_that_fell_otherwise_gives_its_bond_back(
    settled: Settled,
) -> None:
    challenge(settled, 5)
    challenge(settled, 6)
    assert why_not(settled, "dissolve", 2).name == "NotVoid"
    settled.chain.advance(WINDOW + 1)
    settled.chain.send(settled.settlement, "uphold", 1)
    assert why_not(settled, "uphold", 2).name == "NotPending"
    settled.chain.send(settled.settlement, "dissolve", 2)
    assert why_not(settled, "dissolve", 2).name == "ChallengeClosed"
    assert settled.due(CHALLENGER) == BOND // 2 + 2 * POINT_BOND
    assert holds_exactly_what_it_owes(settled, 0)


def test_an_answer_counts_once(settled: Settled) -> None:
    """Front-running: whoever is second pays little, and the batch stands all the same."""
    challenge(settled, 0, 64)
    respond(settled, *answer_of(0))
    again = why_not(settled, "respond", *answer_of(0))
    assert (again.name, again.operands) == ("AlreadyAnswered", (1, 0))
    assert settled.chain.gas_of_refusal(settled.settlement, "respond", *answer_of(0)) < 80_000
    respond(settled, *answer_of(64, position=1))
    for position in (0, 1, 2):
        closed = why_not(settled, "respond", *answer_of(0, position=position))
        assert closed.name == "ChallengeClosed"
    assert why_not(settled, "uphold", 1).name == "ChallengeClosed"


def test_another_point_or_blob_is_no_answer(settled: Settled) -> None:
    challenge(settled, 0)
    assert why_not(settled, "respond", *answer_of(64)).name == "BadPath"
    foreign = (1, 0, header_of(1).serialize(), opening(1, 0))
    assert why_not(settled, "respond", *foreign).name == "OtherBlob"


def test_a_void_point_brings_down_a_batch_whose_payload_can_be_read(
    standing: Settled, chain: Chain
) -> None:
    """The proposer answers for its encoding; all other points can be shown."""
    blob = dishonest_blob(100)
    expires_at = chain.now + 15 * DAY
    signed = attested(COMMITTEE, 0, 1, 2, of=blob.header, expires_at=expires_at)
    certificate = certificate_for_chain(certify(blob.header, signed))
    proposal = (0, GENESIS, root(1), root(2))
    settlement = standing.settlement
    chain.send(settlement, "propose", proposal, certificate, [], sender=SEQUENCER, value=BOND)
    bond = chain.call(settlement, "bondOf", blob.row_count)
    points = [64 * 99, 64 * 100 + 3]
    asked = (0, bytes(blob.header.blob_id), points)
    chain.send(settlement, "challenge", *asked, sender=CHALLENGER, value=2 * bond)
    header = blob.header.serialize()
    chain.send(settlement, "respond", 1, 0, header, opening_in(blob, points[0]))
    refusal = chain.refused(settlement, "respond", 1, 1, header, opening_in(blob, points[1]))
    assert refusal.name == "BadOpening"
    chain.advance(WINDOW + 1)
    chain.send(settlement, "uphold", 1)
    assert chain.call(settlement, "length") == 0


def test_points_are_named_in_order_within_bounds_and_paid_for(settled: Settled) -> None:
    def why(points: list[int], value: int | None = None) -> str:
        paid = len(points) * POINT_BOND if value is None else value
        return str(why_not(settled, "challenge", 0, BLOB_ID, points, value=paid).name)

    assert why([]) == "NoPoints"
    assert why(list(range(17))) == "TooManyPoints"
    assert why([8192]) == "PointOutOfRange"
    assert why([5, 5]) == "PointsOutOfOrder"
    assert why([5, 4]) == "PointsOutOfOrder"
    assert why([5], POINT_BOND - 1) == "WrongBond"
    assert why([5], POINT_BOND + 1) == "WrongBond"
    assert why_not(settled, "challenge", 1, BLOB_ID, [5], value=POINT_BOND).name == "NotPending"
    challenge(settled, *range(0, 8192, 512))


def test_at_no_second_can_a_point_be_both_answered_and_upheld_or_neither(
    settled: Settled,
) -> None:
    challenge(settled, 0)
    deadline = settled.chain.call(settled.settlement, "challengeOf", 1)[2]
    settled.chain.at_time(deadline)
    settled.chain.call(settled.settlement, "respond", *answer_of(0))
    assert why_not(settled, "uphold", 1).name == "ResponseWindowOpen"
    settled.chain.at_time(deadline + 1)
    assert why_not(settled, "respond", *answer_of(0)).name == "ResponseWindowOver"
    settled.chain.call(settled.settlement, "uphold", 1)


def test_at_no_second_can_a_batch_be_both_challenged_and_final(settled: Settled) -> None:
    end = settled.batch(1)["proposedAt"] + CONFIG["challengePeriod_s"]
    settled.chain.at_time(end - 100)
    settled.approve(0, rows=ROWS)
    settled.chain.at_time(end - 1)
    assert why_not(settled, "finalize", 0).name == "ChallengePeriodOpen"
    asked = (0, BLOB_ID, [5])
    assert why_not(settled, "challenge", *asked).name == "WrongBond"  # and nothing before it
    settled.chain.at_time(end)
    settled.chain.call(settled.settlement, "finalize", 0)
    assert why_not(settled, "challenge", *asked).name == "ChallengePeriodOver"


def test_nothing_is_challenged_after_its_period(settled: Settled) -> None:
    settled.chain.advance(CONFIG["challengePeriod_s"])
    refusal = why_not(settled, "challenge", 0, BLOB_ID, [5], value=POINT_BOND)
    assert refusal.name == "ChallengePeriodOver"


@pytest.mark.parametrize("count", [1, 3, 16])
def test_points_that_the_chain_draws_can_be_answered(settled: Settled, count: int) -> None:
    settled.chain.send(
        settled.settlement,
        "challengeDrawn",
        0,
        BLOB_ID,
        count,
        sender=CHALLENGER,
        value=count * POINT_BOND,
    )
    packed = settled.chain.call(settled.settlement, "challengeOf", 1)[5]
    drawn = [packed >> 16 * i & 0xFFFF for i in range(count)]
    assert drawn == sorted(set(drawn))
    assert max(drawn) < 8192
    respond(settled, *answer_of(drawn[0]))
    assert settled.due(ANSWERER) == POINT_BOND


def test_so_many_drawn_and_no_more(settled: Settled) -> None:
    for count, name in ((0, "NoPoints"), (17, "TooManyPoints")):
        asked = (0, BLOB_ID, count)
        refusal = why_not(settled, "challengeDrawn", *asked, value=count * POINT_BOND)
        assert refusal.name == name


def test_what_an_answer_earns_grows_with_what_it_costs(settled: Settled) -> None:
    bonds = [settled.chain.call(settled.settlement, "bondOf", rows) for rows in (1, 2, 1024)]
    assert bonds[1] - bonds[0] == CONFIG["rowBondWei"]
    assert bonds[2] - bonds[0] == 1023 * CONFIG["rowBondWei"]
