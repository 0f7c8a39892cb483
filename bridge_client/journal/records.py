"""What stands in the journal, as types. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bridge_client.life import Standing, State
from bridge_client.transactions import Call, Signed
from committee.secp256k1 import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A block."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A signed transaction for an intent; all attempts of one have its nonce."""

    signed: Signed
    made_at: int
    """The newest block's number then."""
    cancels: bool = False
    """Whether it does nothing, in the place of what was meant."""

    @property
    def has_blobs(self) -> bool:
        """Whether a sidecar goes beside it (EIP-4844: type 3). What does nothing in the place of
        what was undone has none: the sidecar was dropped.
        """
        return self.signed.raw[:1] == b"\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A transaction that is meant to happen once."""

    number: int
    """In the journal, ascending."""
    purpose: str
    """What it is for: the same purpose is the same transaction."""
    account: Address
    nonce: int
    call: Call
    gas: int
    """Its limit."""
    state: State
    place: Place | None
    """The block that has it; None while it is open, and once it was displaced."""
    attempts: tuple[Attempt, ...]
    """One at least, the last one last."""

    @property
    def last(self) -> Attempt:
        """The attempt that is sent."""
        return self.attempts[-1]

    @property
    def is_cancelling(self) -> bool:
        """Whether it is being replaced by what does nothing."""
        return self.last.cancels

    @property
    def standing(self) -> Standing:
        """As far as the next step depends on it."""
        return Standing(
            state=self.state,
            nonce=self.nonce,
            fee=self.last.signed.fee,
            attempted_at=self.last.made_at,
            block=None if self.place is None else (self.place.number, self.place.hash),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Something that a watcher has seen in a block."""

    block: Place
    index: int
    """Of the event in the block."""
    document: bytes
    """JSON."""
