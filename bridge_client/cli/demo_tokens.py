"""Tokens in the demonstration: in by a deposit, out by proof of what a final batch contains."""

from __future__ import annotations

from dataclasses import dataclass

from bridge_client.artifacts import artifact
from bridge_client.deploying import deploy_bridge
from bridge_client.errors import Reverted
from bridge_client.escrow import TokenEscrow
from bridge_client.ethereum import Interface
from bridge_client.l1 import Chain
from bridge_client.plans import EscrowPlan
from bridge_client.sending import Sender
from bridge_client.settling import Settlement
from bridge_client.transactions import Call
from bridge_client.withdrawals import HASH_BYTES, Withdrawal, WithdrawalTree
from committee.secp256k1 import Address
from da_node.service import Bug
from da_node.service.stage import Stage, require

SUPPLY, IN, OUT = 1_000_000, 1000, 400
ROLLUP = 9
"""The chain that a deposit is for."""
DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A bridge, one user's deposit, and the withdrawal that a batch is to contain."""

    stage: Stage
    user: Sender
    token: Address
    escrow: TokenEscrow
    withdrawal: Withdrawal
    tree: WithdrawalTree

    @classmethod
    async def deposited(
        cls, stage: Stage, settlement: Settlement, sequencer: Sender, user: Sender, chain_id: int
    ) -> Tokens:
        """A bridge beside the settlement, and tokens of the user's in it."""
        stage.scene("tokens go in: a bridge whose owner is slow, and a user's deposit")
        token = await _token(sequencer, user.account)
        period_s = settlement.terms.challenge_period_s
        plan = EscrowPlan(
            token=token,
            signer=sequencer.account,
            owner_delay_s=period_s + 1,
            daily_limit=0,
            delay_s=DAY_S,
        )
        made = await deploy_bridge(sequencer, settlement, plan, sequencer.account, "demo")
        escrow = TokenEscrow(sequencer.chain, made.bridge, chain_id)
        await escrow.deposit(user, IN, target_chain_id=ROLLUP, sequence_nonce=1)
        stage.fact("bridge", f"{made.bridge.hex0x}, owned by a timelock of {period_s + 1} s")
        stage.fact("in escrow", f"{await escrow.contract.answer('escrowed')} of {SUPPLY} tokens")
        withdrawal = Withdrawal(
            user=user.account, amount=OUT, withdrawal_id=bytes(HASH_BYTES - 1) + b"\1"
        )
        # a rollup's batch would have others' too; the leaves follow from its payload
        tree = WithdrawalTree([bytes(HASH_BYTES), escrow.leaf(withdrawal)])
        return cls(
            stage=stage,
            user=user,
            token=token,
            escrow=escrow,
            withdrawal=withdrawal,
            tree=tree,
        )

    async def withdrawn(self, height: int) -> None:
        """Out by proof, once: nobody is asked for a signature."""
        self.stage.scene("tokens come out: by proof of what the final batch contains")
        proof = self.tree.proof(self.escrow.leaf(self.withdrawal))
        await self.escrow.withdraw_proven(self.user, self.withdrawal, height, proof)
        held = await balance(self.user.chain, self.token, self.user.account)
        require(held == SUPPLY - IN + OUT, "a withdrawal that a final batch contains is paid")
        self.stage.fact("paid", f"{OUT} tokens; the user has {held}")
        again = self.escrow.contract.call(
            "withdrawWithProof",
            bytes(self.withdrawal.user),
            self.withdrawal.amount,
            self.withdrawal.withdrawal_id,
            height,
            proof.index,
            list(proof.path),
        )
        try:
            await self.escrow.contract.carry_out(self.user, "once more", again, "withdrawWithProof")
        except Reverted as error:
            self.stage.fact("once more", error.reason)
        else:
            require(False, "no withdrawal is paid twice")


async def balance(chain: Chain, token: Address, account: Address) -> int:
    """Tokens of an account."""
    calls = Interface(artifact("DevelopmentToken"))
    answer = await chain.call(token, calls.calldata("balanceOf", bytes(account)))
    return int(calls.result("balanceOf", answer)[0])


async def _token(sender: Sender, owner: Address) -> Address:
    data = Interface(artifact("DevelopmentToken")).creation(bytes(owner), SUPPLY)
    receipt = await sender.send(Call(to=None, data=data), "demo token")
    if receipt.contract is None:
        raise Bug(reason="creating a token created nothing")
    return receipt.contract
