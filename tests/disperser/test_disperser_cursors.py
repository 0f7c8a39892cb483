"""A disperser's cursors say whose they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from committee.disperser.cursors import OWN_BOUND, Cursor, tag_of
from da_node.service import FalseAnswer, MalformedRequest
from da_node.service.http.parameters import CURSOR_BOUND


@given(st.text(), st.integers(0, OWN_BOUND - 1))
def test_a_cursor_comes_back_with_its_member(node_id: str, own: int) -> None:
    given_out = Cursor.at("http://m", tag_of(node_id), own)
    assert OWN_BOUND <= given_out.value <= CURSOR_BOUND
    assert Cursor.parse(given_out.value, "after") == given_out


@given(st.integers(1, OWN_BOUND - 1))
def test_a_members_own_cursor_is_refused(own: int) -> None:
    with pytest.raises(MalformedRequest, match="a disperser gave"):
        Cursor.parse(own, "after")


def test_zero_is_the_beginning() -> None:
    assert Cursor.parse(0, "after") is None


def test_members_have_different_tags() -> None:
    assert len({tag_of(str(number)) for number in range(1000)}) == 1000


@pytest.mark.parametrize("own", [-1, OWN_BOUND])
def test_a_member_whose_cursor_is_beyond_reason_is_named(own: int) -> None:
    with pytest.raises(FalseAnswer, match="http://m"):
        Cursor.at("http://m", 1, own)
