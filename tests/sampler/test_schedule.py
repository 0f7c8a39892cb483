"""Which blobs are sampled next, how many at once, when again, and whom samples do without."""

from __future__ import annotations

import pytest
from sampler_network import introduced

from da_node.coding import BlobId
from sampler.bounds import RECHECK_SESSIONS, RETRY_AFTER_S, SILENT_SESSIONS, UNCERTIFIED_TRIES
from sampler.conclusion import Finding
from sampler.schedule import TURNS, Schedule, retry_at
from sampler.silence import Silence
from sampler.state import Announcement, Lane, Waiting

PROPOSED, CERTIFIED, UNCERTIFIED = TURNS
NOW = 1000.0
EVER = float("inf")


def waiting(number: int, lane: Lane = Lane.NEW, tries: int = 0) -> Waiting:
    return Waiting(
        blob_id=BlobId(number.to_bytes(32, "big")),
        header=b"",
        expires_at=2000,
        label="",
        certificate=None,
        seen_at=NOW,
        lane=lane,
        tries=tries,
        fixed=None,
    )


def announced(number: int, certificate: bytes | None) -> Announcement:
    one = waiting(number)
    return Announcement(
        blob_id=one.blob_id,
        header=one.header,
        expires_at=one.expires_at,
        label="",
        certificate=certificate,
        lane=Lane.NEW,
        due_at=NOW,
    )


def test_every_lane_has_its_turn_and_the_certified_come_first() -> None:
    assert [lane for lanes in TURNS for lane in lanes] == list(Lane)
    assert PROPOSED == (Lane.PROPOSED,)
    assert UNCERTIFIED == (Lane.UNCERTIFIED,)


@pytest.mark.parametrize(("sessions", "share"), [(1, 1), (3, 1), (4, 2), (32, 16)])
def test_proposals_have_half_of_the_sessions_and_one_at_least(sessions: int, share: int) -> None:
    """However many there are, feeds are sampled; however much a feed has, they are looked at."""
    schedule = Schedule(sessions=sessions)
    for number in range(share):
        assert schedule.free(PROPOSED) == share - number
        schedule.begun(waiting(number, Lane.PROPOSED))
    assert (schedule.free(PROPOSED), schedule.free(CERTIFIED)) == (0, sessions - share)
    schedule.ended(waiting(0).blob_id)
    assert schedule.free(PROPOSED) == 1


def test_a_sampler_of_one_session_takes_proposals_and_feeds_in_turn() -> None:
    schedule = Schedule(sessions=1)
    began = []
    for number in range(6):
        lanes = next(lanes for lanes in schedule.turns if schedule.free(lanes))
        one = waiting(number, lanes[0])
        schedule.begun(one)
        schedule.ended(one.blob_id)
        began.append(lanes)
    assert began == [PROPOSED, CERTIFIED] * 3


@pytest.mark.parametrize(("sessions", "share"), [(1, 1), (3, 1), (4, 1), (8, 2), (32, 8)])
def test_the_uncertified_have_a_quarter_of_the_sessions_and_one_at_least(
    sessions: int, share: int
) -> None:
    schedule = Schedule(sessions=sessions)
    assert (schedule.free(CERTIFIED), schedule.free(UNCERTIFIED)) == (sessions, share)
    for number in range(share):
        schedule.begun(waiting(number, Lane.UNCERTIFIED))
    assert (schedule.free(CERTIFIED), schedule.free(UNCERTIFIED)) == (sessions - share, 0)
    assert len(schedule.running) == share


def test_the_certified_may_have_all_sessions() -> None:
    schedule = Schedule(sessions=8)
    for number, lane in enumerate([Lane.NEW, Lane.RETRY, Lane.CATCH_UP] * 2 + [Lane.NEW]):
        schedule.begun(waiting(number, lane))
    assert (schedule.free(CERTIFIED), schedule.free(UNCERTIFIED)) == (1, 1)
    schedule.begun(waiting(7))
    assert (schedule.free(CERTIFIED), schedule.free(UNCERTIFIED)) == (0, 0)
    schedule.ended(waiting(3).blob_id)
    assert waiting(3).blob_id not in schedule.running
    assert (schedule.free(CERTIFIED), schedule.free(UNCERTIFIED)) == (1, 1)


def test_a_certificate_that_a_session_finds_makes_room_for_another() -> None:
    schedule = Schedule(sessions=4)
    one = waiting(1, Lane.UNCERTIFIED)
    schedule.begun(one)
    assert schedule.free(UNCERTIFIED) == 0
    schedule.certified(one.blob_id)
    assert schedule.free(UNCERTIFIED) == 1
    assert not schedule.is_outdated_by(announced(1, b"c"))


