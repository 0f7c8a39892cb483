"""The life of a transaction that is meant to happen, and what to do about it next. Pure.

    open ──seen──▶ mined ──buried──▶ done
      ▲  ▲           │ ├──buried, reverted──▶ failed
      │  │           │ └──buried, and it is what cancels──▶ cancelled
      │  └──gone─────┘  (the chain was reorganised)
      └─ open ──nonce taken, buried──▶ displaced

An intent is journalled before anything is sent, so `open` means: sent, or not, or sent twice, which
are all the same: a nonce counts once, and sending the same bytes again changes nothing. Whatever an
endpoint says, an intent ends only by what a block says that is buried deep enough. What ended is
open again only where somebody says so: a reorganisation went deeper than that, and a transaction
that does nothing takes the nonce (`REOPENED`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from bridge_client.l1.answers import Block, Receipt
from bridge_client.transactions import Fee
from da_node.service import Bug


class State(enum.IntEnum):
    """How far an intent has come; the numbers stand in the journal."""

    OPEN = 0
    MINED = 1
    DONE = 2
    FAILED = 3
    DISPLACED = 4
    CANCELLED = 5


class Event(enum.Enum):
    """What is found out of an intent."""

    SEEN = "seen"
    """A block has it, the first or another than before."""
    GONE = "gone"
    """No block has it any more."""
    BURIED = "buried"
    """The block that has it is deep enough."""
    REVERTED = "reverted"
    """The same, and the contract refused."""
    CANCELLED = "cancelled"
    """The same, and what was mined is the attempt that does nothing."""
    TAKEN = "taken"
    """A block that is deep enough has another transaction of its nonce."""
    REOPENED = "reopened"
    """It had ended, no block has it any more, and its nonce is to be used by nothing."""


TRANSITIONS: Final = {
    (State.OPEN, Event.SEEN): State.MINED,
    (State.OPEN, Event.TAKEN): State.DISPLACED,
    (State.MINED, Event.SEEN): State.MINED,
    (State.MINED, Event.GONE): State.OPEN,
    (State.MINED, Event.BURIED): State.DONE,
    (State.MINED, Event.REVERTED): State.FAILED,
    (State.MINED, Event.CANCELLED): State.CANCELLED,
    (State.DONE, Event.REOPENED): State.OPEN,
    (State.FAILED, Event.REOPENED): State.OPEN,
    (State.CANCELLED, Event.REOPENED): State.OPEN,
}
LIVE: Final = (State.OPEN, State.MINED)
"""States that something can still happen in."""


def after(state: State, event: Event) -> State:
    """The state that follows. Raises Bug for an event that cannot happen in it."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Bug(reason=f"an intent that is {state.name} cannot be {event.value}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient and how generous a sender is."""

    confirmations: int = 3
    """Blocks from a transaction's own to the newest, both counted, after which it counts as there
    for good. Where the chain is reorganised deeper, watchers see it, and nobody else."""
    blocks_before_bump: int = 3
    """Blocks that may come without it before it pays more."""
    most_fee: int = 500 * 10**9
    """Wei a gas."""
    most_blob_fee: int = 100 * 10**9
    """Wei a gas of blob space: 0.08 ETH for six blobs."""

    @property
    def most(self) -> Fee:
        """What no transaction pays more than."""
        return Fee(most=self.most_fee, tip=self.most_fee, blob=self.most_blob_fee)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An intent as the journal has it, as far as the next step depends on it."""

    state: State
    nonce: int
    fee: Fee
    """Of its last attempt."""
    attempted_at: int
    """The newest block when its last attempt was made."""
    block: tuple[int, bytes] | None
    """Number and hash of the block that has it; None while it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the chain says of an intent."""

    head: Block
    receipt: Receipt | None
    """Of any of its attempts."""
    is_cancelled: bool = False
    """Whether that attempt is one that does nothing."""
    buried_nonce: int
    """Transactions of the account up to the newest block that is deep enough."""
    is_known: bool
    """Whether the endpoint has the last attempt, waiting or in a block; asked after the nonce."""
    market: Fee
    """What a transaction should pay now."""


@dataclass(frozen=True, slots=True)
class Record:
    """Write down what was found out."""

    event: Event
    block: tuple[int, bytes] | None


@dataclass(frozen=True, slots=True)
class Send:
    """Hand the last attempt over, again if need be."""


@dataclass(frozen=True, slots=True)
class Bump:
    """Another attempt with the same nonce, which pays more."""

    fee: Fee


@dataclass(frozen=True, slots=True)
class Wait:
    """Until there is another block."""


Step = Record | Send | Bump | Wait


def next_step(standing: Standing, view: View, policy: Policy) -> Step:
    """What to do about an intent that is live."""
    if standing.state is State.MINED:
        return _when_mined(standing, view, policy)
    if view.receipt is not None:
        return Record(Event.SEEN, _place(view.receipt))
    if not view.is_known and view.buried_nonce > standing.nonce:
        return Record(Event.TAKEN, None)
    if view.head.number - standing.attempted_at >= policy.blocks_before_bump:
        fee = standing.fee.bumped().at_least(view.market)
        if fee.is_within(policy.most):
            return Bump(fee)  # also where it is not taken at all for what it pays
    return Wait() if view.is_known else Send()


def _when_mined(standing: Standing, view: View, policy: Policy) -> Step:
    receipt = view.receipt
    if receipt is None:
        return Record(Event.GONE, None)
    if _place(receipt) != standing.block:
        return Record(Event.SEEN, _place(receipt))
    if view.head.number - receipt.block_number + 1 < policy.confirmations:
        return Wait()
    if view.is_cancelled:
        return Record(Event.CANCELLED, standing.block)
    return Record(Event.BURIED if receipt.is_done else Event.REVERTED, standing.block)


def _place(receipt: Receipt) -> tuple[int, bytes]:
    return receipt.block_number, receipt.block_hash
