"""Forced items: taken in order, shown in the tree, or settlement stops."""

from __future__ import annotations

from typing import Any

import pytest
from chain_under_test import Chain
from settlement_specimens import ANYONE, BOND, CONFIG, DAY, SEQUENCER, Settled
from withdrawal_tree import Tree, keccak, refusal

FEE = CONFIG["forcedFeeWei"]
ITEMS = [keccak(bytes((i,))) for i in range(40)]


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    return standing


def force(settled: Settled, count: int, start: int = 0) -> None:
    for item in ITEMS[start : start + count]:
        settled.chain.send(settled.settlement, "force", item, sender=ANYONE, value=FEE)


def taking(settled: Settled, height: int, tree: Tree, *taken: Any, **changes: Any) -> Any:
    """Arguments of a proposal with that tree; `taken` are (is_refused, index) in its leaves."""
    inclusions = [(is_refused, index, tree.path(index)) for is_refused, index in taken]
    proposal = settled.proposal(height, withdrawals=tree.root, **changes)
    return proposal, settled.certificate(), inclusions


def propose(settled: Settled, *arguments: Any) -> Any:
    return settled.chain.send(
        settled.settlement, "propose", *arguments, sender=SEQUENCER, value=BOND
    )


def why_not(settled: Settled, *arguments: Any) -> Any:
    return settled.chain.refused(
        settled.settlement, "propose", *arguments, sender=SEQUENCER, value=BOND
    )


def test_settlement_stops_while_an_item_is_overdue(settled: Settled) -> None:
    force(settled, 1)
    settled.propose(0)  # not yet
    settled.chain.advance(DAY + 1)
    empty = taking(settled, 1, Tree(b"\7" * 32))
    assert why_not(settled, *empty).name == "ItemOverdue"
    tree = Tree(b"\7" * 32, ITEMS[0])
    propose(settled, *taking(settled, 1, tree, (False, 1)))
    assert settled.batch(2)["forcedThrough"] == 1
    settled.propose(2)


def test_an_item_may_be_refused_but_not_left_out(settled: Settled) -> None:
    force(settled, 2)
    tree = Tree(ITEMS[0], refusal(1, ITEMS[1]), b"\7" * 32)
    propose(settled, *taking(settled, 0, tree, (False, 0), (True, 1)))
    assert settled.batch(1)["forcedThrough"] == 2


def test_what_is_not_in_the_tree_is_not_taken(settled: Settled) -> None:
    force(settled, 3)
    tree = Tree(ITEMS[0], ITEMS[2], ITEMS[1], refusal(2, ITEMS[1]))
    for taken in ([(False, 1)], [(True, 0)], [(False, 0), (False, 1)], [(False, 2)]):
        refused = why_not(settled, *taking(settled, 0, tree, *taken))
        assert refused.name == "ItemNotIncluded"
    proposal, certificate, _ = taking(settled, 0, tree)
    for inclusion in (
        (False, 0, tree.path(0)[:1]),
        (False, 0, [*tree.path(0), bytes(32)]),
        (False, 4, tree.path(0)),
        (False, 0, [bytes(32)] * 33),
    ):
        refused = why_not(settled, proposal, certificate, [inclusion])
        assert (refused.name, refused.operands) == ("ItemNotIncluded", (0,))
    over = taking(settled, 0, Tree(*ITEMS[:4]), *((False, i) for i in range(4)))
    assert (why_not(settled, *over).name) == "BeyondInbox"


def test_a_batch_takes_so_many_and_the_next_goes_on(settled: Settled) -> None:
    force(settled, 40)
    settled.chain.advance(DAY + 1)
    tree = Tree(*ITEMS)
    too_many = taking(settled, 0, tree, *((False, i) for i in range(33)))
    assert why_not(settled, *too_many).operands == (33, 32)
    too_few = taking(settled, 0, tree, *((False, i) for i in range(31)))
    assert why_not(settled, *too_few).name == "ItemOverdue"
    propose(settled, *taking(settled, 0, tree, *((False, i) for i in range(32))))
    assert why_not(settled, *taking(settled, 1, tree)).name == "ItemOverdue"
    propose(settled, *taking(settled, 1, tree, *((False, i) for i in range(32, 40))))


def test_items_of_a_batch_that_falls_are_due_again(settled: Settled) -> None:
    force(settled, 1)
    tree = Tree(ITEMS[0])
    propose(settled, *taking(settled, 0, tree, (False, 0)))
    settled.chain.send(settled.settlement, "abandon", 0, sender=SEQUENCER)
    settled.chain.advance(DAY + 1)
    assert why_not(settled, *taking(settled, 0, Tree(b"\7" * 32))).name == "ItemOverdue"
    propose(settled, *taking(settled, 0, tree, (False, 0)))


def test_the_proposer_of_a_final_batch_gets_the_fees(settled: Settled) -> None:
    force(settled, 2)
    propose(settled, *taking(settled, 0, Tree(*ITEMS[:2]), (False, 0), (False, 1)))
    assert settled.due(SEQUENCER) == 0
    settled.chain.advance(CONFIG["challengePeriod_s"])
    settled.approve(0)
    settled.chain.send(settled.settlement, "finalize", 0)
    assert settled.due(SEQUENCER) == BOND + 2 * FEE
    assert settled.chain.balance(settled.settlement.address) == BOND + 2 * FEE


def test_an_item_is_paid_for_exactly(settled: Settled) -> None:
    for value in (0, FEE - 1, FEE + 1):
        refused = settled.chain.refused(settled.settlement, "force", ITEMS[0], value=value)
        assert (refused.name, refused.operands) == ("WrongFee", (value, FEE))


def test_the_inbox_hash_commits_to_who_asked_for_what(settled: Settled) -> None:
    settled.chain.send(settled.settlement, "force", ITEMS[0], sender=ANYONE, value=FEE)
    caller = bytes.fromhex(settled.chain.accounts[ANYONE][2:]).rjust(32, b"\0")
    found = settled.chain.call(settled.settlement, "inboxHash", 1)
    assert found == keccak(bytes(32) + caller + ITEMS[0])
    assert settled.chain.call(settled.settlement, "inboxLength") == 1
