"""Rounds of questions among controls, asked of signers that failed to give something. Pure.

What they prove `sampler.suspicion` says; what it asks for is kept here: the attempts of a round are
chosen before any of them is answered, have as much time, and count once all of them are over. A
round that does not end before the session does counts for nothing.

A signer in whose columns nothing was drawn failed to give nothing. Where others fail it is asked
for the first items of the order in its columns: they were fixed before the first question, and
no rung needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from sampler.plan import Plan
from sampler.suspicion import Attempt, Outcome, Suspicion, controls_for, suspicion

FEWEST_QUESTIONS: Final = 5
"""Of one member in one round: where it fails to give fewer items, each is asked for several times.
5 lost in each of 3 rounds are proof; over links that lose a tenth of everything, in 6."""
MOST_QUESTIONS: Final = 64
"""Of one member in one round."""
MOST_ROUNDS: Final = 64
"""Of one session."""

Round = Mapping[int, tuple[Sequence[int], int]]
"""Items, and how many controls, by member."""


def undrawn(plan: Plan, drawn: Iterable[int], members: Iterable[int]) -> dict[int, list[int]]:
    """Those of the members in whose columns none of the items drawn lies, and what each is asked
    for instead: the same in every round.
    """

    def column_of(item: int) -> int:
        return plan.custody.code.column_of(plan.unit, item)

    seen = set(map(column_of, drawn))
    found = {}
    for member in members:
        own = plan.custody.columns_of[member]
        if not own & seen:
            inside = (item for item in plan.order if column_of(item) in own)
            found[member] = list(islice(inside, FEWEST_QUESTIONS))
    return found


@dataclass(slots=True)
class Doubts:
    """What is held against the members that signed."""

    promised: frozenset[int]
    """Members that signed; nobody else promised anything."""
    faults: int
    """Of whom so many may fail."""
    trusts_clock: bool
    """Whether ours agrees with the members'; *pruned* may be said for a good reason otherwise."""
    rounds: int = 0
    """Begun."""
    under_way: int = 0
    """Attempts of the present round that are not over."""
    excused: set[int] = field(default_factory=set)
    """Members that nothing is held against: they say *pruned*, and may be right. What speaks for
    them stays: a weight below 1 that was dropped would raise the product beyond its mean.
    """
    _over: list[Attempt] = field(default_factory=list)
    _present: list[Attempt] = field(default_factory=list)
    _found: Suspicion | None = None

    def begin(self, failing: Mapping[int, Sequence[int]], controls: frozenset[int]) -> Round:
        """The next round, of what each member fails to give, or may; empty where there is nothing
        to ask, or the one before is not over.
        """
        if self.under_way or self.rounds >= MOST_ROUNDS:
            return {}
        chosen = {}
        for member, items in failing.items():
            if items and member in self.promised:
                times = -(-FEWEST_QUESTIONS // len(items))
                asked = [*items[:MOST_QUESTIONS]] * times
                chosen[member] = (asked, controls_for(len(asked)) if member in controls else 0)
        if chosen:
            self.rounds += 1
            self.under_way = sum(len(items) + count for items, count in chosen.values())
            self._present = []
        return chosen

    def ended(self, member: int, outcome: Outcome, *, is_control: bool, is_busy: bool) -> bool:
        """What became of one attempt of the present round; whether that was its last one.

        `is_busy`: refused for being one of too many, whatever it was about; that is as good as
        lost.
        """
        if outcome is Outcome.PRUNED and not self.trusts_clock:
            self.excused.add(member)
        self._present.append(
            Attempt(
                member=member,
                round=self.rounds,
                outcome=Outcome.TIMEOUT if is_busy else outcome,
                is_control=is_control,
            )
        )
        self.under_way -= 1
        if self.under_way:
            return False
        self._over += self._present
        self._present = []
        self._found = None
        return True

    @property
    def found(self) -> Suspicion | None:
        """What the rounds that are over say; None where nobody promised anything, or none is."""
        if not self._over:
            return None
        if self._found is None:
            self._found = suspicion(
                self.promised, self.faults, self._over, excused=frozenset(self.excused)
            )
        return self._found
