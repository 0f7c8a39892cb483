"""Whom to ask for which columns, what is waited for no longer, and what is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from da_node.client import NodeInfo, RetryPolicy
from da_node.client.acquaintance import AVOIDED_S, BELIEVED_S, LIAR_AVOIDED_S, Acquaintances
from da_node.client.gathering import (
    BATCH_BYTES,
    QUESTIONS,
    QUESTIONS_PER_NODE,
    SLOWER,
    Gathering,
    Question,
    What,
)
from da_node.client.retry import Failure
from da_node.client.roll import Roll
from da_node.errors import FalseAnswer, PeerUnreachable, UnknownBlob

HEDGE_S = 2.0
POLICY = RetryPolicy(attempts=3, first_s=1, longest_s=4, deadline_s=60)
GONE = Failure(error=PeerUnreachable(url="a", reason="gone"))
REFUSED = Failure(error=UnknownBlob(blob_id="x"))
LIE = FalseAnswer(url="a", what="column", reason="it does not hold")
DATA = range(64)
FOUR = {"a": range(32), "b": range(32, 64), "c": range(64, 96), "d": range(96, 128)}


class Read:
    """One read of a blob of small columns, unless told otherwise."""

    def __init__(self, arcs, wanted=DATA, *, known=None, any_64=True, custody=None, size=1000):
        self.known = known or Acquaintances(list(arcs))
        self.roll = Roll(list(arcs), POLICY)
        self.arcs = arcs
        self.gathering = Gathering(
            roll=self.roll,
            known=self.known,
            wanted=wanted,
            any_64=any_64,
            column_bytes=size,
            hedge_s=HEDGE_S,
            custody=custody,
        )

    def due(self, now=0.0) -> list[Question]:
        return self.gathering.due(now)

    def hear(self, *nodes: str, now=0.0) -> list[Question]:
        """Those nodes say what they keep; what is due after that."""
        for question in [q for q in self.due(now) if q.node in nodes]:
            assert question.what is What.ARC
            self.known.heard(info(question.node, self.arcs[question.node]), now)
            self.gathering.learned(question, self.arcs[question.node])
        return self.due(now)

    def deliver(self, *questions: Question, but=()) -> None:
        for question in questions:
            self.gathering.delivered(question, set(question.columns).difference(but))

    def fail(self, *questions: Question, failure=GONE, now=0.0) -> None:
        for question in questions:
            self.gathering.failed(question, failure, now=now, draw=0.5)


def info(node, columns, keyset_hash="0x01"):
    return NodeInfo(
        node=node,
        node_id="0x",
        version="1",
        keyset_hash=keyset_hash,
        columns=frozenset(columns),
        retention_s=1,
        time=1,
    )


def acquainted(arcs, now=0.0):
    """Everybody has said what it keeps."""
    known = Acquaintances(list(arcs))
    for node, columns in arcs.items():
        known.heard(info(node, columns), now)
    return known


def read(arcs, wanted=DATA, **options):
    return Read(arcs, wanted, known=acquainted(arcs), **options)


def asked(questions):
    """Columns by node."""
    found: dict[str, list[int]] = {}
    for question in questions:
        assert question.what is What.COLUMNS
        found.setdefault(question.node, []).extend(question.columns)
    return found


# ---------------------------------------------------------------- where to begin


def test_every_node_is_asked_at_once_what_it_keeps():
    questions = Read(FOUR).due()
    assert [(q.node, q.what) for q in questions] == [(node, What.ARC) for node in FOUR]


def test_a_read_begins_with_whoever_has_said_what_it_keeps():
    one = Read(FOUR)
    assert asked(one.hear("b")) == {"b": list(range(32, 64))}


def test_parity_is_not_asked_for_while_a_node_may_still_name_data():
    one = Read(FOUR)
    assert asked(one.hear("b", "c", "d")) == {"b": list(range(32, 64))}


def test_a_node_that_does_not_say_what_it_keeps_is_waited_for_no_longer_than_the_hedge_delay():
    one = Read(FOUR)
    one.deliver(*one.hear("b", "c", "d"))
    assert one.due(HEDGE_S - 0.1) == []
    assert one.gathering.wakes_at(0) == HEDGE_S
    found = asked(one.due(HEDGE_S))
    assert sorted(found) == ["c", "d"]
    assert sum(map(len, found.values())) == 32


def test_just_64_columns_are_asked_for_and_they_are_data():
    assert asked(read(FOUR).due()) == {"a": list(range(32)), "b": list(range(32, 64))}


def test_a_range_is_asked_of_those_who_hold_it_and_of_nobody_else():
    assert asked(read(FOUR, wanted=range(30, 34)).due()) == {"a": [30, 31], "b": [32, 33]}


def test_custody_is_asked_for_nothing_but_columns():
    one = Read(FOUR, custody=FOUR)
    assert asked(one.due()) == {"a": list(range(32)), "b": list(range(32, 64))}


def test_nodes_that_keep_the_same_share_it():
    found = asked(read({"a": range(128), "b": range(128)}).due())
    assert [len(found["a"]), len(found["b"])] == [32, 32]


def test_columns_that_one_node_keeps_leave_the_others_to_the_other():
    found = asked(read({"a": range(64), "b": range(32)}).due())
    assert found == {"a": list(range(32, 64)), "b": list(range(32))}


def test_the_fastest_nodes_are_asked_for_most():
    arcs = {"slow": range(128), "fast": range(128)}
    known = acquainted(arcs)
    known.measured("slow", 1_000_000, 3.0)
    known.measured("fast", 1_000_000, 1.0)
    found = asked(Read(arcs, known=known, size=10_000).due())
    assert (len(found["fast"]), len(found["slow"])) == (48, 16)


def test_parity_comes_from_the_fastest_too():
    arcs = {"a": range(32), "slow": range(64, 128), "fast": range(64, 128)}
    known = acquainted(arcs)
    known.measured("slow", 1_000_000, 9.0)
    known.measured("fast", 1_000_000, 1.0)
    found = asked(Read(arcs, known=known, size=10_000).due())
    assert len(found["a"]) == 32
    assert len(found["fast"]) > len(found.get("slow", []))


def test_large_columns_come_in_several_questions_a_few_at_a_time():
    one = read({"a": range(128)}, size=1 << 20)
    first = one.due()
    assert len(first) == QUESTIONS_PER_NODE
    assert all(0 < len(q.columns) << 20 <= BATCH_BYTES for q in first)
    assert one.due() == []
    one.gathering.arrived(first[0])
    (second,) = one.due()
    assert not set(second.columns) & {c for q in first for c in q.columns}


def test_no_more_questions_are_under_way_than_may_be():
    many = {f"n{place}": range(128) for place in range(40)}
    assert len(Read(many).due()) == QUESTIONS


# ---------------------------------------------------------------- silence


def test_what_a_silent_node_was_asked_for_is_asked_of_another_who_holds_it():
    one = read({"a": range(64), "b": range(64)})
    first, second = one.due()
    one.deliver(second)
    assert one.due(HEDGE_S - 0.1) == []
    assert asked(one.due(HEDGE_S)) == {"b": list(first.columns)}


def test_or_other_columns_that_do_as_well():
    one = read(FOUR)
    first, second = one.due()
    one.deliver(second)
    found = asked(one.due(HEDGE_S))
    assert first.node == "a"
    assert sorted(found) == ["c", "d"]
    assert sum(map(len, found.values())) == 32


def test_whoever_comes_first_counts_and_the_other_is_dropped():
    one = read({"a": range(64), "b": range(64)})
    first, second = one.due()
    one.deliver(second)
    (hedge,) = one.due(HEDGE_S)
    one.deliver(first)
    assert one.gathering.is_complete
    assert one.gathering.drop_pointless(HEDGE_S) == [hedge]
    assert one.due(HEDGE_S) == []


def test_a_question_for_what_has_come_meanwhile_is_dropped_before_the_end():
    one = read({"a": range(64), "b": range(32)}, wanted=range(64))
    questions = {q.node: q for q in one.due()}
    hedge = one.due(HEDGE_S)
    assert hedge == []  # both are silent, and nobody else holds anything
    one.deliver(questions["a"])
    (hedge,) = one.due(HEDGE_S)
    assert (hedge.node, hedge.columns) == ("a", questions["b"].columns)
    one.gathering.arrived(hedge)
    one.deliver(hedge)
    assert one.gathering.drop_pointless(HEDGE_S) == [questions["b"]]


def test_a_node_that_goes_on_sending_is_not_silent():
    one = read({"a": range(64), "b": range(64)}, size=1 << 20)
    questions = one.due()
    for question in questions:
        one.gathering.progressed(question, 1.5)
    assert one.gathering.wakes_at(2) == 1.5 + HEDGE_S


def test_but_one_that_is_much_slower_than_others_is_not_waited_for_alone():
    arcs = {"a": range(64), "b": range(64)}
    known = acquainted(arcs)
    for node in arcs:
        known.measured(node, 1 << 20, 1 / SLOWER)  # so that a second is slow for each column
    one = Read(arcs, known=known, size=1 << 20)
    questions = one.due()
    slow_s = min(len(question.columns) for question in questions)
    for question in questions:
        one.gathering.progressed(question, slow_s)
    assert one.gathering.wakes_at(slow_s) == slow_s + HEDGE_S
    for question in questions:
        one.gathering.progressed(question, slow_s + HEDGE_S - 0.1)
    assert one.gathering.wakes_at(slow_s) == slow_s + HEDGE_S


def test_an_answer_that_is_being_verified_is_not_overdue():
    one = read({"a": range(64), "b": range(64)})
    first, second = one.due()
    one.gathering.arrived(first)
    one.deliver(second)
    assert one.due(100) == []
    assert one.gathering.wakes_at(100) is None


def test_a_slow_node_is_waited_for_where_there_is_no_other():
    one = read({"a": range(64)})
    (question,) = one.due()
    assert one.due(100) == []
    one.deliver(question)
    assert one.gathering.is_complete


def test_the_longest_silent_make_way_where_there_are_too_many():
    many = {f"n{place}": range(128) for place in range(QUESTIONS + 3)}
    one = Read(many)
    silent = one.due()
    assert len(silent) == QUESTIONS
    assert one.due(HEDGE_S) == []
    assert one.gathering.drop_pointless(HEDGE_S) == silent[: QUESTIONS // 2]
    asked_now = one.due(HEDGE_S)
    assert {q.what for q in asked_now} == {What.ARC}
    assert {q.node for q in asked_now} == set(many) - {q.node for q in silent}


def test_columns_are_asked_for_before_more_nodes_are_heard():
    many = {f"n{place}": range(128) for place in range(QUESTIONS + 3)}
    one = Read(many)
    one.due()
    first = Question(number=0, node="n0", what=What.ARC)
    one.known.heard(info("n0", range(128)), 0)
    one.gathering.learned(first, range(128))
    (question,) = one.due()
    assert (question.node, question.columns) == ("n0", tuple(DATA))


# ---------------------------------------------------------------- failures


def test_others_are_asked_while_a_node_rests():
    one = read(FOUR)
    one.fail(one.due()[0])
    found = asked(one.due())
    assert "a" not in found
    assert sum(map(len, found.values())) == 32
    assert one.gathering.wakes_at(0) == HEDGE_S


def test_a_node_that_rests_is_waited_for_where_the_others_are_not_enough():
    one = read({"a": range(64)})
    one.fail(*one.due())
    assert one.due() == []
    assert one.gathering.wakes_at(0) == 0.75
    assert asked(one.due(0.75)) == {"a": list(DATA)}


def test_a_liar_is_asked_no_more_and_what_it_delivered_before_stays():
    one = read({"a": range(64), "b": range(64)}, size=1 << 20)
    first, second, third, fourth = one.due()
    assert first.node == second.node == "a"
    one.deliver(first)
    (after,) = one.due()
    one.gathering.lied(second, LIE, 0)
    # What else it was asked for is not waited for.
    assert one.gathering.drop_pointless(0) == [after]
    one.deliver(third, fourth)
    assert set(first.columns) <= one.gathering.held
    assert set(asked(one.due())) == {"b"}
    assert "does not hold" in one.roll.failures["a"]


def test_what_a_node_failed_to_deliver_is_asked_of_others_and_not_of_it_again():
    one = read({"a": range(128), "b": range(64)})
    questions = {q.node: q for q in one.due()}
    one.deliver(questions["b"])
    one.deliver(questions["a"], but=questions["a"].columns)
    found = [q for q in one.due() if q.what is What.COLUMNS]
    assert asked(found) == {"b": list(questions["a"].columns)}


def test_what_nodes_hold_beyond_what_they_keep_is_asked_for_where_that_is_too_little():
    one = read({"a": range(32), "b": range(10, 40)})
    *columns, first, second = one.due()
    assert [(q.node, q.what) for q in (first, second)] == [("a", What.STATUS), ("b", What.STATUS)]
    assert sorted(c for q in columns for c in q.columns) == list(range(40))
    one.fail(first, failure=REFUSED)
    one.gathering.learned(second, range(40, 64))
    assert asked(one.due()) == {"b": list(range(40, 64))}


def test_what_a_node_said_it_holds_is_not_taken_back_by_what_it_keeps():
    """As after a rotation: of a blob of before it holds another arc than it keeps now."""
    one = read({"a": range(10)}, size=BATCH_BYTES // 20)
    first, status = one.due()
    assert (first.what, status.what) == (What.COLUMNS, What.STATUS)
    one.gathering.learned(status, range(80))
    waiting, heard, missing = [first], False, {3}
    while waiting:
        question = waiting.pop(0)
        if question.what is What.ARC:  # it is doubted, since it did not hold all that it said
            one.gathering.learned(question, range(10))
            heard = True
        else:
            one.deliver(question, but=missing)
        waiting += one.due()
    assert heard
    assert one.gathering.is_complete


def test_what_is_too_little_still_comes_in_and_then_it_is_stuck():
    one = read({"a": range(10), "b": range(64, 74)})
    data, first, second = one.due()
    assert asked([data]) == {"a": list(range(10))}
    for question in (first, second):
        one.gathering.learned(question, one.arcs[question.node])
    (parity,) = one.due()
    assert asked([parity]) == {"b": list(range(64, 74))}
    assert not one.gathering.is_stuck(0)
    one.deliver(data, parity)
    assert one.due() == []
    assert one.gathering.is_stuck(0)
    assert one.gathering.held == {*range(10), *range(64, 74)}


def test_one_that_is_overdue_does_not_keep_a_gathering_from_being_stuck():
    one = read({"a": range(64), "b": range(32)})
    questions = {q.node: q for q in one.due()}
    one.deliver(questions["b"])
    for question in one.due(HEDGE_S):
        one.gathering.learned(question, one.arcs[question.node])
    assert one.due(HEDGE_S) == []
    assert one.gathering.is_stuck(HEDGE_S)
    one.deliver(questions["a"])
    assert one.gathering.is_complete


def test_exactly_the_columns_asked_for_are_not_stood_in_for():
    one = read(FOUR, wanted=[5, 70], any_64=False)
    first, second = one.due()
    one.fail(first, failure=REFUSED)
    one.deliver(second)
    while questions := one.due():
        assert all(q.what is not What.COLUMNS for q in questions)
        one.fail(*questions, failure=REFUSED)
    assert not one.gathering.is_complete
    assert one.gathering.held == {70}


def test_one_that_refuses_to_say_what_it_keeps_may_keep_everything():
    one = Read({"a": range(32)})
    one.fail(*one.due(), failure=REFUSED)
    assert asked(one.due()) == {"a": list(DATA)}


# ---------------------------------------------------------------- from one read to the next


def test_a_second_read_asks_nobody_what_it_keeps():
    one = Read(FOUR)
    one.hear(*FOUR)
    two = Read(FOUR, known=one.known)
    assert asked(two.due(BELIEVED_S - 1)) == {"a": list(range(32)), "b": list(range(32, 64))}


def test_after_a_while_nodes_are_asked_anew_and_believed_meanwhile():
    questions = Read(FOUR, known=acquainted(FOUR)).due(BELIEVED_S)
    assert [q.node for q in questions if q.what is What.ARC] == list(FOUR)
    assert len([q for q in questions if q.what is What.COLUMNS]) == 2


def test_a_column_that_was_not_there_makes_its_node_be_asked_anew():
    one = read(FOUR)
    first, second = one.due()
    one.deliver(first, but=[3])
    one.deliver(second)
    again = Read(FOUR, known=one.known).due()
    assert [q.node for q in again if q.what is What.ARC] == ["a"]


def test_custody_that_was_not_there_says_nothing_about_today():
    one = Read(FOUR, known=acquainted(FOUR), custody=FOUR)
    first, _ = one.due()
    one.deliver(first, but=[3])
    assert one.known.is_current("a", 0)


def test_a_committee_that_changed_makes_everybody_be_asked_anew():
    known = acquainted(FOUR)
    known.heard(info("b", range(5), keyset_hash="0x02"), 1)
    assert [node for node in FOUR if known.is_current(node, 1)] == ["b"]


def test_a_silent_node_is_left_out_of_the_next_read_and_comes_back():
    one = read(FOUR)
    first, second = one.due()
    one.deliver(second)
    one.deliver(*one.due(HEDGE_S))
    assert one.gathering.is_complete
    assert one.gathering.drop_pointless(HEDGE_S) == [first]
    assert "a" not in asked(Read(FOUR, known=one.known).due(HEDGE_S))
    assert "a" in asked(Read(FOUR, known=one.known).due(HEDGE_S + AVOIDED_S))


def test_an_avoided_node_is_asked_where_the_others_are_not_enough():
    arcs = {"a": range(64), "b": range(32)}
    known = acquainted(arcs)
    known.failed("a", 0)
    assert set(asked(Read(arcs, known=known).due())) == {"a", "b"}


def test_for_a_short_range_one_that_failed_lately_is_asked_before_64_others():
    known = acquainted(FOUR)
    known.failed("a", 0)
    one = Read(FOUR, wanted=[5], known=known)
    assert asked(one.due()) == {"a": [5]}
    # And no longer than the hedge delay is lost by that.
    assert sum(map(len, asked(one.due(HEDGE_S)).values())) == 64


def test_but_not_one_that_was_silent_since_that_costs_the_hedge_delay_each_time():
    known = acquainted(FOUR)
    known.silent("a", 0)
    found = asked(Read(FOUR, wanted=[5], known=known).due())
    assert "a" not in found
    assert sum(map(len, found.values())) == 64


def test_a_liar_is_avoided_for_longer():
    known = acquainted(FOUR)
    known.lied("a", 0)
    known.failed("b", 0)
    assert known.by_trust(FOUR, 0) == ["c", "d", "a", "b"]
    assert known.by_trust(FOUR, AVOIDED_S) == ["b", "c", "d", "a"]
    assert known.by_trust(FOUR, LIAR_AVOIDED_S) == ["a", "b", "c", "d"]


def test_estimates_follow_what_is_measured():
    known = Acquaintances(["a", "b"])
    assert known.best_byte_s is None
    for _ in range(40):
        known.measured("a", 1_000_000, 2.0)
        known.measured("a", 90, 0.1)
    expected = known.expected(["a", "b"], 1_000_000)
    assert expected["a"].seconds(3) == pytest.approx(6.1)
    assert expected["b"].seconds(3) == pytest.approx(6.1)
    for _ in range(40):
        known.measured("a", 1_000_000, 1.0)
    assert known.best_byte_s == pytest.approx(1e-6, rel=0.01)


# ---------------------------------------------------------------- whatever happens

EVENTS = st.sampled_from(["deliver", "less", "lose", "refuse", "lie", "wait", "arrive"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 127)), min_size=1, max_size=5),
    st.lists(st.integers(0, 63), min_size=1, unique=True),
    st.lists(st.tuples(EVENTS, st.integers(0, 30)), max_size=80),
)
def test_a_gathering_ends_and_asks_for_nothing_pointless(held, wanted, events):
    arcs = {f"n{place}": columns for place, columns in enumerate(held)}
    one = Read(arcs, sorted(wanted))
    under_way: list[Question] = []
    now = 0.0
    script = iter(events)
    for _ in range(2000):
        for question in one.due(now):
            # No column is asked for that is here, nor of a node that failed to deliver it.
            assert not one.gathering.held.intersection(question.columns)
            under_way.append(question)
        assert len(under_way) <= QUESTIONS
        wakes_at = one.gathering.wakes_at(now)
        if one.gathering.is_complete or (not under_way and wakes_at is None):
            break
        event, pick = next(script, ("deliver", 0))
        if event == "wait" or not under_way:
            now = max(now, wakes_at or now) if wakes_at is not None else now
            if not under_way or wakes_at is not None:
                continue
        question = under_way[pick % len(under_way)]
        if event == "arrive":
            one.gathering.arrived(question)
            continue
        under_way.remove(question)
        if event == "lose":
            one.fail(question, now=now)
        elif event == "refuse":
            one.fail(question, failure=REFUSED, now=now)
        elif event == "lie":
            one.gathering.lied(question, LIE, now)
        elif question.what is What.COLUMNS:
            truly = arcs[question.node].intersection(question.columns)
            one.deliver(question, but=set(question.columns) - (set() if event == "less" else truly))
        else:
            one.gathering.learned(question, arcs[question.node])
        for dropped in one.gathering.drop_pointless(now):
            under_way.remove(dropped)
    else:
        raise AssertionError("it does not end")
    if not events:
        everything = set().union(*held)
        enough = everything >= set(wanted) or len(everything) >= 64
        assert one.gathering.is_complete == enough
