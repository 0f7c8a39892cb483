"""Tokens in, tokens out: signed within limits, proven always, never twice."""

from __future__ import annotations

from typing import Any

import pytest
from bridge_specimens import (
    DELAY,
    GUARDIAN,
    LIMIT,
    OTHER,
    OWNER_DELAY,
    SIGNER,
    USER,
    Bridged,
    withdrawal_id,
    word,
)
from chain_under_test import Chain
from settlement_specimens import CONFIG, DAY, Settled
from withdrawal_tree import Tree, forced, keccak, node, refusal

from bridge_client.artifacts import Artifact
from committee.secp256k1 import EthereumKey

FEE = CONFIG["forcedFeeWei"]
ID = withdrawal_id(0)


@pytest.fixture
def bridged(standing_bridge: Bridged, chain: Chain) -> Bridged:
    """With 10,000 in escrow."""
    return standing_bridge


def why(bridged: Bridged, function: str, *arguments: Any, sender: int = 0, value: int = 0) -> str:
    """The first word of an error's text, or the error's name."""
    refused = bridged.chain.refused(
        bridged.bridge, function, *arguments, sender=sender, value=value
    )
    return text_of(refused.operands[0]) if not refused.name else refused.name


def text_of(data: bytes) -> str:
    """The first word of Error(string)."""
    assert data[:4] == bytes.fromhex("08c379a0")
    return data[68:].decode(errors="replace").split(":")[0]


def settle(bridged: Bridged, *arguments: Any) -> None:
    bridged.chain.send(bridged.bridge, "settleWithdrawal", *arguments)


# ------------------------------------------------------------------------- in


def test_a_deposit_is_in_escrow_and_said(bridged: Bridged) -> None:
    sent = bridged.deposit(500)
    assert bridged.chain.call(bridged.bridge, "escrowed") == 10_500
    assert bridged.balance(bridged.bridge.address) == 10_500
    topics = [bytes(topic) for topic in sent.logs[-1]["topics"]]
    assert topics[0] == keccak(b"DepositInitiated(address,uint256,uint256,uint256)")
    assert topics[1:] == [word(bridged.account(USER)), word(9)]
    assert bytes(sent.logs[-1]["data"]) == word(500) + word(1)


def test_nothing_and_nowhere_are_refused(bridged: Bridged) -> None:
    assert why(bridged, "depositAsset", 0, 9, 1, sender=USER) == "BRIDGE_INPUT"
    assert why(bridged, "depositAsset", 1, 0, 1, sender=USER) == "BRIDGE_INPUT"
    assert why(bridged, "depositAsset", 1, 9, 1, sender=0) == "BRIDGE_FAIL"


def test_the_interface_is_the_one_that_clients_use(bridged: Bridged) -> None:
    chain, bridge = bridged.chain, bridged.bridge
    assert chain.call(bridge, "tokenAsset") == bridged.token.address.lower()
    assert chain.call(bridge, "owner") == bridged.timelock.address.lower()
    assert chain.call(bridge, "isSystemPaused") is False
    assert chain.call(bridge, "processedClaims", ID) is False


