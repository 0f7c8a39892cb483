"""Contracts put on a chain, with the keysets and samplers that they begin with.

Every step is a transaction with a purpose, so the same call again goes on where it was. Behind a
timelock, enabling keysets and admitting samplers is scheduled first; the call that comes after the
delay carries it out. What lies there in the end is compared with the plan (`acceptance`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge_client.acceptance import require_bridge, require_planned
from bridge_client.artifacts import artifact
from bridge_client.calldata import keys_of, proofs_in_calls, rules_of
from bridge_client.contract import Contract, refusal
from bridge_client.errors import NoContract
from bridge_client.ethereum import Interface
from bridge_client.governing import Owner
from bridge_client.l1 import CallRefused, Chain, Receipt
from bridge_client.plans import NOBODY, BridgeDeployment, Deployment, EscrowPlan, Plan
from bridge_client.sending import Sender
from bridge_client.settling import Settlement
from bridge_client.transactions import Call
from committee.keyset import VerifiedKeyset
from committee.secp256k1 import Address
from da_node.service import Bug

_UNKNOWN: Final = 0
"""A keyset's state, as `CertificateVerifier` numbers it."""


async def deploy(sender: Sender, plan: Plan, label: str) -> Deployment:
    """Deploy a plan, once for a label; with another token, one more bridge for the same.

    Raises BadConfiguration before anything is sent; as `Sender.send`, and Reverted; OtherIntent
    where the plan is another one than that of the same label before; NotAsPlanned where what lies
    there is not what was planned.
    """
    plan.check()
    if plan.escrow is not None:
        await _require_token(sender.chain, plan.escrow.token)
    return await _Deploying(_Placing(sender, f"deploy {label}"), plan).run()


async def deploy_bridge(
    sender: Sender, settlement: Settlement, escrow: EscrowPlan, guardian: Address, label: str
) -> BridgeDeployment:
    """A bridge for a settlement that is there, whoever deployed it; once for a label and a token.
    Raises as `deploy`.
    """
    escrow.check(settlement.terms.challenge_period_s)
    await _require_token(sender.chain, escrow.token)
    address = settlement.contract.address
    placing = _Placing(sender, f"escrow {address.hex0x} {label}")
    owner = await placing.bridge_owner(escrow)
    bridge = await placing.bridge(escrow, owner, guardian, address)
    made = BridgeDeployment(bridge=bridge, owner=owner)
    await require_bridge(sender.chain, escrow, guardian, address, made, sender.account)
    return made


async def register(
    sender: Sender, verifier: Contract, keyset: VerifiedKeyset, *purpose: str
) -> None:
    """Bring a keyset to a verifier: its keys proven, the keyset prepared, unless somebody has done
    so. Enabling it is the owner's.
    """
    name = keyset.hash.hex0x
    preparing = " ".join((*purpose, "prepare keyset", name))
    if await sender.go_on(preparing) is not None:
        return
    if (await verifier.fields("keysetOf", bytes(keyset.hash)))["state"] != _UNKNOWN:
        return
    for number, (keys, proofs) in enumerate(proofs_in_calls(keyset)):
        words = " ".join((*purpose, "prove keys", name, str(number)))
        await verifier.send(sender, words, "proveKeys", keys, proofs)
    await verifier.send(sender, preparing, "prepareKeyset", rules_of(keyset), keys_of(keyset))


