"""Points by lot: each as likely as any other, none twice, and by nothing but the slot's own lot."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from chain_under_test import Chain
from settlement_specimens import CHALLENGER, CONFIG, Settled, header_of
from withdrawal_tree import keccak

from bridge_client.artifacts import Artifact

POINTS = 8192
BLOB_ID = bytes(header_of().blob_id)
POINT_BOND = CONFIG["pointBondWei"] + CONFIG["rowBondWei"]
SEEDS = [number.to_bytes(32, "big") for number in range(4000)]


def drawn(seed: bytes, count: int) -> list[int]:
    """The twin: numbers in their order, those that were there left out, then sorted."""
    found: list[int] = []
    number = 0
    while len(found) < count:
        point = int.from_bytes(keccak(seed + number.to_bytes(32, "big")), "big") % POINTS
        if point not in found:
            found.append(point)
        number += 1
    return sorted(found)


THREES = [drawn(seed, 3) for seed in SEEDS]


def test_every_stretch_of_a_blob_is_drawn_as_often_as_any_other() -> None:
    """Pearson's statistic of 12,000 points in 64 stretches; above 130 one time in a million."""
    counts = Counter(point // 128 for three in THREES for point in three)
    expected = 3 * len(SEEDS) / 64
    assert sum((counts[i] - expected) ** 2 / expected for i in range(64)) < 130


def test_points_are_drawn_without_regard_to_one_another() -> None:
    """All three in one third of the blob one time in nine, two next to each other at times: a draw
    of one in each stretch would do neither. Five standard deviations."""
    together = sum(len({3 * point // POINTS for point in three}) == 1 for three in THREES)
    share, spread = len(SEEDS) / 9, (len(SEEDS) * 8 / 81) ** 0.5
    assert abs(together - share) < 5 * spread
    near = sum(any(b - a < 8 for a, b in pairwise(three)) for three in THREES)
    assert near > 5


@pytest.mark.parametrize("at_least", [False, True])
def test_the_first_and_the_last_points_are_drawn_too(
    chain: Chain, test_contracts: dict[str, Artifact], at_least: bool
) -> None:
    """On chain, by seeds for which the twin says so."""
    harness = chain.deploy(test_contracts["PointHarness"])
    wanted = {POINTS - 1, POINTS - 2} if at_least else {0, 1}
    hits = [i for i, three in enumerate(THREES) if wanted & set(three)]
    assert hits
    for i in hits:
        assert chain.call(harness, "draw", SEEDS[i], 3) == tuple(THREES[i])


def test_the_contract_draws_as_its_twin(chain: Chain, test_contracts: dict[str, Artifact]) -> None:
    harness = chain.deploy(test_contracts["PointHarness"])
    for count in range(17):
        found = chain.call(harness, "draw", keccak(bytes((count,))), count)
        assert list(found) == drawn(keccak(bytes((count,))), count)


def test_a_point_that_comes_twice_is_drawn_once(
    chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    """By seeds whose first sixteen numbers are fifteen points."""
    harness = chain.deploy(test_contracts["PointHarness"])

    def numbers(seed: bytes) -> set[int]:
        words = (keccak(seed + number.to_bytes(32, "big")) for number in range(16))
        return {int.from_bytes(word, "big") % POINTS for word in words}

    repeating = [seed for seed in SEEDS[:300] if len(numbers(seed)) < 16]
    assert repeating
    for seed in repeating:
        found = chain.call(harness, "draw", seed, 16)
        assert list(found) == drawn(seed, 16)
        assert len(set(found)) == 16


def test_a_challenge_is_drawn_by_the_slots_lot_alone(standing: Settled, chain: Chain) -> None:
    """Others' challenges before it, and what the blocks before hold, move nothing."""
    standing.propose(0)
    asked = (0, BLOB_ID, 16)
    seen = set()
    for _ in range(2):
        chain.send(standing.settlement, "challenge", 0, BLOB_ID, [1], value=POINT_BOND)
        chain.send(
            standing.settlement,
            "challengeDrawn",
            *asked,
            sender=CHALLENGER,
            value=16 * POINT_BOND,
        )
        challenge_id = chain.call(standing.settlement, "challengeCount")
        packed = chain.call(standing.settlement, "challengeOf", challenge_id)[5]
        points = tuple(packed >> 16 * i & 0xFFFF for i in range(16))
        lot = bytes(chain.web3.eth.get_block("latest")["mixHash"])
        account = bytes.fromhex(chain.accounts[CHALLENGER][2:]).rjust(32, b"\0")
        assert list(points) == drawn(keccak(lot + account + BLOB_ID), 16)
        seen.add(points)
    assert len(seen) == 2
