"""`TokenEscrow`: tokens into a rollup and out of it.

Out by the bridge's signer, or by proof of what a final batch contains: that takes nobody's consent.
`escape` makes the proof from the DA layer alone, so that it also works once the sequencer is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from bridge_client.artifacts import Artifact
from bridge_client.contract import Contract, refusal
from bridge_client.errors import OtherRoot
from bridge_client.ethereum import Interface
from bridge_client.l1 import CallRefused, Chain, Receipt
from bridge_client.sending import Sender
from bridge_client.settling import Settlement
from bridge_client.transactions import Call
from bridge_client.withdrawals import Proof, Withdrawal, WithdrawalTree
from committee.secp256k1 import Address
from da_node.client import Client

Leaves = Callable[[bytes], Sequence[bytes]]
"""A rollup's rule: the leaves of a batch's withdrawal tree, from its payload."""


def _function(name: str, inputs: Sequence[str], output: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "nonpayable",
        "inputs": [{"name": f"a{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }


_TOKEN: Final = Interface(
    Artifact(
        name="ERC20",
        compiler="",
        settings={},
        abi=[
            _function("allowance", ["address", "address"], "uint256"),
            _function("balanceOf", ["address"], "uint256"),
            _function("approve", ["address", "uint256"], "bool"),
        ],
        bytecode="0x",
        deployed_bytecode="0x",
    )
)


class TokenEscrow:
    """One bridge's contract. Errors are as `Settlement`'s."""

    def __init__(self, chain: Chain, address: Address, chain_id: int) -> None:
        self.contract: Final = Contract(chain, address, "TokenEscrowBridge")
        self._chain_id: Final = chain_id

    async def token(self) -> Address:
        """Whose tokens are kept. Raises NoContract."""
        return Address.from_hex(await self.contract.answer("tokenAsset"))

    async def is_paused(self) -> bool:
        """Whether deposits and signed withdrawals wait; proven ones never do."""
        return bool(await self.contract.answer("isSystemPaused"))

    async def is_paid(self, withdrawal: Withdrawal) -> bool:
        """Whether a withdrawal has been paid, whichever way."""
        return bool(await self.contract.answer("isPaid", self.leaf(withdrawal)))

    def leaf(self, withdrawal: Withdrawal) -> bytes:
        """A withdrawal's leaf for this bridge."""
        return withdrawal.leaf(self._chain_id, self.contract.address)

    async def deposit(
        self, sender: Sender, amount: int, *, target_chain_id: int, sequence_nonce: int
    ) -> Receipt:
        """Put tokens into escrow, once for an account and a `sequence_nonce`; the bridge is allowed
        to take them where it is not yet.

        Raises OtherIntent where the same nonce was used for something else.
        """
        purpose = self._purpose("deposit", sender.account.hex0x, sequence_nonce)
        call = self.contract.call("depositAsset", amount, target_chain_id, sequence_nonce)
        if await sender.journalled(purpose) is None:
            await self._allow(sender, amount, sequence_nonce)
        return await self.contract.carry_out(sender, purpose, call, "depositAsset")

    async def withdraw_signed(
        self, sender: Sender, withdrawal: Withdrawal, signature: bytes
    ) -> Receipt:
        """Settle a withdrawal that the bridge's signer signed: paid, or delayed above the limit."""
        return await self.contract.send(
            sender,
            self._purpose("settle", withdrawal.withdrawal_id.hex(), signature.hex()),
            "settleWithdrawal",
            bytes(withdrawal.user),
            withdrawal.amount,
            withdrawal.withdrawal_id,
            signature,
        )

    async def withdraw_proven(
        self, sender: Sender, withdrawal: Withdrawal, height: int, proof: Proof
    ) -> Receipt:
        """Pay a withdrawal that the final batch at a height contains."""
        return await self.contract.send(
            sender,
            self._purpose("prove", height, self.leaf(withdrawal).hex()),
            "withdrawWithProof",
            bytes(withdrawal.user),
            withdrawal.amount,
            withdrawal.withdrawal_id,
            height,
            proof.index,
            list(proof.path),
        )

    async def escape(
        self,
        client: Client,
        settlement: Settlement,
        withdrawal: Withdrawal,
        height: int,
        leaves_of: Leaves,
    ) -> Proof:
        """The proof of a withdrawal in the batch at a height, from the DA layer alone.

        Reads and verifies the batch's payload, makes its withdrawal tree by the rollup's rule, and
        compares the root with the batch's: OtherRoot means that the rule, or the batch, is
        false. Raises NotInTree, NoBatch, and what reading raises.
        """
        batch = await settlement.batch_at(height)
        payload = await client.get(batch.blob_id)
        tree = await asyncio.to_thread(lambda: WithdrawalTree(leaves_of(bytes(payload))))
        if tree.root != batch.withdrawals_root:
            raise OtherRoot(
                height=height,
                value="0x" + tree.root.hex(),
                expected="0x" + batch.withdrawals_root.hex(),
            )
        return tree.proof(self.leaf(withdrawal))

    async def force(self, sender: Sender, amount: int, key: str) -> Receipt:
        """Ask for a withdrawal that the sequencer must take within a day, with the settlement's
        fee; once for a `key` of the caller's.
        """
        settlement = Address.from_hex(await self.contract.answer("settlement"))
        inbox = Contract(self.contract.chain, settlement, "BatchSettlement")
        purpose = self._purpose("force", sender.account.hex0x, key)
        before = await sender.journalled(purpose)
        # the fee moves: what is under way keeps the one that it was made with
        fee = await inbox.answer("nextFeeWei") if before is None else before.call.value
        return await self.contract.send(
            sender,
            purpose,
            "forceWithdrawal",
            amount,
            value=fee,
        )

    # ------------------------------------------------------------ withdrawals that wait, and guards

    async def release(self, sender: Sender, withdrawal_id: bytes) -> Receipt:
        """Have a signed withdrawal paid whose delay is over."""
        purpose = self._purpose("release", withdrawal_id.hex())
        return await self.contract.send(sender, purpose, "releaseWithdrawal", withdrawal_id)

    async def veto(self, sender: Sender, withdrawal_id: bytes) -> Receipt:
        """As the guardian, keep a delayed withdrawal from being paid."""
        purpose = self._purpose("veto", withdrawal_id.hex())
        return await self.contract.send(sender, purpose, "vetoWithdrawal", withdrawal_id)

    async def pause(self, sender: Sender) -> Receipt | None:
        """As the guardian, stop deposits and signed withdrawals; None where they are stopped."""
        if await self.is_paused():
            return None
        purpose = await sender.turn(self._purpose("pause"))
        return await self.contract.send(sender, purpose, "togglePauseState")

    # ------------------------------------------------------------ inside

    async def _allow(self, sender: Sender, amount: int, sequence_nonce: int) -> None:
        token, bridge = await self.token(), bytes(self.contract.address)
        asked = _TOKEN.calldata("allowance", bytes(sender.account), bridge)
        (allowed,) = _TOKEN.result("allowance", await sender.chain.call(token, asked))
        if allowed >= amount:
            return
        purpose = self._purpose("approve", sender.account.hex0x, sequence_nonce, amount)
        call = Call(to=token, data=_TOKEN.calldata("approve", bridge, amount))
        try:
            await sender.send(call, purpose)
        except CallRefused as error:
            raise refusal(_TOKEN, "token.approve", error) from None

    def _purpose(self, what: str, *of: Any) -> str:
        return " ".join(map(str, (what, self.contract.address.hex0x, *of)))
