"""Forced items: taken in order, shown in the tree, or settlement stops."""

from __future__ import annotations

from typing import Any

import pytest
from chain_under_test import Chain, Deployed
from settlement_specimens import (
    ANSWERER as OTHER,
)
from settlement_specimens import (
    ANYONE,
    BOND,
    CONFIG,
    DAY,
    SEQUENCER,
    Settled,
)
from withdrawal_tree import Tree, forced, keccak, refusal

from bridge_client.artifacts import Artifact

FEE = CONFIG["forcedFeeWei"]
CHAIN_ID, CALLER = 31_337, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""Anvil's, and its first account."""
RECORDS = [bytes((i,)) for i in range(4)]
ITEMS = [forced(CHAIN_ID, CALLER, record) for record in RECORDS]
MAX_ITEMS = 128
"""Of a batch."""
NOBODY = "0x" + "0" * 36 + "dEaD"


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    return standing


def force(settled: Settled, count: int, start: int = 0) -> None:
    for record in RECORDS[start : start + count]:
        settled.chain.send(settled.settlement, "force", record, CALLER, sender=ANYONE, value=FEE)


def flooded(
    settled: Settled, compiled: dict[str, Artifact], count: int, flooder: Deployed | None = None
) -> tuple[Deployed, list[bytes]]:
    """So many items in the inbox, of a flooder's first or next records, at their price."""
    chain, inbox = settled.chain, settled.settlement
    flooder = flooder or chain.deploy(compiled["Flooder"])
    start = chain.call(inbox, "inboxLength")
    before = chain.balance(inbox.address)
    prices = [FEE << i // MAX_ITEMS for i in range(start, start + count)]
    chain.send(flooder, "flood", inbox.address, start, count, value=sum(prices))
    assert chain.balance(inbox.address) == before + sum(prices)
    numbers = (number.to_bytes(32, "big") for number in range(start, start + count))
    return flooder, [forced(CHAIN_ID, flooder.address, number) for number in numbers]


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


def test_a_batch_takes_so_many_and_the_next_goes_on(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    flooder, first = flooded(settled, test_contracts, MAX_ITEMS)
    _, rest = flooded(settled, test_contracts, 3, flooder)
    settled.chain.advance(DAY + 1)
    tree = Tree(*first, *rest)
    all_of_them = [(False, i) for i in range(MAX_ITEMS + 3)]
    too_many = taking(settled, 0, tree, *all_of_them[: MAX_ITEMS + 1])
    assert why_not(settled, *too_many).operands == (MAX_ITEMS + 1, MAX_ITEMS)
    too_few = taking(settled, 0, tree, *all_of_them[: MAX_ITEMS - 1])
    assert why_not(settled, *too_few).name == "ItemOverdue"
    propose(settled, *taking(settled, 0, tree, *all_of_them[:MAX_ITEMS]))
    assert why_not(settled, *taking(settled, 1, tree)).name == "ItemOverdue"
    propose(settled, *taking(settled, 1, tree, *all_of_them[MAX_ITEMS:]))


def test_a_full_batch_of_the_deepest_trees_fits_a_transaction(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    """32 levels; that a batch is kept at all says that it did."""
    _, items = flooded(settled, test_contracts, MAX_ITEMS)
    below = Tree(*items)
    above = [bytes((level,)) * 32 for level in range(32 - len(below.path(0)))]
    top = below.root
    for sibling in above:
        top = keccak(b"\1" + top + sibling)
    proposal = settled.proposal(0, withdrawals=top)
    inclusions = [(False, i, below.path(i) + above) for i in range(MAX_ITEMS)]
    sent = propose(settled, proposal, settled.certificate(), inclusions)
    assert settled.batch(1)["forcedThrough"] == MAX_ITEMS
    assert sent.gas < 8_000_000


def test_to_fill_the_inbox_costs_twice_as_much_for_each_batch_that_waits(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    """What is paid beyond the fee is nobody's, so that no sequencer gets its own back."""
    chain, inbox = settled.chain, settled.settlement
    flooder, first = flooded(settled, test_contracts, MAX_ITEMS - 1)
    assert chain.call(inbox, "nextFeeWei") == FEE
    _, second = flooded(settled, test_contracts, 1, flooder)
    assert chain.call(inbox, "nextFeeWei") == 2 * FEE
    assert chain.call(inbox, "due", NOBODY) == 0
    asked = (RECORDS[0], CALLER)
    cheap = chain.refused(inbox, "force", *asked, value=2 * FEE - 1)
    assert (cheap.name, cheap.operands) == ("FeeTooLow", (2 * FEE - 1, 2 * FEE))
    chain.send(inbox, "force", *asked, value=2 * FEE)
    assert chain.call(inbox, "due", NOBODY) == FEE
    tree = Tree(*first, *second)
    propose(settled, *taking(settled, 0, tree, *((False, i) for i in range(MAX_ITEMS))))
    assert chain.call(inbox, "nextFeeWei") == FEE, "one item waits"


def test_a_sequencer_cannot_price_others_out_by_batches_that_fall(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    """It would take its own items while they are cheap, and have all of them wait again at once."""
    chain, inbox = settled.chain, settled.settlement
    flooder = chain.deploy(test_contracts["Flooder"])
    for height in range(2):
        start = height * MAX_ITEMS
        chain.send(flooder, "flood", inbox.address, start, MAX_ITEMS, value=MAX_ITEMS * FEE)
        numbers = (number.to_bytes(32, "big") for number in range(start, start + MAX_ITEMS))
        tree = Tree(*(forced(CHAIN_ID, flooder.address, number) for number in numbers))
        propose(settled, *taking(settled, height, tree, *((False, i) for i in range(MAX_ITEMS))))
    chain.send(inbox, "abandon", 0, sender=SEQUENCER)
    assert chain.call(inbox, "everTaken") == 2 * MAX_ITEMS
    assert chain.call(inbox, "nextFeeWei") == FEE
    propose(settled, *taking(settled, 0, Tree(b"\7" * 32)))
    assert chain.call(inbox, "nextFeeWei") == FEE, "nor by batches that take nothing"


def test_what_is_paid_above_the_price_comes_back(settled: Settled) -> None:
    """The price may fall while somebody asks; a contract has it sent to whom it asks for."""
    payer = settled.chain.accounts[OTHER]
    asked = (RECORDS[0], payer)
    settled.chain.send(settled.settlement, "force", *asked, sender=ANYONE, value=3 * FEE)
    assert settled.due(OTHER) == 2 * FEE
    before = settled.chain.balance(payer)
    settled.chain.send(settled.settlement, "collect", payer)
    assert settled.chain.balance(payer) == before + 2 * FEE
    assert settled.chain.balance(settled.settlement.address) == FEE


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


def test_what_is_due_is_paid_once_though_its_owner_calls_again(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    chain, inbox = settled.chain, settled.settlement
    greedy = chain.deploy(test_contracts["Greedy"])
    for payer in (greedy.address, chain.accounts[OTHER]):
        chain.send(inbox, "force", RECORDS[0], payer, value=3 * FEE)
    data = inbox.interface.calldata("collect", greedy.address)
    chain.send(greedy, "act", inbox.address, data, data)
    assert chain.call(greedy, "wasRefused")
    assert chain.balance(greedy.address) == 2 * FEE
    assert chain.balance(inbox.address) == 4 * FEE


def test_an_item_is_paid_for_and_short(settled: Settled) -> None:
    def why(record: bytes, payer: str, value: int) -> tuple[str, tuple[Any, ...]]:
        asked = (record, payer)
        refused = settled.chain.refused(settled.settlement, "force", *asked, value=value)
        return refused.name, refused.operands

    for value in (0, FEE - 1):
        assert why(RECORDS[0], CALLER, value) == ("FeeTooLow", (value, FEE))
    for length in (0, 257):
        assert why(bytes(length), CALLER, FEE) == ("RecordLength", (length, 256))
    assert why(RECORDS[0], "0x" + "00" * 20, FEE) == ("ZeroAddress", ("payer",))
    settled.chain.send(settled.settlement, "force", bytes(256), CALLER, value=FEE)


def test_the_inbox_hash_commits_to_who_asked_for_what(settled: Settled) -> None:
    force(settled, 1)
    caller = bytes.fromhex(CALLER[2:]).rjust(32, b"\0")
    found = settled.chain.call(settled.settlement, "inboxHash", 1)
    assert found == keccak(bytes(32) + caller + ITEMS[0])
    assert settled.chain.call(settled.settlement, "inboxLength") == 1
