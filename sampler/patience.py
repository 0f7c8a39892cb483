"""How long a session waits for what. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Times of one session, all in seconds. ValueError where they are not in order:
    hedge < doubt < suspect < deadline, so that a point is asked for twice before it looks lost,
    and members are suspected only once silent ones have been left out.
    """

    hedge_s: float | None = 0.75
    """After so long without an answer a second custodian, or the only one once more on another
    connection, is asked; None: never."""
    doubt_s: float = 1.5
    """After so long without its answer an item looks lost; sooner if all custodians failed."""
    question_s: float = 4.0
    """Time of one request."""
    suspect_s: float = 4.0
    """After so long without *available* signers are asked for what they failed to give, among
    control questions."""
    round_s: float = 1.1
    """Time of each request of such a round; with its pause, 8 rounds until the deadline."""
    deadline_s: float = 15.0
    """Time until there is a verdict."""
    first_pause_s: float = 0.25
    """After the first round of failures; doubles from there."""
    longest_pause_s: float = 2.0

    def __post_init__(self) -> None:
        steps = (self.hedge_s or 0.0, self.doubt_s, self.suspect_s, self.deadline_s)
        if any(late <= early for early, late in pairwise(steps)):
            raise ValueError(f"times out of order: {steps}")

    def pause_s(self, rounds: int, draw: float) -> float:
        """After `rounds` ≥ 1 rounds of failures; `draw` is random in [0, 1), so that questions that
        failed together do not come back together.
        """
        pause = min(self.longest_pause_s, self.first_pause_s * 2.0 ** (rounds - 1))
        return pause * (0.5 + draw / 2)
