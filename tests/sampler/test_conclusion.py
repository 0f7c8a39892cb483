"""What follows from a session, from what was held and what speaks against the signers."""

from __future__ import annotations

from fractions import Fraction

from committee_shapes import custody

from sampler.conclusion import Finding, conclude
from sampler.confidence import Rule
from sampler.plan import plan
from sampler.suspicion import FALSE_ALARM, Suspicion

ASKED = plan(custody(), 133, bytes(range(32)), rule=Rule.CERTIFIED)
PROOF = Suspicion(denying=frozenset({0, 1}), silent=frozenset(), weights={}, false_alarm=Fraction())
DOUBT = Suspicion(
    denying=frozenset({0}), silent=frozenset(), weights={}, false_alarm=2 * FALSE_ALARM
)


def test_everything_asked_at_once_and_held_is_available():
    found = conclude(ASKED, set(ASKED.first.items), None)
    assert found.finding is Finding.AVAILABLE
    assert found.error == ASKED.error <= Fraction(1, 10**6)
    assert found.rung is ASKED.first


def test_one_item_short_is_inconclusive():
    found = conclude(ASKED, set(ASKED.first.items[1:]), DOUBT)
    assert (found.finding, found.error, found.rung) == (Finding.INCONCLUSIVE, 1, None)
    assert conclude(ASKED, (), None).finding is Finding.INCONCLUSIVE


def test_with_a_member_silent_its_rung_is_available():
    rung = ASKED.without(frozenset({2}))
    found = conclude(ASKED, set(rung.items), DOUBT)
    assert found.finding is Finding.AVAILABLE
    assert found.rung == rung


def test_what_can_be_given_back_is_available_whatever_some_members_do():
    assert conclude(ASKED, set(ASKED.first.items), PROOF).finding is Finding.AVAILABLE


def test_proof_without_enough_held_is_withheld():
    found = conclude(ASKED, set(ASKED.first.items[1:]), PROOF)
    assert (found.finding, found.error) == (Finding.WITHHELD, FALSE_ALARM)