def test_a_token_that_takes_a_fee_and_returns_nothing_is_counted_by_what_arrived(
    standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    bridged = Bridged.on(standing, test_contracts, "FeeToken")
    sent = bridged.deposit(1000)
    assert bytes(sent.logs[-1]["data"])[:32] == word(990)
    assert chain.call(bridged.bridge, "escrowed") == 990
    assert bridged.balance(bridged.bridge.address) == 990
    settle(bridged, *bridged.signed(bridged.account(OTHER), 900, ID))
    assert chain.call(bridged.bridge, "escrowed") == bridged.balance(bridged.bridge.address) == 90


# ------------------------------------------------------------------------- out, signed


def test_a_signed_withdrawal_is_paid_once(bridged: Bridged) -> None:
    before = bridged.balance(OTHER)
    arguments = bridged.signed(bridged.account(OTHER), 300, ID)
    settle(bridged, *arguments)
    assert bridged.balance(OTHER) == before + 300
    assert bridged.chain.call(bridged.bridge, "processedClaims", ID)
    assert why(bridged, "settleWithdrawal", *arguments) == "BRIDGE_REPLAY"
    other = bridged.signed(bridged.account(USER), 1, ID)
    assert why(bridged, "settleWithdrawal", *other) == "BRIDGE_REPLAY"


def test_a_signature_for_something_else_pays_nothing(bridged: Bridged) -> None:
    """Another user, amount, id, chain, contract or signer."""
    user = bridged.account(OTHER)
    good = bridged.signed(user, 300, ID)[3]
    stranger = EthereumKey(bytes(31) + b"\x78")
    for arguments in (
        (bridged.account(USER), 300, ID, good),
        (user, 301, ID, good),
        (user, 300, withdrawal_id(1), good),
        bridged.signed(user, 300, ID, key=stranger),
        bridged.signed(user, 300, ID, chain_id=1),
        bridged.signed(user, 300, ID, contract=bridged.token.address),
        (user, 300, ID, bytes(65)),
    ):
        assert why(bridged, "settleWithdrawal", *arguments) == "BRIDGE_SIGNATURE"
    for length in (0, 64, 66):
        data = (good + b"\0")[:length]
        assert why(bridged, "settleWithdrawal", user, 300, ID, data) == "BRIDGE_SIG_LEN"
    assert why(bridged, "settleWithdrawal", user, 0, ID, good) == "BRIDGE_INPUT"
    nobody = bridged.signed("0x" + "00" * 20, 300, ID)
    assert why(bridged, "settleWithdrawal", *nobody) == "BRIDGE_INPUT"


def test_above_the_days_limit_a_withdrawal_waits(bridged: Bridged) -> None:
    bridged.chain.advance(DAY - bridged.chain.now % DAY + 1000)  # no midnight in between
    before = bridged.balance(OTHER)
    for number, amount in enumerate((600, 400, 1)):
        settle(bridged, *bridged.signed(bridged.account(OTHER), amount, withdrawal_id(number)))
    assert bridged.balance(OTHER) == before + LIMIT
    waiting = withdrawal_id(2)
    assert why(bridged, "releaseWithdrawal", waiting) == "BRIDGE_STATE"
    again = bridged.signed(bridged.account(OTHER), 1, waiting)
    assert why(bridged, "settleWithdrawal", *again) == "BRIDGE_REPLAY"
    bridged.chain.advance(DELAY)
    bridged.chain.send(bridged.bridge, "releaseWithdrawal", waiting)
    assert bridged.balance(OTHER) == before + LIMIT + 1
    assert why(bridged, "releaseWithdrawal", waiting) == "BRIDGE_STATE"
    settle(bridged, *bridged.signed(bridged.account(OTHER), LIMIT, withdrawal_id(3)))
    assert bridged.balance(OTHER) == before + 2 * LIMIT + 1


def test_the_guardian_vetoes_what_waits(bridged: Bridged) -> None:
    settle(bridged, *bridged.signed(bridged.account(OTHER), LIMIT + 1, ID))
    assert why(bridged, "vetoWithdrawal", ID, sender=USER) == "BRIDGE_AUTH"
    assert why(bridged, "vetoWithdrawal", withdrawal_id(1), sender=GUARDIAN) == "BRIDGE_STATE"
    bridged.chain.send(bridged.bridge, "vetoWithdrawal", ID, sender=GUARDIAN)
    bridged.chain.advance(DELAY)
    assert why(bridged, "releaseWithdrawal", ID) == "BRIDGE_STATE"
    again = bridged.signed(bridged.account(OTHER), LIMIT + 1, ID)
    assert why(bridged, "settleWithdrawal", *again) == "BRIDGE_REPLAY"


def test_no_more_leaves_than_is_in_escrow(bridged: Bridged) -> None:
    """Tokens that somebody just sent here are no one's claim."""
    bridged.chain.send(bridged.token, "transfer", bridged.bridge.address, 50_000, sender=OTHER)
    settle(bridged, *bridged.signed(bridged.account(OTHER), 10_001, ID))
    bridged.chain.advance(DELAY)
    assert why(bridged, "releaseWithdrawal", ID) == "BRIDGE_FAIL"


# ------------------------------------------------------------------------- out, proven


def test_a_final_batch_pays_without_a_signature_and_once(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    leaves = [bridged.leaf(user, amount, withdrawal_id(amount)) for amount in (10, 20, 30)]
    tree = Tree(*leaves)
    bridged.finalize(tree)
    before = bridged.balance(OTHER)
    assert bridged.chain.call(bridged.bridge, "leafOf", user, 20, withdrawal_id(20)) == leaves[1]
    arguments = (user, 20, withdrawal_id(20), 0, 1, tree.path(1))
    bridged.chain.send(bridged.bridge, "withdrawWithProof", *arguments, sender=USER)
    assert bridged.balance(OTHER) == before + 20
    assert why(bridged, "withdrawWithProof", *arguments) == "BRIDGE_REPLAY"
    signed = bridged.signed(user, 20, withdrawal_id(20))
    assert why(bridged, "settleWithdrawal", *signed) == "BRIDGE_REPLAY"


def test_what_no_final_batch_contains_is_not_paid(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    tree = Tree(bridged.leaf(user, 10, ID), bridged.leaf(user, 20, withdrawal_id(1)))
    good = (user, 10, ID, 0, 0, tree.path(0))
    bridged.finalize(tree)
    for wrong in (
        (user, 11, ID, 0, 0, tree.path(0)),
        (bridged.account(USER), 10, ID, 0, 0, tree.path(0)),
        (user, 10, withdrawal_id(9), 0, 0, tree.path(0)),
        (user, 10, ID, 0, 1, tree.path(0)),
        (user, 10, ID, 0, 2, tree.path(0)),
        (user, 10, ID, 0, 0, tree.path(1)),
        (user, 10, ID, 0, 0, []),
    ):
        assert why(bridged, "withdrawWithProof", *wrong) == "BRIDGE_INPUT"
    bridged.chain.send(bridged.bridge, "withdrawWithProof", *good)


def test_a_record_of_another_chain_or_bridge_is_not_paid(bridged: Bridged) -> None:
    """One rollup may have several: each pays its own leaves."""
    user, chain_id = bridged.account(OTHER), bridged.chain.web3.eth.chain_id
    packed = word(user)[12:] + word(10) + ID
    here, elsewhere = bridged.bridge.address, bridged.token.address
    own = forced(chain_id, here, packed)
    tree = Tree(forced(1, here, packed), forced(chain_id, elsewhere, packed), own)
    assert own == bridged.leaf(user, 10, ID)
    bridged.finalize(tree)
    for index in (0, 1):
        arguments = (user, 10, ID, 0, index, tree.path(index))
        assert why(bridged, "withdrawWithProof", *arguments) == "BRIDGE_INPUT"
    bridged.chain.send(bridged.bridge, "withdrawWithProof", user, 10, ID, 0, 2, tree.path(2))


def test_who_brings_a_withdrawal_first_gains_nothing(bridged: Bridged) -> None:
    """Front-running: the tokens are the user's whoever calls."""
    arguments = bridged.signed(bridged.account(OTHER), 300, ID)
    mine, theirs = bridged.balance(USER), bridged.balance(OTHER)
    bridged.chain.send(bridged.bridge, "settleWithdrawal", *arguments, sender=USER)
    assert (bridged.balance(USER), bridged.balance(OTHER)) == (mine, theirs + 300)
    late = why(bridged, "settleWithdrawal", *arguments, sender=OTHER)
    assert late == "BRIDGE_REPLAY"


def test_a_batch_that_is_not_final_pays_nothing(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    tree = Tree(bridged.leaf(user, 10, ID))
    bridged.settled.propose(0, withdrawals=tree.root)
    refused = bridged.chain.refused(
        bridged.bridge, "withdrawWithProof", user, 10, ID, 0, 0, tree.path(0)
    )
    reverted = bridged.settled.settlement.interface.revert(refused.operands[0])
    assert (reverted.name, reverted.operands) == ("NotFinal", (0,))


def test_what_was_paid_by_signature_is_not_paid_by_proof(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    tree = Tree(bridged.leaf(user, 10, ID))
    settle(bridged, *bridged.signed(user, 10, ID))
    bridged.finalize(tree)
    assert why(bridged, "withdrawWithProof", user, 10, ID, 0, 0, []) == "BRIDGE_REPLAY"


def test_a_stolen_signer_cannot_use_up_somebodys_proof(bridged: Bridged) -> None:
    """It signs the same id over to itself; the record in the batch is paid all the same."""
    user = bridged.account(OTHER)
    bridged.finalize(Tree(bridged.leaf(user, 10, ID)))
    settle(bridged, *bridged.signed(bridged.account(USER), 10, ID))
    before = bridged.balance(OTHER)
    bridged.chain.send(bridged.bridge, "withdrawWithProof", user, 10, ID, 0, 0, [])
    assert bridged.balance(OTHER) == before + 10


def test_a_proof_pays_what_waits_or_was_vetoed_and_nothing_then_pays_again(
    bridged: Bridged,
) -> None:
    user = bridged.account(OTHER)
    amount = LIMIT + 1
    ids = [withdrawal_id(0), withdrawal_id(1)]
    tree = Tree(*(bridged.leaf(user, amount, one) for one in ids))
    bridged.finalize(tree)
    for one in ids:
        settle(bridged, *bridged.signed(user, amount, one))
    bridged.chain.send(bridged.bridge, "vetoWithdrawal", ids[1], sender=GUARDIAN)
    before = bridged.balance(OTHER)
    for index, one in enumerate(ids):
        arguments = (user, amount, one, 0, index, tree.path(index))
        bridged.chain.send(bridged.bridge, "withdrawWithProof", *arguments)
    assert bridged.balance(OTHER) == before + 2 * amount
    bridged.chain.advance(DELAY)
    assert why(bridged, "releaseWithdrawal", ids[0]) == "BRIDGE_REPLAY"
    assert why(bridged, "releaseWithdrawal", ids[1]) == "BRIDGE_STATE"


def test_a_proof_leaves_what_else_waits_under_its_id(bridged: Bridged) -> None:
    """It pays its own leaf; only the rollup's rules say that ids are unique."""
    user, other = bridged.account(OTHER), bridged.account(USER)
    bridged.finalize(Tree(bridged.leaf(user, 10, ID)))
    settle(bridged, *bridged.signed(other, LIMIT + 1, ID))
    bridged.chain.send(bridged.bridge, "withdrawWithProof", user, 10, ID, 0, 0, [])
    bridged.chain.advance(DELAY)
    before = bridged.balance(USER)
    bridged.chain.send(bridged.bridge, "releaseWithdrawal", ID)
    assert bridged.balance(USER) == before + LIMIT + 1


def test_a_forced_withdrawal_is_paid_once_its_batch_is_final(bridged: Bridged) -> None:
    chain, user = bridged.chain, bridged.account(OTHER)
    sent = chain.send(bridged.bridge, "forceWithdrawal", 70, sender=OTHER, value=FEE)
    forced_id = bytes(sent.logs[-1]["topics"][2])
    leaf = bridged.leaf(user, 70, forced_id)
    chain.advance(DAY + 1)
    stopped = chain.refused(
        bridged.settled.settlement,
        "propose",
        bridged.settled.proposal(0),
        bridged.settled.certificate(),
        [],
        sender=4,
        value=CONFIG["proposalBondWei"],
    )
    assert stopped.name == "ItemOverdue"
    tree = Tree(b"\7" * 32, leaf)
    bridged.finalize(tree, inclusions=[(False, 1, tree.path(1))])
    before = bridged.balance(OTHER)
    chain.send(bridged.bridge, "withdrawWithProof", user, 70, forced_id, 0, 1, tree.path(1))
    assert bridged.balance(OTHER) == before + 70


def test_a_refused_item_is_no_withdrawal(bridged: Bridged) -> None:
    chain, user = bridged.chain, bridged.account(OTHER)
    sent = chain.send(bridged.bridge, "forceWithdrawal", 70, sender=OTHER, value=FEE)
    forced_id = bytes(sent.logs[-1]["topics"][2])
    leaf = bridged.leaf(user, 70, forced_id)
    tree = Tree(refusal(0, leaf))
    bridged.finalize(tree, inclusions=[(True, 0, [])])
    arguments = (user, 70, forced_id, 0, 0, [])
    assert why(bridged, "withdrawWithProof", *arguments) == "BRIDGE_INPUT"


def test_two_forced_withdrawals_are_two(bridged: Bridged) -> None:
    ids = {
        bytes(
            bridged.chain.send(
                bridged.bridge, "forceWithdrawal", 70, sender=sender, value=FEE
            ).logs[-1]["topics"][2]
        )
        for sender in (OTHER, OTHER, USER)
    }
    assert len(ids) == 3


def test_nobody_but_the_bridge_forces_its_withdrawals(
    bridged: Bridged, test_contracts: dict[str, Artifact]
) -> None:
    """The same record asked for by another contract, and a node over it by an account, are other
    leaves: a sequencer that takes them as they are pays nobody."""
    chain, user = bridged.chain, bridged.account(OTHER)
    record = word(user)[12:] + word(70) + ID
    inbox = bridged.settled.settlement
    other = chain.deploy(test_contracts["Flooder"])
    chain.send(other, "ask", inbox.address, record, value=FEE)
    leaf = bridged.leaf(user, 70, ID)
    above = word(1)[31:] + leaf + leaf  # what a node is the hash of
    chain.send(inbox, "force", above, user, value=FEE)
    chain_id = chain.web3.eth.chain_id
    items = [forced(chain_id, other.address, record), forced(chain_id, bridged.account(0), above)]
    tree = Tree(*items)
    bridged.finalize(tree, inclusions=[(False, i, tree.path(i)) for i in range(2)])
    for path in (tree.path(0), [leaf, items[0]], [leaf, items[1]]):
        for index in range(4):
            arguments = (user, 70, ID, 0, index, path)
            assert why(bridged, "withdrawWithProof", *arguments) == "BRIDGE_INPUT"
    sent = chain.send(bridged.bridge, "forceWithdrawal", 70, sender=OTHER, value=2 * FEE)
    of = bytes(sent.logs[-1]["topics"][2])
    assert bytes(sent.logs[0]["data"])[:32] == bridged.leaf(user, 70, of)
    assert chain.call(inbox, "due", user) == FEE, "what was too much"


def test_a_node_of_the_tree_does_not_pass_for_a_leaf(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    leaves = [bridged.leaf(user, amount, withdrawal_id(amount)) for amount in (1, 2, 3, 4)]
    tree = Tree(*leaves)
    assert tree.root == node(node(*leaves[:2]), node(*leaves[2:]))
    bridged.finalize(tree)
    for path in ([tree.path(0)[1]], tree.path(0)[:1], [*tree.path(0), bytes(32)]):
        arguments = (user, 1, withdrawal_id(1), 0, 0, path)
        assert why(bridged, "withdrawWithProof", *arguments) == "BRIDGE_INPUT"


# ------------------------------------------------------------------------- pausing, governing


def test_a_paused_bridge_still_lets_people_out(bridged: Bridged) -> None:
    user = bridged.account(OTHER)
    bridged.chain.send(bridged.bridge, "togglePauseState", sender=GUARDIAN)
    assert bridged.chain.call(bridged.bridge, "isSystemPaused")
    assert why(bridged, "depositAsset", 1, 9, 1, sender=USER) == "BRIDGE_STATE"
    assert why(bridged, "settleWithdrawal", *bridged.signed(user, 1, ID)) == "BRIDGE_STATE"
    assert why(bridged, "releaseWithdrawal", ID) == "BRIDGE_STATE"
    sent = bridged.chain.send(bridged.bridge, "forceWithdrawal", 70, sender=OTHER, value=FEE)
    forced_id = bytes(sent.logs[-1]["topics"][2])
    tree = Tree(bridged.leaf(user, 70, forced_id))
    bridged.finalize(tree, inclusions=[(False, 0, [])])
    before = bridged.balance(OTHER)
    bridged.chain.send(bridged.bridge, "withdrawWithProof", user, 70, forced_id, 0, 0, [])
    assert bridged.balance(OTHER) == before + 70


def test_the_guardian_pauses_and_does_nothing_else(bridged: Bridged) -> None:
    assert why(bridged, "togglePauseState", sender=USER) == "BRIDGE_AUTH"
    bridged.chain.send(bridged.bridge, "togglePauseState", sender=GUARDIAN)
    assert why(bridged, "togglePauseState", sender=GUARDIAN) == "BRIDGE_AUTH"
    address = bridged.account(GUARDIAN)
    for function in ("setWithdrawalSigner", "setGuardian"):
        assert why(bridged, function, address, sender=GUARDIAN) == "BRIDGE_AUTH"
    bridged.govern("togglePauseState")
    assert not bridged.chain.call(bridged.bridge, "isSystemPaused")


def test_the_owner_changes_the_signer_after_its_delay(bridged: Bridged) -> None:
    successor = EthereumKey(bytes(31) + b"\x79")
    bridged.govern("setWithdrawalSigner", bytes(successor.address))
    user = bridged.account(OTHER)
    old = bridged.signed(user, 5, ID)
    assert why(bridged, "settleWithdrawal", *old) == "BRIDGE_SIGNATURE"
    settle(bridged, *bridged.signed(user, 5, ID, key=successor))


def test_an_owner_that_could_act_within_the_challenge_period_is_refused(
    standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    nobody: list[str] = []
    short = chain.deploy(
        "TimelockController", CONFIG["challengePeriod_s"], nobody, nobody, "0x" + "00" * 20
    )
    with pytest.raises(AssertionError, match="refused"):
        Bridged.on(standing, test_contracts, owner=short.address)
    assert CONFIG["challengePeriod_s"] < OWNER_DELAY


def test_a_bare_bridge_takes_what_its_clients_sign(
    standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    """EIP-191 over the packed fields and the chain's id, by the owner itself."""
    owner = bytes(SIGNER.address)
    bridged = Bridged.on(standing, test_contracts, owner=owner, isBare=True)
    bridged.deposit(10_000)
    user = bridged.account(OTHER)
    chain_id = chain.web3.eth.chain_id
    packed = word(user)[12:] + word(300) + ID + word(chain_id)
    settle(bridged, user, 300, ID, SIGNER.sign(keccak(packed)))
    typed = bridged.signed(user, 300, withdrawal_id(1))
    assert why(bridged, "settleWithdrawal", *typed) == "BRIDGE_SIGNATURE"
    with pytest.raises(AssertionError, match="refused"):
        Bridged.on(standing, test_contracts, owner=bridged.account(0), isBare=True)


# ------------------------------------------------------------------------- hostile tokens


@pytest.fixture
def hostile(standing: Settled, chain: Chain, test_contracts: dict[str, Artifact]) -> Bridged:
    made = Bridged.on(standing, test_contracts, "HostileToken")
    made.deposit(10_000)
    return made


def test_a_token_that_calls_back_changes_nothing(hostile: Bridged) -> None:
    """From within a payment and a deposit: pay again, pay another, deposit, release."""
    chain, user = hostile.chain, hostile.account(OTHER)
    interface = hostile.bridge.interface
    tree = Tree(hostile.leaf(user, 10, withdrawal_id(5)))
    hostile.finalize(tree)
    calls = [
        interface.calldata("settleWithdrawal", *hostile.signed(user, 100, withdrawal_id(1))),
        interface.calldata("withdrawWithProof", user, 10, withdrawal_id(5), 0, 0, []),
        interface.calldata("depositAsset", 10, 9, 1),
        interface.calldata("releaseWithdrawal", withdrawal_id(1)),
    ]
    for number, call in enumerate(calls):
        chain.send(hostile.token, "arm", hostile.bridge.address, call)
        before = hostile.balance(OTHER)
        settle(hostile, *hostile.signed(user, 100, withdrawal_id(10 + number)))
        assert chain.call(hostile.token, "wasRefused")
        assert text_of(chain.call(hostile.token, "refusal")) == "BRIDGE_STATE"
        assert hostile.balance(OTHER) == before + 100
        hostile.deposit(50)
        assert chain.call(hostile.token, "wasRefused")
    escrowed = chain.call(hostile.bridge, "escrowed")
    assert escrowed == hostile.balance(hostile.bridge.address) == 10_000 - 4 * 50


def test_a_token_that_does_not_move_pays_and_takes_nothing(hostile: Bridged) -> None:
    chain, arguments = hostile.chain, hostile.signed(hostile.account(OTHER), 10, ID)
    chain.send(hostile.token, "setRefusing", True)
    assert why(hostile, "settleWithdrawal", *arguments) == "BRIDGE_FAIL"
    assert why(hostile, "depositAsset", 10, 9, 1, sender=USER) == "BRIDGE_FAIL"
    chain.send(hostile.token, "setRefusing", False)
    settle(hostile, *arguments)


def test_a_token_that_takes_more_than_it_says_is_stopped(hostile: Bridged) -> None:
    hostile.chain.send(hostile.token, "setExtra", 1)
    arguments = hostile.signed(hostile.account(OTHER), 10, ID)
    assert why(hostile, "settleWithdrawal", *arguments) == "BRIDGE_FAIL"
