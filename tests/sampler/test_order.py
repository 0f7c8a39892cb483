"""The private order: a permutation, uniform, fixed by its secret, worked out as far as needed."""

from __future__ import annotations

import math
from collections import Counter
from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.order import Order, _shuffled


@given(st.binary(min_size=32, max_size=32), st.integers(1, 300))
def test_an_order_holds_every_item_once(secret, count):
    assert sorted(Order(secret, count)) == list(range(count))


@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(0, 100), max_size=5))
def test_however_it_is_looked_at_it_is_the_same(secret, lengths):
    order = Order(secret, 100)
    whole = list(Order(secret, 100))
    for length in lengths:
        assert list(islice(order, length)) == whole[:length]
    assert list(order) == whole


def test_another_secret_is_another_order():
    assert list(Order(bytes(32), 128)) != list(Order(bytes(31) + b"\1", 128))


def test_no_more_is_worked_out_than_was_looked_at():
    order = Order(bytes(32), 8192)
    list(islice(order, 20))
    assert len(order._drawn) == 20


def test_orders_are_uniform():
    """χ² over the 24 orders of 4 items, 2400 secrets: a false alarm in a billion, were they drawn
    anew each time; they are fixed, so it either holds or does not.
    """
    seen = Counter(tuple(Order(i.to_bytes(32, "big"), 4)) for i in range(2400))
    assert len(seen) == math.factorial(4)
    squares = sum((count - 100) ** 2 / 100 for count in seen.values())
    assert squares < 88  # χ² with 23 degrees of freedom exceeds 88.0 once in 10^9


def test_an_order_does_not_show_its_secret():
    assert repr(Order(b"\xab" * 32, 128)) == "Order(count=128)"


@pytest.mark.parametrize(("secret", "count"), [(31, 8), (33, 8), (32, 0), (32, 2**16 + 1)])
def test_an_order_of_another_size_is_a_mistake(secret, count):
    with pytest.raises(ValueError, match="order of"):
        Order(bytes(secret), count)


def shuffled_in_full(secret, count):
    """The slow twin: the shuffle as books have it, over a whole list."""
    items, block, words = list(range(count)), 0, []
    for place in range(count):
        left = count - place
        while True:
            if not words:
                data = b"HOLDFAST-V1-SAMPLER-ORDER" + secret + block.to_bytes(4, "big")
                digest, block = sha256(data).digest(), block + 1
                words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 32, 4)]
            word = words.pop(0)
            if word < 2**32 // left * left:
                break
        other = place + word % left
        items[place], items[other] = items[other], items[place]
    return items


@given(st.binary(min_size=32, max_size=32), st.integers(1, 300))
def test_an_order_is_the_shuffle_of_books(secret, count):
    assert list(Order(secret, count)) == shuffled_in_full(secret, count)


def test_an_order_is_what_it_always_was():
    """Sessions resume after an upgrade with their secret alone."""
    first = list(islice(Order(bytes(range(32)), 8192), 8))
    assert first == [3417, 4372, 3977, 3540, 4568, 7273, 2663, 8107]


def test_a_word_that_would_favour_some_items_is_thrown_away():
    """2^32 − 1 is the one word too many for three items: 0 and 1 would be likelier than 2."""
    assert list(_shuffled(iter([2**32 - 1, 1, 0, 0]), 3)) == [1, 0, 2]
