"""Contracts put on a chain, with the keysets and samplers that they begin with.

Every step is a transaction with a purpose, so the same call again goes on where it was. Behind a
timelock, enabling keysets and admitting samplers is scheduled first; the call that comes after the
delay carries it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge_client.artifacts import artifact
from bridge_client.calldata import keys_of, proofs_in_calls, rules_of
from bridge_client.contract import Contract, refusal
from bridge_client.ethereum import Interface
from bridge_client.l1 import CallRefused, Receipt
from bridge_client.sending import Sender
from bridge_client.transactions import Call
from committee.keyset import VerifiedKeyset
from committee.secp256k1 import Address
from da_node.service import Bug

NOBODY: Final = Address(bytes(Address.length))
_NOTHING: Final = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is deployed. Rules for its figures are in docs/CONTRACTS.md."""

    keysets: tuple[VerifiedKeyset, ...]
    """One at least, all of one network."""
    sequencers: tuple[Address, ...]
    samplers: tuple[Address, ...] = ()
    """Who is admitted; each pays its stake itself."""
    guardian: Address
    timelock_delay_s: int
    """Of the owner; 0: the account that deploys owns everything, for development chains."""
    genesis_state_root: bytes = _NOTHING
    challenge_period_s: int
    response_window_s: int
    margin_s: int
    verdict_lifetime_s: int
    quorum: int
    objectors: int
    strict_only: bool
    proposal_bond_wei: int
    point_bond_wei: int
    row_bond_wei: int
    forced_fee_wei: int
    stake_wei: int
    exit_delay_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed."""

    owner: Address
    verifier: Address
    samplers: Address
    settlement: Address
    first_block: int
    """The block of the first of them."""
    waiting_until: int | None
    """When what is scheduled with the timelock can be carried out, unix seconds; None: all is."""


async def deploy(sender: Sender, plan: Plan, label: str) -> Deployment:
    """Deploy a plan, once for a label. Raises as `Sender.send`, and Reverted; OtherIntent where the
    plan is another one than that of the same label before.
    """
    if len({keyset.network_id for keyset in plan.keysets}) != 1:
        raise Bug(reason="a deployment has the keysets of one network")
    return await _Deploying(sender, plan, label).run()


@dataclass
class _Deploying:
    sender: Sender
    plan: Plan
    label: str
    _receipts: list[Receipt] = field(default_factory=list)
    _waiting: list[int] = field(default_factory=list)
    _timelock: Contract | None = None

    async def run(self) -> Deployment:
        plan = self.plan
        owner = self.sender.account
        if plan.timelock_delay_s:
            ours = [bytes(owner)]
            owner = await self._create(
                "TimelockController", plan.timelock_delay_s, ours, ours, bytes(NOBODY)
            )
            self._timelock = self._contract("TimelockController", owner)
        network = bytes(plan.keysets[0].network_id)
        verifier = await self._create(
            "CertificateVerifier", network, bytes(owner), bytes(plan.guardian)
        )
        samplers = await self._create(
            "SamplerRegistry", bytes(owner), plan.stake_wei, plan.exit_delay_s
        )
        settlement = await self._create(
            "BatchSettlement",
            self._config(verifier, samplers, owner),
            [bytes(one) for one in plan.sequencers],
        )
        await self._register(self._contract("CertificateVerifier", verifier))
        for sampler in plan.samplers:
            registry = self._contract("SamplerRegistry", samplers)
            await self._govern(registry, "admit", bytes(sampler))
        return Deployment(
            owner=owner,
            verifier=verifier,
            samplers=samplers,
            settlement=settlement,
            first_block=self._receipts[0].block_number,
            waiting_until=max(self._waiting, default=None),
        )

    def _config(self, verifier: Address, samplers: Address, owner: Address) -> tuple[Any, ...]:
        plan = self.plan
        return (
            bytes(verifier),
            bytes(samplers),
            bytes(NOBODY),
            bytes(owner),
            plan.genesis_state_root,
            plan.challenge_period_s,
            plan.response_window_s,
            plan.margin_s,
            plan.verdict_lifetime_s,
            plan.quorum,
            plan.objectors,
            plan.strict_only,
            plan.proposal_bond_wei,
            plan.point_bond_wei,
            plan.row_bond_wei,
            plan.forced_fee_wei,
        )

    async def _register(self, verifier: Contract) -> None:
        for keyset in self.plan.keysets:
            name = keyset.hash.hex0x
            for number, (keys, proofs) in enumerate(proofs_in_calls(keyset)):
                purpose = self._purpose("prove keys", name, number)
                await verifier.send(self.sender, purpose, "proveKeys", keys, proofs)
            purpose = self._purpose("prepare keyset", name)
            await verifier.send(
                self.sender, purpose, "prepareKeyset", rules_of(keyset), keys_of(keyset)
            )
            await self._govern(verifier, "enableKeyset", bytes(keyset.hash))

    async def _create(self, name: str, *arguments: Any) -> Address:
        interface = Interface(artifact(name))
        call = Call(to=None, data=interface.creation(*arguments))
        try:
            receipt = await self.sender.send(call, self._purpose("create", name))
        except CallRefused as error:
            raise refusal(interface, f"creating {name}", error) from None
        self._receipts.append(receipt)
        if receipt.contract is None:
            raise Bug(reason=f"creating {name} created nothing")  # the sender has compared it
        return receipt.contract

    async def _govern(self, contract: Contract, function: str, argument: bytes) -> None:
        """Something that only the owner may do."""
        what = f"{function} 0x{argument.hex()}"
        if self._timelock is None:
            await contract.send(self.sender, self._purpose(what), function, argument)
            return
        timelock, delay = self._timelock, self.plan.timelock_delay_s
        data = contract.interface.calldata(function, argument)
        operation = (bytes(contract.address), 0, data, _NOTHING, _NOTHING)
        purpose = self._purpose("schedule", what)
        await timelock.send(self.sender, purpose, "schedule", *operation, delay)
        number = await timelock.answer("hashOperation", *operation)
        free = await timelock.answer("getTimestamp", number)
        purpose = self._purpose("execute", what)
        if free > (await self.sender.chain.head()).time:
            self._waiting.append(free)
        else:  # done before: the journal has it
            await timelock.send(self.sender, purpose, "execute", *operation)

    def _contract(self, name: str, address: Address) -> Contract:
        return Contract(self.sender.chain, address, name)

    def _purpose(self, *what: Any) -> str:
        return " ".join(map(str, ("deploy", self.label, *what)))


def addresses(texts: Sequence[str]) -> tuple[Address, ...]:
    """From hex. Raises MalformedRequest."""
    return tuple(map(Address.from_hex, texts))
