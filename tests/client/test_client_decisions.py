"""What to retry, whom to ask, what an answer may be: decided without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.client.addresses import node_urls
from da_node.client.choosing import Race, verdict_of
from da_node.client.enough import enough_points, is_enough
from da_node.client.retry import Failure, RetryPolicy, parse_retry_after
from da_node.client.roll import Roll
from da_node.client.together import both
from da_node.client.wire import batches, even_batches, split_columns, split_points
from da_node.coding import POINTS_PER_COLUMN
from da_node.errors import (
    BadConfiguration,
    BadPath,
    Bug,
    EmptyPayload,
    FalseAnswer,
    HoldfastError,
    NoNode,
    NotEnough,
    NotReady,
    PayloadTooLarge,
    PeerUnreachable,
    Pruned,
    Rejected,
    StoreFull,
    TooManyRequests,
    UnknownBlob,
)

POLICY = RetryPolicy(attempts=4, first_s=1, longest_s=3, deadline_s=20)
LOST = PeerUnreachable(url="a", reason="lost")


# ---------------------------------------------------------------- retry


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        NotReady(reason="x"),
        TooManyRequests(what="x", bound=1),
        StoreFull(needed_bytes=1, free_bytes=0, budget_bytes=0),
    ],
)
def test_what_is_nobodys_fault_may_be_tried_again(error):
    assert Failure(error=error).may_retry


@pytest.mark.parametrize(
    "error",
    [
        EmptyPayload(bound=1),
        UnknownBlob(blob_id="x"),
        BadPath(item=0, unit="x", index=0, root="x"),
        FalseAnswer(url="a", what="x", reason="x"),
        NotEnough(unit="x", held=0, needed=1),
        Bug(reason="x"),
    ],
)
def test_a_refusal_a_lie_and_a_lack_are_final(error):
    assert not Failure(error=error).may_retry
    assert POLICY.delay_s(Failure(error=error), made=1, elapsed_s=0, draw=0) is None


def test_pauses_double_up_to_the_longest_and_end_with_the_attempts():
    failure = Failure(error=LOST)
    pauses = [POLICY.delay_s(failure, made=made, elapsed_s=0, draw=0) for made in (1, 2, 3, 4)]
    assert pauses == [0.5, 1.0, 1.5, None]
    assert POLICY.delay_s(failure, made=3, elapsed_s=0, draw=0.999) == pytest.approx(3, rel=0.01)


def test_no_pause_goes_past_the_deadline():
    failure = Failure(error=LOST)
    assert POLICY.delay_s(failure, made=1, elapsed_s=19.5, draw=0) == 0.5
    assert POLICY.delay_s(failure, made=1, elapsed_s=19.6, draw=0) is None
    late = Failure(error=LOST, retry_after_s=20)
    assert POLICY.delay_s(late, made=1, elapsed_s=0, draw=0) is None


@given(st.floats(0, 15), st.floats(0, 1, exclude_max=True))
def test_never_earlier_than_the_node_asked_for(retry_after_s, draw):
    failure = Failure(error=LOST, retry_after_s=retry_after_s)
    delay_s = POLICY.delay_s(failure, made=1, elapsed_s=0, draw=draw)
    assert retry_after_s < delay_s <= retry_after_s + 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("7", 7),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("9" * 400, 999_999_999),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_nothing(text, seconds):
    assert parse_retry_after(text) == seconds


# ---------------------------------------------------------------- roll


def lose(roll, node, *, now, began=None, retry_after_s=None):
    failure = Failure(error=LOST, retry_after_s=retry_after_s)
    roll.failed(node, failure, began=now if began is None else began, now=now, draw=0)


def test_a_node_that_failed_rests_and_comes_back():
    roll = Roll(["a", "b"], POLICY)
    lose(roll, "a", began=0, now=1, retry_after_s=5)
    assert roll.may_ask(now=1) == ["b"]
    assert roll.wakes_at(now=1) == 1 + 5 + 0.5
    assert roll.wakes_at(now=1, nodes=["b"]) is None
    assert roll.may_ask(now=7) == ["a", "b"]
    assert roll.wakes_at(now=7) is None
    assert roll.failures == {"a": "a: lost"}


def test_failures_in_a_row_end_a_node_and_an_answer_between_them_does_not():
    roll = Roll(["a"], POLICY)
    for now in range(3):
        lose(roll, "a", now=now)
    roll.answered("a")
    for now in range(3, 6):
        lose(roll, "a", now=now)
    assert roll.nodes == ["a"]
    lose(roll, "a", now=6)
    assert roll.nodes == []
    assert roll.may_ask(now=100) == []
    assert roll.wakes_at(now=0) is None


def test_requests_lost_together_are_one_failure():
    roll = Roll(["a"], POLICY)
    for _ in range(POLICY.attempts):
        lose(roll, "a", began=0, now=1)
    assert roll.nodes == ["a"]
    for now in (2, 3, 4):
        lose(roll, "a", now=now)
    assert roll.nodes == []


def test_a_refusal_and_a_lie_end_a_node_at_once():
    roll = Roll(["a", "b"], POLICY)
    refusal = Failure(error=UnknownBlob(blob_id="x"))
    roll.failed("a", refusal, began=0, now=0, draw=0)
    roll.give_up("b", FalseAnswer(url="b", what="column", reason="it lied"))
    assert roll.nodes == []
    assert "it lied" in roll.failures["b"]


# ---------------------------------------------------------------- race


def race(*nodes, hedge_s=None):
    roll = Roll(nodes, POLICY)
    return roll, Race(roll, nodes, hedge_s)


def test_the_next_node_is_asked_as_soon_as_one_fails_and_not_before():
    roll, found = race("a", "b")
    assert found.begin_due(0) == "a"
    assert found.begin_due(100) is None
    assert found.wakes_at(100) is None
    lose(roll, "a", began=found.failed("a"), now=100)
    assert found.begin_due(100) == "b"


def test_a_silent_node_is_joined_by_the_next_after_the_hedge_delay():
    _, found = race("a", "b", "c", hedge_s=2)
    assert found.begin_due(0) == "a"
    assert (found.begin_due(1.9), found.wakes_at(1.9)) == (None, 2)
    assert found.begin_due(2) == "b"
    assert (found.begin_due(2), found.wakes_at(2)) == (None, 4)
    assert found.silent(3) == ["a"]
    assert found.begin_due(4) == "c"
    assert (found.begin_due(9), found.wakes_at(9)) == (None, None)


def test_a_failed_node_is_asked_again_and_one_that_has_passed_is_not():
    roll, found = race("a", "b")
    found.begin_due(0)
    lose(roll, "a", began=found.failed("a"), now=0)
    assert found.begin_due(0) == "b"
    found.passed("b")
    assert (found.begin_due(0), found.wakes_at(0)) == (None, 0.5)
    assert found.begin_due(0.5) == "a"
    found.passed("a")
    assert (found.begin_due(9), found.wakes_at(9)) == (None, None)


# ---------------------------------------------------------------- enough


@given(st.sets(st.integers(0, 127)), st.sets(st.integers(0, 63)))
def test_columns_are_enough_if_they_hold_what_is_read_or_are_64(held, wanted):
    assert is_enough(held, wanted) == (wanted <= held or len(held) >= 64)


def test_enough_points_is_the_bound_itself():
    full = [point for column in range(63) for point in range(64 * column, 64 * column + 64)]
    rest = [64 * 63 + offset for offset in range(64)]
    assert not enough_points(full + rest[:-1], certified=False)
    assert enough_points(full + rest, certified=False)
    spread = [64 * column + offset for column in range(128) for offset in range(48)]
    assert enough_points(spread, certified=False)
    assert not enough_points(spread[:-1], certified=False)
    halves = [64 * column + offset for column in range(128) for offset in range(32)]
    assert not enough_points(halves, certified=False)
    assert enough_points(halves, certified=True)
    assert not enough_points(halves[:-1], certified=True)


@given(st.integers(0, 40), st.integers(1, 12))
def test_even_batches_are_as_few_and_differ_by_one_at_most(count, most):
    items = list(range(count))
    found = even_batches(items, each=1, most=most)
    assert [item for batch in found for item in batch] == items
    assert len(found) == len(batches(items, each=1, most=most))
    sizes = {len(batch) for batch in found}
    assert not sizes or max(sizes) <= min(min(sizes) + 1, most)


def test_batches_are_full_and_hold_at_least_one():
    assert batches([1, 2, 3, 4, 5], each=10, most=25) == [[1, 2], [3, 4], [5]]
    assert batches([1, 2], each=10, most=5) == [[1], [2]]
    assert batches([], each=10, most=5) == []


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize("kind", ["column", "point"])
def test_an_answer_is_items_asked_for_or_refused_at_every_length(sample, kind):
    blob = sample.blob
    make = blob.column if kind == "column" else blob.point
    split = split_columns if kind == "column" else split_points
    asked = [5, 2, 9]
    parts = [make(index).serialize() for index in asked]
    whole = b"".join(parts)
    size = len(parts[0])
    for length in range(0, len(whole) + 2, 1 if kind == "point" else 97):
        data = (whole + b"\0")[:length]
        if length % size == 0:
            found = split(blob.header, asked, data)
            assert [item.index for item in found] == asked[: length // size]
        else:
            with pytest.raises(Rejected):
                split(blob.header, asked, data)
    left_out = split(blob.header, asked, parts[0] + parts[2])
    assert [item.index for item in left_out] == [5, 9]
    for wrong in (parts[1] + parts[0], parts[0] * 2, make(7).serialize()):
        with pytest.raises(Rejected):
            split(blob.header, asked, wrong)


def test_points_of_a_column_are_64():
    assert POINTS_PER_COLUMN == 64


# ---------------------------------------------------------------- addresses and verdicts


def test_addresses_are_base_urls_each_once_in_order():
    assert node_urls("http://a:1/") == ("http://a:1",)
    assert node_urls(["https://b/x/", "http://[::1]:8", "https://b/x"]) == (
        "https://b/x",
        "http://[::1]:8",
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a:1",
        "ftp://a",
        "http://",
        "http://a:x",
        "http://a:0",
        "http://a:70000",
        "http://a?x=1",
        "http://a#x",
        "http://user@a",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_named(address):
    with pytest.raises(BadConfiguration, match="not an address"):
        node_urls(address)


def test_no_address_at_all_is_refused():
    with pytest.raises(BadConfiguration, match="no address"):
        node_urls([])


UNKNOWN = UnknownBlob(blob_id="x")


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ([LOST], PeerUnreachable),
        ([UNKNOWN, UNKNOWN], UnknownBlob),
        ([UNKNOWN, LOST], NoNode),
        ([LOST, LOST], NoNode),
        ([UNKNOWN, LOST, Pruned(blob_id="x", expired_at=1)], Pruned),
        ([UNKNOWN, PayloadTooLarge(value=1, bound=1)], NoNode),
    ],
)
def test_the_verdict_is_no_surer_than_what_the_nodes_said(errors, verdict):
    found = verdict_of("header", {f"n{place}": error for place, error in enumerate(errors)})
    assert type(found) is verdict
    if isinstance(found, NoNode):
        assert set(found.failures) == {f"n{place}" for place in range(len(errors))}


# ---------------------------------------------------------------- at once


async def _value(value):
    if isinstance(value, HoldfastError):
        raise value
    return value


async def test_results_come_in_order_and_an_error_as_it_is():
    assert await both(_value(1), _value("x")) == (1, "x")
    with pytest.raises(PeerUnreachable):
        await both(_value(LOST), _value(1))