@dataclass
class _Deploying:
    placing: _Placing
    plan: Plan
    _waiting: list[int] = field(default_factory=list)

    async def run(self) -> Deployment:
        plan, placing, sender = self.plan, self.placing, self.placing.sender
        owner = sender.account
        if plan.timelock_delay_s:
            owner = await placing.timelock(plan.timelock_delay_s)
        network = bytes(plan.keysets[0].network_id)
        verifier = await placing.create(
            "CertificateVerifier", network, bytes(owner), bytes(plan.guardian)
        )
        samplers = await placing.create(
            "SamplerRegistry", bytes(owner), plan.stake_wei, plan.exit_delay_s
        )
        config = plan.settlement_config(verifier, samplers, owner)
        settlement = await placing.create(
            "BatchSettlement",
            tuple(map(_argument, config.values())),
            [bytes(one) for one in plan.sequencers],
        )
        bridge = bridge_owner = None
        if plan.escrow is not None:
            bridge_owner = await self._bridge_owner(plan.escrow, owner)
            bridge = await placing.bridge(plan.escrow, bridge_owner, plan.guardian, settlement)
        await self._govern(owner, verifier, samplers)
        made = Deployment(
            owner=owner,
            verifier=verifier,
            samplers=samplers,
            settlement=settlement,
            bridge=bridge,
            bridge_owner=bridge_owner,
            first_block=placing.receipts[0].block_number,
            waiting_until=max(self._waiting, default=None),
        )
        await require_planned(sender.chain, plan, made, sender.account)
        return made

    async def _bridge_owner(self, escrow: EscrowPlan, owner: Address) -> Address:
        """The settlement's owner, where it is slow enough as planned, or a timelock of its own."""
        if escrow.is_bare or escrow.owner_delay_s != self.plan.timelock_delay_s:
            return await self.placing.bridge_owner(escrow)
        return owner

    async def _govern(self, owner: Address, verifier: Address, samplers: Address) -> None:
        """Keysets enabled, samplers admitted."""
        sender, chain = self.placing.sender, self.placing.sender.chain
        governing = await Owner.at(chain, owner)
        registrar = Contract(chain, verifier, "CertificateVerifier")
        for keyset in self.plan.keysets:
            await register(sender, registrar, keyset, self.placing.label)
            await self._act(governing, registrar, "enableKeyset", bytes(keyset.hash))
        registry = Contract(chain, samplers, "SamplerRegistry")
        for sampler in self.plan.samplers:
            await self._act(governing, registry, "admit", bytes(sampler))

    async def _act(self, owner: Owner, contract: Contract, function: str, argument: bytes) -> None:
        placing = self.placing
        free = await owner.act(placing.sender, placing.purpose, contract, function, argument)
        if free is not None:
            self._waiting.append(free)


@dataclass
class _Placing:
    """Contracts created one after the other, each once for its purpose."""

    sender: Sender
    label: str
    receipts: list[Receipt] = field(default_factory=list)

    async def timelock(self, delay_s: int, *of: str) -> Address:
        """One that the account works, and that nobody administers but itself."""
        ours = [bytes(self.sender.account)]
        return await self.create("TimelockController", delay_s, ours, ours, bytes(NOBODY), of=of)

    async def bridge_owner(self, escrow: EscrowPlan) -> Address:
        """A bridge's own."""
        if escrow.is_bare:
            return escrow.signer
        return await self.timelock(escrow.owner_delay_s, "of the bridge")

    async def bridge(
        self, escrow: EscrowPlan, owner: Address, guardian: Address, settlement: Address
    ) -> Address:
        config = (
            bytes(escrow.token),
            bytes(settlement),
            bytes(owner),
            bytes(escrow.signer),
            bytes(guardian),
            escrow.daily_limit,
            escrow.delay_s,
            escrow.is_bare,
        )
        return await self.create("TokenEscrowBridge", config, of=(escrow.token.hex0x,))

    async def create(self, name: str, *arguments: Any, of: Sequence[str] = ()) -> Address:
        interface = Interface(artifact(name))
        call = Call(to=None, data=interface.creation(*arguments))
        try:
            receipt = await self.sender.send(call, self.purpose("create", name, *of))
        except CallRefused as error:
            raise refusal(interface, f"creating {name}", error) from None
        self.receipts.append(receipt)
        if receipt.contract is None:
            raise Bug(reason=f"creating {name} created nothing")  # the sender has compared it
        return receipt.contract

    def purpose(self, *what: Any) -> str:
        return " ".join(map(str, (self.label, *what)))


def addresses(texts: Sequence[str]) -> tuple[Address, ...]:
    """From hex. Raises MalformedRequest."""
    return tuple(map(Address.from_hex, texts))


async def _require_token(chain: Chain, token: Address) -> None:
    if not await chain.has_code(token):
        raise NoContract(name="token", address=token.hex0x)


def _argument(value: Any) -> Any:
    return bytes(value) if isinstance(value, Address) else value
