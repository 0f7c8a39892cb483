"""What is kept of a session: every attempt, and what each member did on the whole. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sampler.suspicion import Outcome

FINAL: Final = frozenset({Outcome.PRUNED, Outcome.BAD_PROOF})
"""After which the same node is asked for the same item again only among controls."""


@dataclass(slots=True)
class Asked:
    """One attempt that ended."""

    source: int
    """A member's place in the keyset; from its size on, another node."""
    item: int | None
    """Column or point; None for a control."""
    asked_s: float
    ended_s: float
    """By the session's clock."""
    outcome: Outcome
    round: int | None
    """Of questions among controls; None outside of these."""
    detail: str
    """Why it failed, in words; empty where it did not."""


@dataclass(slots=True)
class MemberRecord:
    """What became of everything that one member was asked in one session."""

    items: Counter[Outcome] = field(default_factory=Counter)
    controls: Counter[Outcome] = field(default_factory=Counter)
    overdue: set[int] = field(default_factory=set)
    """Items that were asked of another one as well, since it is late."""

    def count(self, outcome: Outcome, *, is_control: bool) -> None:
        """One more."""
        (self.controls if is_control else self.items)[outcome] += 1

    @property
    def failing(self) -> float:
        """Share of the items asked of it that it failed to give, or is late with, 0 … 1."""
        asked = self.items.total() + len(self.overdue)
        return 1.0 - self.items[Outcome.HELD] / asked if asked else 0.0

    @property
    def is_silent(self) -> bool:
        """Whether it was asked, and has given nothing at all, control or item."""
        asked = self.items.total() + self.controls.total() + len(self.overdue)
        return asked > 0 and not self.items[Outcome.HELD] and not self.controls[Outcome.HELD]
