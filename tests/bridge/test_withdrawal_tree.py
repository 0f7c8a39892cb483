"""The withdrawal tree is the contracts' own: compared with its slow twin, leaf by leaf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from withdrawal_tree import Tree
from withdrawal_tree import refusal as slow_refusal

from bridge_client.errors import NotInTree
from bridge_client.withdrawals import MISSING, Withdrawal, WithdrawalTree, refusal_of
from committee.secp256k1 import Address
from da_node.service import WrongLength

BRIDGE, USER = Address(b"\x0b" * 20), Address(b"\x05" * 20)
leaves_of_a_batch = st.lists(st.binary(min_size=32, max_size=32), max_size=20, unique=True)


@given(leaves=leaves_of_a_batch)
def test_roots_and_paths_are_those_of_the_slow_tree(leaves: list[bytes]) -> None:
    made = WithdrawalTree(leaves)
    slow = Tree(*leaves) if leaves else Tree(MISSING)
    assert made.root == slow.root
    for index, leaf in enumerate(leaves):
        proof = made.proof(leaf)
        assert (proof.index, list(proof.path)) == (index, slow.path(index))
        assert proof.root_from(leaf) == made.root


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    tree = WithdrawalTree([b"\1" * 32, b"\2" * 32])
    with pytest.raises(NotInTree, match="0x0303"):
        tree.proof(b"\3" * 32)
    with pytest.raises(WrongLength, match="leaf has 31 bytes"):
        WithdrawalTree([b"\1" * 31])


def test_every_field_of_a_withdrawal_is_in_its_leaf() -> None:
    fields = {"user": USER, "amount": 5, "withdrawal_id": b"\7" * 32}
    one = Withdrawal(**fields).leaf(1, BRIDGE)
    others = [
        Withdrawal(**fields | changed).leaf(1, BRIDGE)
        for changed in ({"user": BRIDGE}, {"amount": 6}, {"withdrawal_id": b"\x08" * 32})
    ]
    others += [Withdrawal(**fields).leaf(2, BRIDGE), Withdrawal(**fields).leaf(1, USER)]
    assert len({one, *others}) == 6
    with pytest.raises(ValueError, match="is no amount"):
        Withdrawal(user=USER, amount=1 << 256, withdrawal_id=bytes(32))
    with pytest.raises(WrongLength):
        Withdrawal(user=USER, amount=1, withdrawal_id=b"")


def test_a_refusal_is_the_contracts() -> None:
    assert refusal_of(3, b"\1" * 32) == slow_refusal(3, b"\1" * 32)
