"""L1 reorganised across a proposal: what was sent before reaches what it was meant for, if any."""

from __future__ import annotations

from typing import Any

import pytest
from blob_specimens import opening
from chain_under_test import Chain
from settlement_specimens import (
    BOND,
    CHALLENGER,
    CONFIG,
    GENESIS,
    SAMPLERS,
    SEQUENCER,
    Settled,
    header_of,
    root,
)

PENDING = 1
POINT_BOND = CONFIG["pointBondWei"] + CONFIG["rowBondWei"]


@pytest.fixture
def reorganised(standing: Settled, chain: Chain) -> tuple[Settled, dict[str, tuple[Any, ...]]]:
    """In place of a batch of one row at height 0, doubted and found available, there is now one of
    three rows under the same id; with what had been sent about the first."""
    before = chain.snapshot()
    proposal = (standing.proposal(0), standing.certificate(), [])
    chain.send(standing.settlement, "propose", *proposal, sender=SEQUENCER, value=BOND)
    chain.advance(1)
    said = standing.submission(*((key, standing.verdict()) for key in SAMPLERS[:2]))
    sent = {
        "propose": proposal,
        "submitVerdicts": (0, *said),
        "challenge": (0, bytes(header_of().blob_id), [5]),
        "respond": (1, 0, header_of().serialize(), opening(1, 5)),
    }
    chain.send(standing.settlement, "submitVerdicts", *sent["submitVerdicts"])
    chain.send(
        standing.settlement, "challenge", *sent["challenge"], sender=CHALLENGER, value=POINT_BOND
    )
    chain.send(standing.settlement, "respond", *sent["respond"])
    chain.restore(before)
    standing.propose(0, rows=3, state=root(7))
    return standing, sent


def test_what_the_first_batch_had_is_gone_with_it(
    reorganised: tuple[Settled, dict[str, tuple[Any, ...]]],
) -> None:
    settled, _ = reorganised
    batch = settled.batch(1)
    assert (batch["blobId"], batch["rows"]) == (bytes(header_of(3).blob_id), 3)
    assert (batch["state"], batch["openChallenges"]) == (PENDING, 0)
    assert settled.chain.call(settled.settlement, "countVerdicts", 1) == (0, 0)
    assert settled.chain.call(settled.settlement, "challengeCount") == 0
    assert settled.chain.balance(settled.settlement.address) == BOND


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("propose", "StaleProposal"),
        ("submitVerdicts", "OtherBlob"),
        ("challenge", "OtherBlob"),
        ("respond", "ChallengeClosed"),
    ],
)
def test_what_was_sent_about_the_first_batch_does_nothing_to_the_second(
    reorganised: tuple[Settled, dict[str, tuple[Any, ...]]], function: str, name: str
) -> None:
    settled, sent = reorganised
    settled.chain.advance(60)  # the verdicts' time is no later than the block's
    value = {"propose": BOND, "challenge": POINT_BOND}.get(function, 0)
    refusal = settled.chain.refused(
        settled.settlement, function, *sent[function], sender=SEQUENCER, value=value
    )
    assert refusal.name == name


def test_the_same_batch_proposed_again_takes_up_where_it_was(
    standing: Settled, chain: Chain
) -> None:
    """The bytes of a proposal hold on the other branch."""
    before = chain.snapshot()
    proposal = (standing.proposal(0), standing.certificate(), [])
    chain.send(standing.settlement, "propose", *proposal, sender=SEQUENCER, value=BOND)
    chain.restore(before)
    chain.send(standing.settlement, "propose", *proposal, sender=SEQUENCER, value=BOND)
    assert standing.batch(1)["previousRoot"] == GENESIS
    standing.approve(0)
    assert tuple(chain.call(standing.settlement, "countVerdicts", 1)) == (2, 0)
