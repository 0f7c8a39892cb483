"""One item of a sample: whom it was asked of, and where it stands. Pure.

WAITING ──ask──▶ ASKED ──hold──▶ HELD
   ▲  ▲           │ │ ╲
   │  └───pause───┘ │  ask (a hedge), lose (one of several attempts)
   └──find── SPENT ◀┘spend   nobody is left who may still have it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from da_node.service import Bug

ATTEMPTS_AT_ONCE: Final = 2
"""Of one point: an attempt and its hedge; rounds among controls come on top."""
CUSTODIANS_AT_ONCE: Final = 4
"""Of one point as long as there are custodians that were not asked for it yet."""
MOST_ATTEMPTS: Final = 24
"""Of one point: two at first, and one for every pause of a session of a minute."""


class State(Enum):
    """Where one question stands."""

    WAITING = auto()
    """No attempt is under way; the next one begins at its time."""
    ASKED = auto()
    HELD = auto()
    SPENT = auto()
    """Nobody is left to ask; a node that is found to keep the column may still be."""


class Move(Enum):
    """What happens to one question."""

    ASK = auto()
    LOSE = auto()
    """An attempt fails while another one is under way."""
    PAUSE = auto()
    """The only attempt fails, and another one will begin."""
    SPEND = auto()
    """The only attempt fails, and no other will begin."""
    FIND = auto()
    """Somebody more keeps its column."""
    HOLD = auto()


TRANSITIONS: Final[Mapping[tuple[State, Move], State]] = {
    (State.WAITING, Move.ASK): State.ASKED,
    (State.WAITING, Move.HOLD): State.HELD,
    (State.ASKED, Move.ASK): State.ASKED,
    (State.ASKED, Move.LOSE): State.ASKED,
    (State.ASKED, Move.PAUSE): State.WAITING,
    (State.ASKED, Move.SPEND): State.SPENT,
    (State.ASKED, Move.HOLD): State.HELD,
    (State.SPENT, Move.FIND): State.WAITING,
    (State.SPENT, Move.HOLD): State.HELD,
}
"""Every legal step of a question; any other is a `Bug` and changes nothing. What is not asked for
by a question itself, but among controls, holds it wherever it stands."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: an item of a source, or a control of a member."""

    number: int
    """No two of a session are alike."""
    source: int
    """A member's place in the keyset; from its size on, other nodes that were learnt of."""
    item: int | None
    """Column or point; None for a control."""
    timeout_s: float
    """After so long its outcome is TIMEOUT."""
    round: int | None = None
    """Of questions among controls; None outside of these."""


@dataclass(slots=True)
class Question:
    """Where one item of the sample stands."""

    item: int
    sources: list[int]
    next_at: float | None
    """When its next attempt begins; None: not by the clock."""
    doubted_at: float
    """When it looks lost if it is not held."""
    state: State = State.WAITING
    made: int = 0
    under_way: dict[int, int] = field(default_factory=dict)
    """Source by number of the attempt."""
    tried: dict[int, int] = field(default_factory=dict)
    """Attempts by source."""
    failed: set[int] = field(default_factory=set)
    """Sources that failed at least once."""
    final: set[int] = field(default_factory=set)
    """Sources that it is pointless to ask again."""
    doubted: bool = False

    def step(self, move: Move) -> None:
        following = TRANSITIONS.get((self.state, move))
        if following is None:
            raise Bug(reason=f"a question that is {self.state.name} cannot {move.name}")
        self.state = following

    @property
    def may_be_hedged(self) -> bool:
        """Whether another attempt may begin beside those under way."""
        untried = any(source not in self.tried for source in self.sources)
        most = CUSTODIANS_AT_ONCE if untried else ATTEMPTS_AT_ONCE
        return len(self.under_way) < most and self.made < MOST_ATTEMPTS
