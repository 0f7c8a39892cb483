"""Ranges, conditions, parameters and clients' names: pure, whole, at every edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.errors import (
    IndexOutOfRange,
    MalformedRequest,
    RangeNotSatisfiable,
    RepeatedIndex,
)
from da_node.service.http import parameters
from da_node.service.http.clients import client_of
from da_node.service.http.ranges import entity_tag, is_known, parse_range, range_applies

# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=9-9", (9, 10)),
        ("bytes=3-", (3, 10)),
        ("bytes=3-100", (3, 10)),
        ("bytes=-1", (9, 10)),
        ("bytes=-10", (0, 10)),
        ("bytes=-11", (0, 10)),
        ("BYTES = 2 - 3 ", (2, 4)),
    ],
)
def test_a_range_names_a_part(value: str, part: tuple[int, int]) -> None:
    found = parse_range(value, 10)
    assert found is not None
    assert (found.start, found.stop) == part
    assert found.content_range == f"bytes {part[0]}-{part[1] - 1}/10"


@pytest.mark.parametrize("value", [None, "items=0-1", "bytes=0-1,3-4", "lines=x", ""])
def test_what_is_no_single_range_of_bytes_means_the_whole(value: str | None) -> None:
    assert parse_range(value, 10) is None


@pytest.mark.parametrize("value", ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999-"])
def test_a_range_past_the_end_is_not_satisfiable(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(value, 10)


NO_RANGES = ("", "-", "5-4", "a-b", "1", "+1-2", "1-2x", "9999999999999999999-", "١-٢")


@pytest.mark.parametrize("value", [f"bytes={part}" for part in NO_RANGES])
def test_a_range_that_is_none_is_malformed(value: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_range(value, 10)


@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_slicing_gives(length: int, first: int, last: int) -> None:
    content = bytes(range(length))
    try:
        found = parse_range(f"bytes={first}-{last}", length)
    except MalformedRequest:
        assert last < first
    except RangeNotSatisfiable:
        assert first >= length
    else:
        assert found is not None
        assert content[found.start : found.stop] == content[first : last + 1] != b""


@given(st.text(max_size=40))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    for value in (text, "bytes=" + text):
        try:
            found = parse_range(value, 10)
        except (MalformedRequest, RangeNotSatisfiable):
            continue
        assert found is None or 0 <= found.start < found.stop <= 10


def test_conditions_compare_tags() -> None:
    tag = entity_tag("0xab")
    assert tag == '"0xab"'
    assert is_known(tag, tag)
    assert is_known(f'"other", W/{tag}', tag)
    assert is_known("*", tag)
    assert not is_known(None, tag)
    assert not is_known('"other"', tag)
    assert range_applies(None, tag)
    assert range_applies(tag, tag)
    assert not range_applies("W/" + tag, tag)
    assert not range_applies("Wed, 21 Oct 2015 07:28:00 GMT", tag)


# ---------------------------------------------------------------- parameters


def test_indices_keep_their_order() -> None:
    assert parameters.indices("5,0,127", "column", count=128, most=128) == [5, 0, 127]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, MalformedRequest),
        ("", MalformedRequest),
        ("1,,2", MalformedRequest),
        ("1, 2", MalformedRequest),
        ("-1", MalformedRequest),
        ("1.0", MalformedRequest),
        ("١", MalformedRequest),
        ("9" * 20, MalformedRequest),
        ("1,2,3,4", MalformedRequest),
        ("8", IndexOutOfRange),
        ("1,1", RepeatedIndex),
        ("1,01", RepeatedIndex),
    ],
)
def test_bad_indices_are_refused(text: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        parameters.indices(text, "column", count=8, most=3)


def test_a_parameter_is_given_once() -> None:
    assert parameters.single([], "after") is None
    assert parameters.single(["1"], "after") == "1"
    with pytest.raises(MalformedRequest):
        parameters.single(["1", "2"], "after")


@pytest.mark.parametrize("text", ["", "0", "11", "x", "-1", "9" * 30, " 1"])
def test_a_number_is_within_its_bounds(text: str) -> None:
    assert parameters.number("10", "limit", least=1, most=10) == 10
    with pytest.raises(MalformedRequest):
        parameters.number(text, "limit", least=1, most=10)


def test_a_label_is_64_bytes_of_printable_utf8() -> None:
    assert parameters.label(None, "label") == ""
    assert parameters.label("", "label") == ""
    assert parameters.label("é" * 32, "label") == "é" * 32
    for text in ("é" * 33, "a\nb", "\udcff", "\x7f"):
        with pytest.raises(MalformedRequest) as refused:
            parameters.label(text, "label")
        str(refused.value).encode()


# ---------------------------------------------------------------- clients


@pytest.mark.parametrize(
    ("peer", "forwarded", "trust", "name"),
    [
        ("1.2.3.4", None, False, "1.2.3.4"),
        ("1.2.3.4", "5.6.7.8", False, "1.2.3.4"),
        ("1.2.3.4", "5.6.7.8", True, "5.6.7.8"),
        ("1.2.3.4", "9.9.9.9, 5.6.7.8", True, "5.6.7.8"),
        ("1.2.3.4", "nonsense", True, "1.2.3.4"),
        ("1.2.3.4", None, True, "1.2.3.4"),
        ("2001:db8:1:2:3::4", None, False, "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", None, False, "1.2.3.4"),
        (None, None, False, ""),
    ],
)
def test_a_request_counts_for_its_client(
    peer: str | None, forwarded: str | None, trust: bool, name: str
) -> None:
    assert client_of(peer, forwarded, trust_forwarded=trust) == name
