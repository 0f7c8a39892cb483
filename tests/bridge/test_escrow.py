"""Tokens in and out by the client, and out without a sequencer, on a real EVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from blob_specimens import KZG
from bridge_specimens import LIMIT, USER, Bridged, withdrawal_id
from committee_specimens import attested
from fake_node import FakeNode
from settlement_specimens import COMMITTEE, CONFIG, DAY, SAMPLERS, SEQUENCER, Settled
from settlement_under_test import CHAIN_ID, Stage, account, stage

from bridge_client.artifacts import Artifact
from bridge_client.errors import NotInTree, OtherIntent, OtherRoot, Reverted
from bridge_client.escrow import TokenEscrow
from bridge_client.withdrawals import Withdrawal, WithdrawalTree
from committee.certificate import certify
from committee.secp256k1 import Address
from da_node.client import Client
from da_node.coding import EncodedBlob, encode
from sampler.verdict import sign


class Act:
    """A stage with a bridge on it."""

    def __init__(self, made: Stage, bridged: Bridged) -> None:
        self.bridged = bridged
        self.settled, self.settlement = made.settled, made.settlement
        self.test, self.sender, self.proposal = made.test, made.sender, made.proposal
        address = Address.from_hex(bridged.bridge.address)
        self.escrow = TokenEscrow(made.chain, address, CHAIN_ID)


@pytest.fixture
async def act(l1: Any, test_tokens: dict[str, Artifact], tmp_path: Path) -> Any:
    bridged = Bridged.on(Settled.on(l1[1]), test_tokens)
    async with stage(l1, tmp_path, settled=bridged.settled) as made:
        yield Act(made, bridged)


def wanted(number: int, amount: int = 100) -> Withdrawal:
    return Withdrawal(
        user=account(USER).address, amount=amount, withdrawal_id=withdrawal_id(number)
    )


def leaves_of(payload: bytes) -> list[bytes]:
    """The test rollup's rule: a batch is the leaves of its withdrawals, one after the other."""
    return [payload[i : i + 32] for i in range(0, len(payload), 32)]


async def final_batch(act: Any, blob: EncodedBlob, root: bytes) -> None:
    """At height 0, with that blob and that root."""
    expires_at = act.test.now + 15 * DAY
    signed = attested(COMMITTEE, 0, 1, 2, of=blob.header, expires_at=expires_at)
    proposal = act.proposal(withdrawals_root=root, certificate=certify(blob.header, signed))
    batch = await act.settlement.propose(act.sender(SEQUENCER), proposal)
    act.test.advance(CONFIG["challengePeriod_s"])
    said = [sign(act.settled.verdict(blob_id=blob.blob_id), CHAIN_ID, key) for key in SAMPLERS[:2]]
    await act.settlement.submit(act.sender(SEQUENCER), batch, said)
    await act.settlement.finalize(act.sender(SEQUENCER), batch)


async def test_a_deposit_allows_what_it_needs_and_happens_once(act: Any) -> None:
    user = act.sender(USER)
    act.test.send(act.bridged.token, "approve", act.bridged.bridge.address, 0, sender=USER)
    for _ in range(2):
        await act.escrow.deposit(user, 500, target_chain_id=9, sequence_nonce=1)
    assert act.bridged.balance(act.bridged.bridge.address) == 500
    with pytest.raises(OtherIntent, match="deposit"):
        await act.escrow.deposit(user, 501, target_chain_id=9, sequence_nonce=1)
    await act.escrow.deposit(user, 7, target_chain_id=9, sequence_nonce=2)
    assert act.bridged.balance(act.bridged.bridge.address) == 507


async def test_a_signed_withdrawal_is_paid_once(act: Any) -> None:
    act.bridged.deposit(LIMIT)
    before = act.bridged.balance(USER)
    user = act.test.accounts[USER]
    *_, signature = act.bridged.signed(user, 100, withdrawal_id(1))
    for _ in range(2):
        await act.escrow.withdraw_signed(act.sender(USER), wanted(1), signature)
    assert act.bridged.balance(USER) == before + 100
    assert await act.escrow.is_paid(wanted(1))
    with pytest.raises(Reverted, match="BRIDGE_SIGNATURE: not the signer's"):
        await act.escrow.withdraw_signed(act.sender(USER), wanted(2), signature)


async def test_with_the_sequencer_gone_the_da_layer_is_enough_to_get_out(act: Any) -> None:
    act.bridged.deposit(1000)
    leaves = [act.escrow.leaf(wanted(number)) for number in range(5)]
    blob = encode(b"".join(leaves), KZG)
    await final_batch(act, blob, WithdrawalTree(leaves).root)
    act.test.send(act.bridged.bridge, "togglePauseState", sender=2)
    assert await act.escrow.is_paused()
    before = act.bridged.balance(USER)
    node = FakeNode(blobs=[blob])
    runner = await node.serve()
    try:
        async with Client(node.url, kzg=KZG) as client:
            proof = await act.escrow.escape(client, act.settlement, wanted(3), 0, leaves_of)
            with pytest.raises(NotInTree):
                await act.escrow.escape(client, act.settlement, wanted(9), 0, leaves_of)
            with pytest.raises(OtherRoot, match="height 0"):
                await act.escrow.escape(
                    client, act.settlement, wanted(3), 0, lambda payload: [payload[:32]]
                )
    finally:
        await runner.cleanup()
    await act.escrow.withdraw_proven(act.sender(USER), wanted(3), 0, proof)
    assert act.bridged.balance(USER) == before + 100
    assert await act.escrow.is_paid(wanted(3))
    with pytest.raises(Reverted, match="BRIDGE_INPUT: not in the batch"):
        await act.escrow.withdraw_proven(act.sender(USER), wanted(2), 0, proof)


async def test_a_forced_withdrawal_pays_the_fee_and_is_asked_for_once(act: Any) -> None:
    for _ in range(2):
        await act.escrow.force(act.sender(USER), 10, "mine")
    await act.escrow.force(act.sender(USER), 10, "another")
    assert act.test.call(act.settled.settlement, "inboxLength") == 2


async def test_a_fee_that_moved_does_not_make_it_another_one(
    act: Any, test_tokens: dict[str, Artifact]
) -> None:
    once = await act.escrow.force(act.sender(USER), 10, "mine")
    fee = act.test.call(act.settled.settlement, "nextFeeWei")
    flooder = act.test.deploy(test_tokens["Flooder"])
    act.test.send(flooder, "flood", act.settled.settlement.address, 0, 127, value=127 * fee)
    assert act.test.call(act.settled.settlement, "nextFeeWei") == 2 * fee
    assert await act.escrow.force(act.sender(USER), 10, "mine") == once
    await act.escrow.force(act.sender(USER), 10, "another")
