"""What is to be deployed, and what was. Pure."""

from __future__ import annotations

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
        """Before anything is paid for. Raises BadConfiguration, and Bug for keysets of several
        networks.
        """
        if len({keyset.network_id for keyset in self.keysets}) != 1:
            raise Bug(reason="a deployment has the keysets of one network")
        escrow = self.escrow
        if escrow is None or escrow.is_bare:
            return
        if escrow.owner_delay_s <= self.challenge_period_s:
            reason = (
                f"{escrow.owner_delay_s} s is not longer than the challenge period,"
                f" {self.challenge_period_s} s"
            )
            raise BadConfiguration(source="plan", name="bridge-delay", reason=reason)

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
