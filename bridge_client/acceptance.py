"""What lies on chain after a deployment, compared with what was planned.

A constructor takes what it is given, and an owner may change what it owns: whoever hands addresses
on should know that what lies there is what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bridge_client.contract import Contract
from bridge_client.errors import NotAsPlanned
from bridge_client.l1 import Chain
from bridge_client.plans import BridgeDeployment, Deployment, EscrowPlan, Plan
from committee.secp256k1 import Address

_ENABLED: Final = 2
"""A keyset's state, as `CertificateVerifier` numbers it."""
_Question = tuple[Contract, str, tuple[Any, ...], Any]
"""Contract, function, arguments, what it should answer."""


async def require_planned(chain: Chain, plan: Plan, made: Deployment, account: Address) -> None:
    """All that was deployed answers as planned; `account` is who deployed.

    Raises NotAsPlanned for the first that does not, and NoContract where nothing lies.
    """
    at = _Places(chain, made)
    for contract, function, arguments, expected in _questions(plan, made, at):
        _compare(contract, function, await contract.answer(function, *arguments), expected)
    found = await at.settlement.fields("config")
    config = plan.settlement_config(made.verifier, made.samplers, made.owner)
    for name, expected in config.items():
        _compare(at.settlement, f"config().{name}", found[name], expected)
    if made.waiting_until is None:
        for keyset in plan.keysets:
            state = (await at.verifier.fields("keysetOf", bytes(keyset.hash)))["state"]
            _compare(at.verifier, f"state of keyset {keyset.hash.hex0x}", state, _ENABLED)
    for address, delay_s in _timelocks(plan, made, account):
        await _require_timelock(Contract(chain, address, "TimelockController"), delay_s, account)


async def require_bridge(
    chain: Chain,
    escrow: EscrowPlan,
    guardian: Address,
    settlement: Address,
    made: BridgeDeployment,
    account: Address,
) -> None:
    """The same of a bridge alone."""
    bridge = Contract(chain, made.bridge, "TokenEscrowBridge")
    questions = _of_bridge(escrow, guardian, settlement, made.owner, bridge)
    for contract, function, arguments, expected in questions:
        _compare(contract, function, await contract.answer(function, *arguments), expected)
    if not escrow.is_bare:
        timelock = Contract(chain, made.owner, "TimelockController")
        await _require_timelock(timelock, escrow.owner_delay_s, account)


class _Places:
    """The contracts of a deployment."""

    def __init__(self, chain: Chain, made: Deployment) -> None:
        self.verifier = Contract(chain, made.verifier, "CertificateVerifier")
        self.registry = Contract(chain, made.samplers, "SamplerRegistry")
        self.settlement = Contract(chain, made.settlement, "BatchSettlement")
        self.bridge = made.bridge and Contract(chain, made.bridge, "TokenEscrowBridge")


def _questions(plan: Plan, made: Deployment, at: _Places) -> Iterator[_Question]:
    yield at.verifier, "registrar", (), made.owner
    yield at.verifier, "guardian", (), plan.guardian
    yield at.verifier, "networkId", (), bytes(plan.keysets[0].network_id)
    yield at.registry, "owner", (), made.owner
    yield at.registry, "stakeWei", (), plan.stake_wei
    yield at.registry, "exitDelay_s", (), plan.exit_delay_s
    for sequencer in plan.sequencers:
        yield at.settlement, "isSequencer", (bytes(sequencer),), True
    yield at.settlement, "forcedFeeWei", (), plan.forced_fee_wei
    if plan.escrow and at.bridge and made.bridge_owner:
        yield from _of_bridge(
            plan.escrow, plan.guardian, made.settlement, made.bridge_owner, at.bridge
        )


def _of_bridge(
    escrow: EscrowPlan, guardian: Address, settlement: Address, owner: Address, bridge: Contract
) -> Iterator[_Question]:
    yield bridge, "owner", (), owner
    yield bridge, "tokenAsset", (), escrow.token
    yield bridge, "settlement", (), settlement
    yield bridge, "withdrawalSigner", (), escrow.signer
    yield bridge, "guardian", (), guardian
    yield bridge, "dailyLimit", (), escrow.daily_limit
    yield bridge, "delay_s", (), escrow.delay_s
    yield bridge, "isBare", (), escrow.is_bare


def _timelocks(plan: Plan, made: Deployment, account: Address) -> Iterator[tuple[Address, int]]:
    """Those that own something, with their delays in seconds."""
    if made.owner != account:
        yield made.owner, plan.timelock_delay_s
    escrow = plan.escrow
    if escrow and made.bridge_owner and made.bridge_owner != made.owner and not escrow.is_bare:
        yield made.bridge_owner, escrow.owner_delay_s


async def _require_timelock(timelock: Contract, delay_s: int, account: Address) -> None:
    """Its delay, that the account works it, and that nobody but itself changes who does."""
    _compare(timelock, "getMinDelay", await timelock.answer("getMinDelay"), delay_s)
    for role, expected in (
        ("PROPOSER_ROLE", True),
        ("EXECUTOR_ROLE", True),
        ("DEFAULT_ADMIN_ROLE", False),
    ):
        number = await timelock.answer(role)
        has_it = await timelock.answer("hasRole", number, bytes(account))
        _compare(timelock, f"hasRole({role}, {account.hex0x})", has_it, expected)


def _compare(contract: Contract, what: str, value: Any, expected: Any) -> None:
    wanted = expected.hex0x if isinstance(expected, Address) else expected
    if value != wanted:
        raise NotAsPlanned(
            what=f"{what} of {contract.name} at {contract.address.hex0x}",
            value=_shown(value),
            expected=_shown(wanted),
        )


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