def test_only_a_session_without_the_promise_is_outdated_by_it() -> None:
    schedule = Schedule(sessions=8)
    schedule.begun(waiting(1, Lane.UNCERTIFIED))
    schedule.begun(waiting(2, Lane.NEW))
    assert schedule.is_outdated_by(announced(1, b"c"))
    assert not schedule.is_outdated_by(announced(1, None))
    assert not schedule.is_outdated_by(announced(2, b"c"))
    assert not schedule.is_outdated_by(announced(3, b"c"))
    schedule.ended(waiting(1).blob_id)
    assert not schedule.is_outdated_by(announced(1, b"c"))


@pytest.mark.parametrize("finding", [Finding.WITHHELD, Finding.INCONCLUSIVE])
def test_what_is_not_available_is_asked_for_again_ever_later(finding: Finding) -> None:
    for tries, pause_s in enumerate([*RETRY_AFTER_S, RETRY_AFTER_S[-1], RETRY_AFTER_S[-1]]):
        one = waiting(1, Lane.RETRY, tries)
        assert retry_at(one, finding, is_vouched=True, now=NOW, until=EVER) == NOW + pause_s
        assert retry_at(one, finding, is_vouched=False, now=NOW, until=EVER) == NOW + pause_s
    assert list(RETRY_AFTER_S) == sorted(RETRY_AFTER_S)


def test_what_is_available_is_not_asked_for_again() -> None:
    for lane in Lane:
        one = waiting(1, lane)
        assert retry_at(one, Finding.AVAILABLE, is_vouched=True, now=NOW, until=EVER) is None


@pytest.mark.parametrize("tries", range(len(RETRY_AFTER_S)))
def test_nothing_is_put_off_beyond_the_last_moment_of_a_session(tries: int) -> None:
    """It could only be missed then, and its sample would be a secret to no end."""
    one, last = waiting(1, Lane.RETRY, tries), NOW + RETRY_AFTER_S[tries]
    again = [
        retry_at(one, Finding.WITHHELD, is_vouched=True, now=NOW, until=until)
        for until in (last - 0.001, last)
    ]
    assert again == [None, last]


def test_what_nobody_vouches_for_is_asked_for_a_few_times_only() -> None:
    again = [
        retry_at(
            waiting(1, Lane.UNCERTIFIED, tries),
            Finding.INCONCLUSIVE,
            is_vouched=False,
            now=NOW,
            until=EVER,
        )
        for tries in range(UNCERTIFIED_TRIES + 1)
    ]
    assert [at is None for at in again] == [False] * (UNCERTIFIED_TRIES - 1) + [True, True]
    found = waiting(1, Lane.UNCERTIFIED, UNCERTIFIED_TRIES)
    again_at = retry_at(found, Finding.INCONCLUSIVE, is_vouched=True, now=NOW, until=EVER)
    assert again_at is not None


COMMITTEE = introduced([f"http://127.0.0.1:{port}" for port in range(1, 5)])
EVERYBODY = frozenset(range(4))


def after(*sessions: set[int]) -> Silence:
    """After sessions in which these members were silent and all others answered."""
    silence = Silence()
    for silent in sessions:
        silence.ended(COMMITTEE, silent=silent, answered=EVERYBODY - silent)
    return silence


def test_a_member_that_was_silent_in_a_row_is_expected_to_be() -> None:
    assert after(*[{2}] * (SILENT_SESSIONS - 1)).expected(COMMITTEE) == frozenset()
    silence = after(*[{2}] * SILENT_SESSIONS)
    assert silence.of(COMMITTEE.members[2].url) == SILENT_SESSIONS
    assert silence.expected(COMMITTEE) == {2}
    assert silence.expected(None) == frozenset()


def test_one_answer_takes_it_back_and_not_being_asked_does_not() -> None:
    silence = after(*[{2}] * SILENT_SESSIONS)
    silence.ended(COMMITTEE, silent=(), answered={0, 1})
    silence.ended(None, silent={0}, answered=())  # a node without a committee
    assert silence.expected(COMMITTEE) == {2}
    silence.ended(COMMITTEE, silent=(), answered={2})
    assert silence.of(COMMITTEE.members[2].url) == 0
    assert silence.expected(COMMITTEE) == frozenset()


def test_more_than_may_be_silent_are_not_done_without() -> None:
    assert COMMITTEE.keyset.faults == 1
    assert after(*[{1, 2}] * SILENT_SESSIONS).expected(COMMITTEE) == frozenset()


def test_now_and_then_nobody_is_expected_to_be_silent() -> None:
    silence = after()
    seen = []
    for _ in range(3 * RECHECK_SESSIONS):
        seen.append(silence.expected(COMMITTEE))
        silence.ended(COMMITTEE, silent={2}, answered=EVERYBODY - {2})
    asked_anew = [number for number, expected in enumerate(seen) if not expected]
    first = list(range(SILENT_SESSIONS))
    assert asked_anew == [*first, RECHECK_SESSIONS, 2 * RECHECK_SESSIONS]
