"""What is to be deployed, and what was. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from committee.keyset import VerifiedKeyset
from committee.secp256k1 import Address
from da_node.service import BadConfiguration, Bug

NOBODY: Final = Address(bytes(Address.length))


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowPlan:
    """A bridge for one token. Another token of the same deployment is another bridge."""

    token: Address
    signer: Address
    """Whose signatures move tokens, within the limit."""
    owner_delay_s: int
    """Of the timelock that owns it: longer than the challenge period, so that whoever sees a change
    coming gets out by proof before it counts."""
    daily_limit: int
    """Tokens (smallest unit) that signatures move at once, a day of unix time."""
    delay_s: int
    """How long a signed withdrawal above the limit waits."""
    is_bare: bool = False
    """For clients that need it: the signer owns the bridge itself, and signs a digest that does not
    bind the contract. As safe as one key."""

    def check(self, challenge_period_s: int) -> None:
        """What the constructor asks, for a settlement of that period. Raises BadConfiguration."""
        _require_above("withdrawal-delay", self.delay_s, 0)
        if not self.is_bare:
            _require_longer("bridge-delay", self.owner_delay_s, challenge_period_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is deployed. Rules for its figures are in docs/CONTRACTS.md."""

    keysets: tuple[VerifiedKeyset, ...]
    """One at least, all of one network."""
    sequencers: tuple[Address, ...]
    samplers: tuple[Address, ...] = ()
    """Who is admitted; each pays its stake itself."""
    guardian: Address
    """Of verifier and bridge."""
    timelock_delay_s: int
    """Of the owner; 0: the account that deploys owns everything, for development chains."""
    genesis_state_root: bytes = bytes(32)
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
    escrow: EscrowPlan | None = None
    """None: no bridge."""

    def check(self) -> None:
        """What the constructors ask, before anything is paid for. Raises BadConfiguration, and Bug
        for keysets of several networks.
        """
        if len({keyset.network_id for keyset in self.keysets}) != 1:
            raise Bug(reason="a deployment has the keysets of one network")
        for name, value in self._above_zero():
            _require_above(name, value, 0)
        if self.margin_s < self.response_window_s:
            reason = f"{self.margin_s} s is shorter than the response window"
            raise BadConfiguration(source="plan", name="margin", reason=reason)
        # delays in which whoever sees something coming must be able to act
        _require_longer("exit-delay", self.exit_delay_s, self.challenge_period_s)
        if self.timelock_delay_s:
            _require_longer("timelock-delay", self.timelock_delay_s, self.challenge_period_s)
        if self.escrow:
            self.escrow.check(self.challenge_period_s)

    def _above_zero(self) -> Iterator[tuple[str, int]]:
        yield "quorum", self.quorum
        yield "objectors", self.objectors
        yield "challenge-period", self.challenge_period_s
        yield "response-window", self.response_window_s
        yield "verdict-lifetime", self.verdict_lifetime_s
        yield "proposal-bond", self.proposal_bond_wei
        yield "point-bond", self.point_bond_wei
        yield "forced-fee", self.forced_fee_wei
        yield "stake", self.stake_wei

    def settlement_config(
        self, verifier: Address, samplers: Address, owner: Address
    ) -> dict[str, Any]:
        """`BatchSettlement.Config`, in its order."""
        return {
            "verifier": verifier,
            "samplers": samplers,
            "stateVerifier": NOBODY,
            "owner": owner,
            "genesisStateRoot": self.genesis_state_root,
            "challengePeriod_s": self.challenge_period_s,
            "responseWindow_s": self.response_window_s,
            "margin_s": self.margin_s,
            "verdictLifetime_s": self.verdict_lifetime_s,
            "quorum": self.quorum,
            "objectors": self.objectors,
            "strictOnly": self.strict_only,
            "proposalBondWei": self.proposal_bond_wei,
            "pointBondWei": self.point_bond_wei,
            "rowBondWei": self.row_bond_wei,
            "forcedFeeWei": self.forced_fee_wei,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed."""

    owner: Address
    verifier: Address
    samplers: Address
    settlement: Address
    bridge: Address | None
    bridge_owner: Address | None
    first_block: int
    """The block of the first of them."""
    waiting_until: int | None
    """When what is scheduled with the timelock can be carried out, unix seconds; None: all is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeDeployment:
    """A bridge beside a settlement that was there."""

    bridge: Address
    owner: Address


def _require_above(name: str, value: int, bound: int) -> None:
    if value <= bound:
        reason = f"{value} is not above {bound}"
        raise BadConfiguration(source="plan", name=name, reason=reason)


def _require_longer(name: str, delay_s: int, challenge_period_s: int) -> None:
    if delay_s <= challenge_period_s:
        reason = f"{delay_s} s is not longer than the challenge period, {challenge_period_s} s"
        raise BadConfiguration(source="plan", name=name, reason=reason)
