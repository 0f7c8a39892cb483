"""What a settlement's contract says, as values, and its rules, as the client foresees them. Pure.

The contract decides; this says beforehand what it would say, so that nobody pays for a refusal, and
what is still missing, so that a gate knows what to wait for. docs/CONTRACTS.md has the rules.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from committee.parameters import RELIANCE_MARGIN_S
from committee.secp256k1 import Address
from committee.values import KeysetHash
from da_node.coding import BlobId

MOST_POINTS: Final = 16
"""That one challenge names."""
MOST_ERROR_1E18: Final = 10**12
"""Of a verdict that counts: 10^-6."""
SILENCE_S: Final = 86_400
"""After so long without an allowed sequencer's batch anyone may propose."""


class BatchState(enum.IntEnum):
    """As the contract numbers it."""

    NONE = 0
    PENDING = 1
    FINAL = 2
    VOID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a settlement was deployed with, for good."""

    verifier: Address
    samplers: Address
    owner: Address
    genesis_state_root: bytes
    challenge_period_s: int
    response_window_s: int
    margin_s: int
    verdict_lifetime_s: int
    quorum: int
    """Verdicts *available* that make a batch final."""
    objectors: int
    """Verdicts *withheld* that object to it."""
    strict_only: bool
    """Whether *available* counts only by rule 0."""
    proposal_bond_wei: int
    point_bond_wei: int
    row_bond_wei: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """From the struct that `config()` answers."""
        return cls(
            verifier=_address(fields["verifier"]),
            samplers=_address(fields["samplers"]),
            owner=_address(fields["owner"]),
            genesis_state_root=fields["genesisStateRoot"],
            challenge_period_s=fields["challengePeriod_s"],
            response_window_s=fields["responseWindow_s"],
            margin_s=fields["margin_s"],
            verdict_lifetime_s=fields["verdictLifetime_s"],
            quorum=fields["quorum"],
            objectors=fields["objectors"],
            strict_only=fields["strictOnly"],
            proposal_bond_wei=fields["proposalBondWei"],
            point_bond_wei=fields["pointBondWei"],
            row_bond_wei=fields["rowBondWei"],
        )

    def bond_of(self, rows: int) -> int:
        """What challenging one point of a blob of so many rows costs, wei."""
        return self.point_bond_wei + rows * self.row_bond_wei

    def needed_expiry(self, proposed_at: int) -> int:
        """The earliest expiry, unix seconds, that a certificate proposed then must have."""
        return proposed_at + self.challenge_period_s + RELIANCE_MARGIN_S + self.margin_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as the contract has it."""

    number: int
    """Its id, which is never used again."""
    height: int
    state: BatchState
    previous_root: bytes
    state_root: bytes
    withdrawals_root: bytes
    blob_id: BlobId
    keyset_hash: KeysetHash
    proposer: Address
    proposed_at: int
    """Unix seconds, the block's."""
    expires_at: int
    """Of its certificate."""
    rows: int
    open_challenges: int

    @classmethod
    def of(cls, number: int, fields: Mapping[str, Any]) -> Self:
        """From the struct that `batchOf(number)` answers."""
        return cls(
            number=number,
            height=fields["height"],
            state=BatchState(fields["state"]),
            previous_root=fields["previousRoot"],
            state_root=fields["stateRoot"],
            withdrawals_root=fields["withdrawalsRoot"],
            blob_id=BlobId(fields["blobId"]),
            keyset_hash=KeysetHash(fields["keysetHash"]),
            proposer=_address(fields["proposer"]),
            proposed_at=fields["proposedAt"],
            expires_at=fields["expiresAt"],
            rows=fields["rows"],
            open_challenges=fields["openChallenges"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A challenge as the contract has it."""

    number: int
    batch: int
    """Its batch's id."""
    challenger: Address
    deadline: int
    """Unix seconds; answers of that second still count."""
    points: tuple[int, ...]
    """What was asked for; empty once it is closed."""
    unanswered: tuple[int, ...]
    """Positions in `points`."""

    @classmethod
    def of(cls, number: int, fields: Mapping[str, Any]) -> Self:
        """From the struct that `challengeOf(number)` answers."""
        count, packed, answered = fields["count"], fields["points"], fields["answered"]
        return cls(
            number=number,
            batch=fields["batchId"],
            challenger=_address(fields["challenger"]),
            deadline=fields["deadline"],
            points=tuple(packed >> 16 * i & 0xFFFF for i in range(count)),
            unanswered=tuple(i for i in range(count) if not answered >> i & 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Verdicts that count for a batch now."""

    available: int
    withheld: int


class Hindrance(enum.Enum):
    """What keeps a pending batch from being final."""

    OBJECTION = "objection"
    """As many samplers as it takes say *withheld*."""
    KEYSET = "keyset"
    """Its keyset is not in force."""
    EXPIRED = "expired"
    """Its blob is no longer kept."""
    CHALLENGE = "challenge"
    """A challenge is open."""
    BEFORE = "before"
    """A batch before it is not final."""
    PERIOD = "period"
    """The challenge period is not over."""
    VERDICTS = "verdicts"
    """Too few samplers say *available*, or said it too long ago."""


LASTING: Final = frozenset({Hindrance.OBJECTION, Hindrance.KEYSET, Hindrance.EXPIRED})
"""Hindrances that waiting alone does not remove: samplers change their mind, or the batch falls."""


def hindrances(
    batch: Batch, tally: Tally, terms: Terms, *, final_length: int, in_force: bool, now: int
) -> tuple[Hindrance, ...]:
    """All that keeps a pending batch from being final at a time (unix seconds), the gravest first.

    `final_length` is how many batches are final, `in_force` whether the batch's keyset is. None of
    them: `finalize` succeeds.
    """
    found = {
        Hindrance.OBJECTION: tally.withheld >= terms.objectors,
        Hindrance.KEYSET: not in_force,
        Hindrance.EXPIRED: now >= batch.expires_at,
        Hindrance.CHALLENGE: batch.open_challenges > 0,
        Hindrance.BEFORE: batch.height > final_length,
        Hindrance.PERIOD: now < batch.proposed_at + terms.challenge_period_s,
        Hindrance.VERDICTS: tally.available < terms.quorum,
    }
    return tuple(one for one, stands in found.items() if stands)


def _address(value: str) -> Address:
    return Address.from_hex(value)
