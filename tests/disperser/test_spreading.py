"""What is decided about one blob: whom to ask, when again, and when it is over."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from disperser_specimens import attested, keyset
from hypothesis import given, settings
from hypothesis import strategies as st

from committee.disperser.spreading import (
    ATTEMPTS_AT_ONCE,
    OPEN,
    OVERDUE,
    TRANSITIONS,
    Attempt,
    Move,
    Outcome,
    Patience,
    Spreading,
    State,
)
from committee.errors import BadAttestation, ReplayedRequest, UnknownDisperser
from da_node.client import RetryPolicy
from da_node.client.retry import Failure
from da_node.service import Bug, FalseAnswer, PeerUnreachable

PATIENCE = Patience(
    hedge_s=2.0,
    blob_s=30.0,
    member_s=60.0,
    retry=RetryPolicy(attempts=4, first_s=1.0, longest_s=4.0, deadline_s=60.0),
)
GONE = Failure(error=PeerUnreachable(url="http://member", reason="no connection"))
LIE = Failure(error=BadAttestation(member=0, blob_id="0x", reason="it is another's"))
BABBLE = Failure(error=FalseAnswer(url="http://member", what="answer", reason="too long"))
STRANGER = Failure(error=UnknownDisperser(value="0x"))
REPLAY = Failure(error=ReplayedRequest(value="0x", time=1))
FAILURES = [GONE, LIE, BABBLE, STRANGER, REPLAY]
FINAL = [LIE, BABBLE, STRANGER]
NAMES = ["a", "b", "c", "d"]


def begun(patience: Patience = PATIENCE, n: int = 4) -> tuple[Spreading, list[Attempt]]:
    """A dispersal at time 0, each member asked once."""
    spreading = Spreading(keyset(n), patience, now_s=0.0)
    return spreading, spreading.begin_due(0.0)


def lose(spreading: Spreading, attempt: Attempt, failure: Failure = GONE, now_s: float = 0) -> None:
    spreading.lost(attempt, failure, now_s=now_s, draw=0.5)


def sign(spreading: Spreading, *attempts: Attempt) -> None:
    for attempt in attempts:
        spreading.signed(attempt, attested(attempt.member))


def test_every_member_is_asked_at_once() -> None:
    _, attempts = begun()
    assert attempts == [Attempt(member=member, number=0) for member in range(4)]


def test_the_threshold_certifies_and_the_others_may_still_sign() -> None:
    spreading, attempts = begun()
    sign(spreading, *attempts[:2])
    assert spreading.outcome is Outcome.PENDING
    sign(spreading, attempts[3])
    assert spreading.outcome is Outcome.CERTIFIED
    assert not spreading.is_settled
    sign(spreading, attempts[2])
    assert spreading.is_settled
    assert [one.member for one in spreading.attestations] == [0, 1, 2, 3]


def test_it_fails_as_soon_as_the_threshold_is_out_of_reach() -> None:
    spreading, attempts = begun()
    lose(spreading, attempts[0], STRANGER)
    assert spreading.outcome is Outcome.PENDING
    lose(spreading, attempts[1], LIE)
    assert spreading.outcome is Outcome.FAILED
    assert spreading.is_settled
    error = spreading.error("0x01", NAMES)
    assert (error.signed, error.threshold) == (0, 3)
    assert error.failures == {
        "a": str(STRANGER.error),
        "b": str(LIE.error),
        "c": OPEN,
        "d": OPEN,
    }


@pytest.mark.parametrize("failure", [LIE, BABBLE])
def test_what_no_honest_member_does_is_its_fault_and_it_is_not_asked_again(
    failure: Failure,
) -> None:
    spreading, attempts = begun()
    lose(spreading, attempts[2], failure)
    assert spreading.faults == {2: str(failure.error)}
    assert spreading.state(2) is State.FAILED


def test_what_is_nobodys_fault_is_tried_again_after_a_pause() -> None:
    spreading, attempts = begun()
    lose(spreading, attempts[1])
    assert spreading.faults == {}
    assert spreading.begin_due(0.5) == []
    assert spreading.begin_due(0.75) == [Attempt(member=1, number=1)]


def test_no_member_is_asked_earlier_than_it_wants() -> None:
    spreading, attempts = begun()
    sign(spreading, *attempts[1:3])
    lose(spreading, attempts[3], STRANGER)
    lose(spreading, attempts[0], replace(GONE, retry_after_s=7.0))
    assert spreading.begin_due(7.0) == []
    assert spreading.begin_due(8.0) == [Attempt(member=0, number=1)]


def test_a_request_seen_before_is_made_anew_at_once() -> None:
    spreading, attempts = begun()
    lose(spreading, attempts[1], REPLAY)
    assert spreading.begin_due(0.0) == [Attempt(member=1, number=1)]


def test_a_silent_member_is_asked_a_second_time_and_either_answer_counts() -> None:
    spreading, attempts = begun()
    sign(spreading, *attempts[:3])
    assert spreading.wakes_at() == PATIENCE.hedge_s
    (hedge,) = spreading.begin_due(2.0)
    assert hedge == Attempt(member=3, number=1)
    assert spreading.begin_due(10.0) == []
    sign(spreading, hedge)
    assert spreading.is_settled


def test_a_lost_hedge_leaves_the_first_attempt_its_chance() -> None:
    spreading, attempts = begun(replace(PATIENCE, retry=RetryPolicy(attempts=2)))
    hedges = spreading.begin_due(2.0)
    lose(spreading, hedges[0], now_s=2.0)
    assert spreading.is_open(0)
    sign(spreading, attempts[0])
    assert spreading.state(0) is State.SIGNED


def test_without_hedges_a_silent_member_is_asked_once() -> None:
    spreading, _ = begun(replace(PATIENCE, hedge_s=None))
    assert spreading.begin_due(29.0) == []
    assert spreading.wakes_at() == PATIENCE.blob_s


def test_it_fails_at_the_blobs_deadline() -> None:
    spreading, attempts = begun()
    sign(spreading, *attempts[:2])
    spreading.expire(29.9)
    assert spreading.outcome is Outcome.PENDING
    spreading.expire(30.0)
    assert spreading.outcome is Outcome.FAILED
    assert spreading.error("0x01", NAMES).failures == {"c": OVERDUE, "d": OVERDUE}


def test_a_certified_blobs_members_have_their_own_deadline() -> None:
    spreading, attempts = begun()
    sign(spreading, *attempts[:3])
    spreading.expire(59.9)
    assert spreading.is_open(3)
    spreading.expire(60.0)
    assert spreading.outcome is Outcome.CERTIFIED
    assert spreading.is_settled


def test_the_reason_of_an_overdue_member_says_what_went_before() -> None:
    spreading, attempts = begun(replace(PATIENCE, retry=RetryPolicy(attempts=10)))
    lose(spreading, attempts[0])
    spreading.expire(30.0)
    assert spreading.failures()[0] == f"{OVERDUE} ({GONE.error})"


def test_anothers_signature_credits_nobody() -> None:
    spreading, attempts = begun()
    with pytest.raises(Bug):
        spreading.signed(attempts[0], attested(1))
    assert spreading.state(0) is State.ASKED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_an_illegal_step_raises_and_changes_nothing(state: State, move: Move) -> None:
    spreading, attempts = begun()
    one = spreading._members[0]
    one.state = state
    before = copy.deepcopy(one)
    if (state, move) in TRANSITIONS:
        one.step(move)
        assert one.state is TRANSITIONS[state, move]
    else:
        with pytest.raises(Bug):
            one.step(move)
        assert one == before
    assert attempts


def test_an_attempt_that_is_not_under_way_is_refused() -> None:
    spreading, attempts = begun()
    sign(spreading, attempts[0])
    with pytest.raises(Bug):
        lose(spreading, attempts[0])
    with pytest.raises(Bug):
        spreading.signed(Attempt(member=1, number=7), attested(1))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), hedge_s=st.sampled_from([None, 0.5, 2.0]))
def test_whatever_members_do_it_ends_in_time_and_counts_right(
    data: st.DataObject, hedge_s: float | None
) -> None:
    """Random members against what can be said without knowing how it is done."""
    spreading = Spreading(keyset(), replace(PATIENCE, hedge_s=hedge_s), now_s=0.0)
    now_s, under_way, made = 0.0, list[Attempt](), dict.fromkeys(range(4), 0)
    signers, lost_for_good, decided = set[int](), set[int](), Outcome.PENDING
    while not spreading.is_settled:
        for attempt in spreading.begin_due(now_s):
            under_way.append(attempt)
            assert attempt.number == made[attempt.member]
            made[attempt.member] += 1
        under_way = [attempt for attempt in under_way if spreading.is_open(attempt.member)]
        for member in range(4):
            assert sum(a.member == member for a in under_way) <= ATTEMPTS_AT_ONCE
        wakes_at = spreading.wakes_at()
        assert wakes_at is not None
        assert wakes_at > now_s
        what = data.draw(st.sampled_from(["wait", "sign", "lose"] if under_way else ["wait"]))
        if what == "wait":
            now_s = wakes_at
            spreading.expire(now_s)
        else:
            attempt = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            if what == "sign":
                sign(spreading, attempt)
                signers.add(attempt.member)
            else:
                failure = data.draw(st.sampled_from(FAILURES))
                lose(spreading, attempt, failure, now_s)
                if failure in FINAL:
                    lost_for_good.add(attempt.member)
        assert now_s <= PATIENCE.member_s
        certified = len(signers) >= keyset().threshold
        if decided is Outcome.PENDING:
            decided = spreading.outcome
            assert (decided is Outcome.CERTIFIED) == certified
        assert spreading.outcome is decided
        if len(lost_for_good) > 1:
            assert decided is Outcome.FAILED
    assert decided is not Outcome.PENDING
    assert {one.member for one in spreading.attestations} == signers
    assert set(spreading.failures()) == set(range(4)) - signers
    assert all(count <= PATIENCE.retry.attempts for count in made.values())
    assert all(spreading.failures().values())
