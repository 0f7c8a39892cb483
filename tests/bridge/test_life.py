"""The life of an intent: what can happen in each state, and that whatever is seen leads on."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_client.l1 import Block, Receipt
from bridge_client.life import (
    LIVE,
    TRANSITIONS,
    Bump,
    Event,
    Policy,
    Record,
    Send,
    Standing,
    State,
    View,
    Wait,
    after,
    next_step,
)
from bridge_client.transactions import Fee, created_by
from committee.secp256k1 import Address
from da_node.service import Bug

ACCOUNT = Address(b"\x07" * 20)
POLICY = Policy(confirmations=3, blocks_before_bump=4, most_fee=100)


def block(number: int) -> Block:
    return Block(
        number=number,
        hash=number.to_bytes(32, "big"),
        parent_hash=bytes(32),
        time=0,
        base_fee=10,
        transactions=(),
    )


def receipt(number: int, fork: int = 0, is_done: bool = True) -> Receipt:
    return Receipt(
        transaction=bytes(32),
        block_number=number,
        block_hash=bytes((fork,)) * 32,
        is_done=is_done,
        gas_used=1,
        gas_price=1,
        sender=ACCOUNT,
        contract=None,
        logs=(),
    )


def standing(place: tuple[int, bytes] | None = None, fee: int = 20) -> Standing:
    return Standing(
        state=State.OPEN if place is None else State.MINED,
        nonce=5,
        fee=Fee(most=fee, tip=1),
        attempted_at=10,
        block=place,
    )


def view(head: int, found: Receipt | None = None, *, known: bool = True, nonce: int = 5) -> View:
    return View(
        head=block(head),
        receipt=found,
        buried_nonce=nonce,
        is_known=known,
        market=Fee(most=30, tip=2),
    )


@pytest.mark.parametrize(
    ("state", "event"), sorted(set(itertools.product(State, Event)) - TRANSITIONS.keys(), key=str)
)
def test_what_cannot_happen_is_a_bug(state: State, event: Event) -> None:
    with pytest.raises(Bug, match=state.name):
        after(state, event)


def test_what_has_ended_stays_ended() -> None:
    found = {state for state, event in TRANSITIONS if event is not Event.REOPENED}
    assert found == set(LIVE), "but where somebody says that it is undone"


def test_an_open_one_is_sent_until_the_endpoint_has_it() -> None:
    assert next_step(standing(), view(10, known=False), POLICY) == Send()
    assert next_step(standing(), view(10), POLICY) == Wait()


def test_it_pays_more_once_blocks_went_by_and_only_up_to_the_cap() -> None:
    assert next_step(standing(), view(13), POLICY) == Wait()
    assert next_step(standing(), view(14), POLICY) == Bump(Fee(most=30, tip=2))
    assert next_step(standing(fee=50), view(14), POLICY) == Bump(Fee(most=56, tip=2))
    assert next_step(standing(fee=90), view(14), POLICY) == Wait()


def test_a_nonce_counts_as_taken_only_if_the_endpoint_does_not_know_ours() -> None:
    assert next_step(standing(), view(12, nonce=6), POLICY) == Wait()
    taken = next_step(standing(), view(12, nonce=6, known=False), POLICY)
    assert taken == Record(Event.TAKEN, None)


@given(
    place=st.none() | st.tuples(st.integers(0, 20), st.sampled_from([bytes(32), b"\1" * 32])),
    head=st.integers(0, 30),
    found=st.none() | st.builds(receipt, st.integers(0, 20), st.integers(0, 1), st.booleans()),
    known=st.booleans(),
    nonce=st.integers(0, 10),
)
def test_every_step_is_one_that_can_happen_and_ends_rest_on_a_buried_block(
    place: tuple[int, bytes] | None, head: int, found: Receipt | None, known: bool, nonce: int
) -> None:
    seen = view(head, found, known=known, nonce=nonce)
    before = standing(place)
    step = next_step(before, seen, POLICY)
    if not isinstance(step, Record):
        return
    state = after(before.state, step.event)
    if state in (State.DONE, State.FAILED):
        assert found is not None
        assert found.block_number + POLICY.confirmations <= head + 1
        assert before.block == (found.block_number, found.block_hash)
        assert found.is_done == (state is State.DONE)


@given(most=st.integers(1, 10**12), tip=st.integers(0, 10**12))
def test_a_bump_is_what_nodes_ask_for(most: int, tip: int) -> None:
    fee = Fee(most=most, tip=tip)
    assert 10 * fee.bumped().most >= 11 * most
    assert 10 * fee.bumped().tip >= 11 * tip
    assert fee.bumped().tip > tip


def test_creation_addresses_are_those_of_known_contracts() -> None:
    sender = Address.from_hex("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    expected = [
        "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d",
        "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91",
        "0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c",
    ]
    assert [created_by(sender, nonce).hex0x for nonce in range(4)] == expected
