"""What to retry, whom to ask, what an answer may be: decided without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.client.addresses import node_urls
from da_node.client.choosing import verdict_of
from da_node.client.retry import Failure, RetryPolicy, parse_retry_after
from da_node.client.survey import Survey, batches, enough_points, is_enough, next_columns
from da_node.client.together import both, together
from da_node.client.wire import split_columns, split_points
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


# ---------------------------------------------------------------- survey


def survey(**held):
    found = Survey(list(held), POLICY)
    for node, columns in held.items():
        found.learn(node, columns)
    return found


def test_every_askable_column_is_asked_once_of_one_who_holds_it():
    found = survey(a=range(0, 10), b=range(5, 15), c=[])
    asked = found.assign(list(range(20)), now=0)
    assert sorted(column for columns in asked.values() for column in columns) == list(range(15))
    assert set(asked["a"]) <= set(range(10))
    assert "c" not in asked


def test_columns_with_one_holder_leave_the_others_to_the_other():
    found = survey(a=range(10), b=range(5))
    assert found.assign(list(range(10)), now=0) == {"a": [5, 6, 7, 8, 9], "b": [0, 1, 2, 3, 4]}


@given(
    st.lists(st.sets(st.integers(0, 127)), min_size=1, max_size=6),
    st.sets(st.integers(0, 127)),
)
def test_an_assignment_covers_what_is_held_and_nothing_else(held, wanted):
    found = survey(**{f"n{place}": columns for place, columns in enumerate(held)})
    asked = found.assign(sorted(wanted), now=0)
    everything = [column for columns in asked.values() for column in columns]
    assert sorted(everything) == sorted(wanted & found.askable(now=0))
    assert all(set(columns) <= held[int(node[1:])] for node, columns in asked.items())


def test_what_a_node_failed_to_deliver_is_not_believed_again():
    found = survey(a=[1, 2, 3])
    found.delivered("a", missing=[2])
    assert found.askable(now=0) == {1, 3}
    found.learn("a", [1, 2, 3, 4])
    assert found.askable(now=0) == {1, 3, 4}


def test_a_node_that_failed_rests_and_comes_back():
    found = survey(a=[1], b=[1, 2])
    found.failed("a", Failure(error=LOST, retry_after_s=5), began=0, now=1, draw=0)
    assert found.askable(now=1) == {1, 2}
    assert found.assign([1], now=1) == {"b": [1]}
    assert found.wakes_at(now=1) == 1 + 5 + 0.5 == found.rests_until("a")
    assert found.next_node(now=1) == "b"
    assert found.next_node(now=7) == "a"
    assert found.wakes_at(now=7) is None
    assert found.failures == {"a": "a: lost"}


def test_failures_in_a_row_end_a_node_and_a_delivery_between_them_does_not():
    found = survey(a=[1])
    for now in range(3):
        found.failed("a", Failure(error=LOST), began=now, now=now, draw=0)
    found.delivered("a", missing=[])
    for now in range(3, 6):
        found.failed("a", Failure(error=LOST), began=now, now=now, draw=0)
    assert found.nodes == ["a"]
    found.failed("a", Failure(error=LOST), began=6, now=6, draw=0)
    assert found.nodes == []
    assert found.askable(now=100) == set()
    assert found.next_node(now=100) is None
    assert found.wakes_at(now=0) is None


def test_a_refusal_and_a_lie_end_a_node_at_once():
    found = survey(a=[1], b=[1])
    found.failed("a", Failure(error=UnknownBlob(blob_id="x")), began=0, now=0, draw=0)
    found.give_up("b", "it lied")
    assert found.nodes == []
    assert found.failures["b"] == "it lied"


# ---------------------------------------------------------------- which columns


ALL = set(range(128))


def test_just_the_wanted_columns_where_all_can_be_had():
    assert next_columns(set(), ALL, [3, 4]) == [3, 4]
    assert next_columns({3}, ALL, [3, 4]) == [4]


def test_any_64_with_data_first_where_a_wanted_one_cannot():
    assert next_columns(set(), ALL - {3}, range(64)) == [*range(3), *range(4, 65)]
    assert next_columns(set(range(63)), ALL - {63}, range(64)) == [64]
    assert next_columns({1}, ALL - {0}, [0]) == list(range(2, 65))


def test_none_where_what_is_askable_cannot_do():
    assert next_columns(set(), set(range(1, 64)), [0]) == []


@given(st.sets(st.integers(0, 127), max_size=63), st.sets(st.integers(0, 127)), st.integers(0, 63))
def test_what_is_asked_for_is_enough_and_askable_and_new(held, askable, last):
    wanted = range(last + 1)
    columns = next_columns(held, askable, wanted)
    assert set(columns) <= askable - held
    reachable = held | askable
    possible = reachable.issuperset(wanted) or len(reachable) >= 64
    if columns:
        assert is_enough(held | set(columns), wanted)
    else:
        assert is_enough(held, wanted) or not (possible and askable - held)


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
    assert await together(_value(value) for value in (1, 2)) == [1, 2]
    assert await both(_value(1), _value("x")) == (1, "x")
    with pytest.raises(PeerUnreachable):
        await together([_value(1), _value(LOST)])
    with pytest.raises(PeerUnreachable):
        await both(_value(LOST), _value(1))
