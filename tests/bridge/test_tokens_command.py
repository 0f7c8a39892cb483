"""`holdfast bridge deposit` and `withdraw`."""

from __future__ import annotations

import pytest
from bridge_specimens import Bridged, withdrawal_id
from desk import Desk
from settlement_specimens import SEQUENCER, Settled

from bridge_client.artifacts import Artifact
from bridge_client.withdrawals import Withdrawal, WithdrawalTree
from committee.secp256k1 import Address

FUNDS = 10_000


@pytest.fixture
def bridged(desk: Desk, test_tokens: dict[str, Artifact]) -> Bridged:
    made = Bridged.on(Settled.on(desk.chain), test_tokens)
    desk.chain.send(made.token, "mint", desk.chain.accounts[SEQUENCER], FUNDS)
    desk.options += ["--bridge", made.bridge.address]
    desk.options += ["--settlement", made.settled.settlement.address]
    return made


def test_a_deposit_is_one_deposit_however_often_it_is_given(desk: Desk, bridged: Bridged) -> None:
    arguments = ["deposit", 500, "--target-chain", 9, "--sequence-nonce", 1]
    first = desk.give(*arguments)
    assert desk.give(*arguments) == first
    assert bridged.balance(bridged.bridge.address) == 500
    other = desk.give("deposit", 501, *arguments[2:], code=1)
    assert other["code"] == "l1_other_intent"


def test_out_by_signature_by_proof_and_by_force(desk: Desk, bridged: Bridged) -> None:
    account = desk.chain.accounts[SEQUENCER]
    desk.give("deposit", 500, "--target-chain", 9, "--sequence-nonce", 1)
    *_, signature = bridged.signed(account, 100, withdrawal_id(1))
    named = ["--id", "0x" + withdrawal_id(1).hex(), "--signature", "0x" + signature.hex()]
    desk.give("withdraw", 100, *named)
    assert bridged.balance(SEQUENCER) == FUNDS - 400

    proven = Withdrawal(
        user=Address.from_hex(account.lower()), amount=50, withdrawal_id=withdrawal_id(2)
    )
    leaf = proven.leaf(31_337, Address.from_hex(bridged.bridge.address.lower()))
    leaves = [b"\1" * 32, leaf, b"\2" * 32]
    bridged.finalize(WithdrawalTree(leaves))  # type: ignore[arg-type]
    file = desk.directory / "leaves"
    file.write_text("\n".join(one.hex() for one in leaves))
    named = ["--id", "0x" + withdrawal_id(2).hex(), "--height", 0, "--leaves", file]
    desk.give("withdraw", 50, *named)
    assert bridged.balance(SEQUENCER) == FUNDS - 350
    file.write_text("\n".join(one.hex() for one in leaves[1:]))
    refused = desk.give("withdraw", 50, *named, code=1)
    assert refused["code"] == "other_root"

    for _ in range(2):
        desk.give("withdraw", 10, "--force", "mine")
    assert desk.chain.call(bridged.settled.settlement, "inboxLength") == 1


@pytest.mark.parametrize("arguments", [[], ["--height", 0], ["--force", "a", "--signature", "0x"]])
def test_one_way_out_is_named(desk: Desk, bridged: Bridged, arguments: list[object]) -> None:
    desk.refuse("withdraw", 1, *arguments)
