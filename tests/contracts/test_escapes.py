"""A proposer's ways around a challenge: by giving up first, or by putting another batch there."""

from __future__ import annotations

from typing import Any

import pytest
from blob_specimens import opening
from chain_under_test import Chain
from settlement_specimens import (
    ANSWERER,
    BOND,
    CHALLENGER,
    CONFIG,
    SEQUENCER,
    Settled,
    header_of,
    root,
)

POINT_BOND = CONFIG["pointBondWei"] + CONFIG["rowBondWei"]
WINDOW = CONFIG["responseWindow_s"]
BURNED = "0x" + "0" * 36 + "dEaD"
BLOB_ID = bytes(header_of().blob_id)
VOID = 3


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    """With two batches of the sequencer's."""
    standing.propose(0)
    standing.propose(1)
    return standing


def challenge(settled: Settled, height: int) -> None:
    settled.chain.send(
        settled.settlement,
        "challenge",
        height,
        BLOB_ID,
        [5],
        sender=CHALLENGER,
        value=POINT_BOND,
    )


def give_up(settled: Settled, height: int) -> None:
    settled.chain.send(settled.settlement, "abandon", height, sender=SEQUENCER)


def why_not(settled: Settled, function: str, *arguments: Any) -> Any:
    return settled.chain.refused(settled.settlement, function, *arguments)


def burned(settled: Settled) -> int:
    return int(settled.chain.call(settled.settlement, "due", BURNED))


def test_who_gives_up_the_batch_before_still_answers_for_a_challenged_one(
    settled: Settled,
) -> None:
    """Else two batches in a row would be withheld at the price of none."""
    challenge(settled, 1)
    give_up(settled, 0)
    before = settled.due(SEQUENCER), burned(settled)
    refusal = why_not(settled, "reclaim", 2)
    assert (refusal.name, refusal.operands) == ("ChallengesOpen", (1,))
    assert why_not(settled, "dissolve", 1).name == "NotVoid"
    assert why_not(settled, "uphold", 1).name == "ResponseWindowOpen"
    settled.chain.advance(WINDOW + 1)
    settled.propose(0, state=root(9))
    settled.chain.send(settled.settlement, "uphold", 1)
    assert settled.due(CHALLENGER) == BOND // 2 + POINT_BOND
    assert (settled.due(SEQUENCER), burned(settled)) == (before[0], before[1] + BOND // 2)
    assert settled.batch(2)["state"] == VOID
    assert settled.chain.call(settled.settlement, "length") == 1, "the new batch stands"
    assert why_not(settled, "reclaim", 2).name == "NotPending"


def test_an_answer_frees_the_bond_of_a_batch_that_fell_with_another(settled: Settled) -> None:
    challenge(settled, 1)
    give_up(settled, 0)
    answer = (1, 0, header_of().serialize(), opening(1, 5))
    settled.chain.send(settled.settlement, "respond", *answer, sender=ANSWERER)
    before = settled.due(SEQUENCER)
    settled.chain.send(settled.settlement, "reclaim", 2)
    assert settled.due(SEQUENCER) == before + BOND
    assert settled.due(ANSWERER) == POINT_BOND


def test_giving_up_what_may_become_final_costs_as_much_as_challenging_oneself(
    settled: Settled,
) -> None:
    """Else withholding would be free, by giving up before a challenge; and so would be making all
    fall that was built in a whole period, by giving up just before the batch is final."""
    give_up(settled, 1)
    assert (settled.due(SEQUENCER), burned(settled)) == (BOND // 2, BOND // 2)
    settled.chain.advance(CONFIG["challengePeriod_s"])
    settled.approve(0)
    settled.chain.call(settled.settlement, "finalize", 0)
    give_up(settled, 0)
    assert (settled.due(SEQUENCER), burned(settled)) == (BOND, BOND)
    assert settled.chain.balance(settled.settlement.address) == 2 * BOND


def test_what_cannot_become_final_any_more_is_given_up_for_nothing(settled: Settled) -> None:
    settled.chain.at_time(settled.batch(1)["expiresAt"])
    give_up(settled, 0)
    assert (settled.due(SEQUENCER), burned(settled)) == (BOND, 0)


def test_of_an_odd_bond_nothing_is_lost(chain: Chain) -> None:
    settled = Settled.on(chain, proposalBondWei=3)
    settled.propose(0)
    give_up(settled, 0)
    assert (settled.due(SEQUENCER), burned(settled)) == (1, 2)


@pytest.mark.parametrize(("function", "asked"), [("challenge", [5]), ("challengeDrawn", 1)])
def test_a_challenge_is_of_the_blob_that_it_names(
    settled: Settled, function: str, asked: Any
) -> None:
    """Else its bond would be earned by whoever first puts a batch there that can be answered."""
    give_up(settled, 1)
    settled.propose(1, rows=3, state=root(7))
    refusal = settled.chain.refused(
        settled.settlement, function, 1, BLOB_ID, asked, sender=CHALLENGER, value=POINT_BOND
    )
    assert (refusal.name, refusal.operands) == ("OtherBlob", (BLOB_ID, bytes(header_of(3).blob_id)))
