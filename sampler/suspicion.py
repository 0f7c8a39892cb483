"""When failures prove that a committee does not do what it signed. Pure.

The promise: members that did not sign may hold nothing, at most `faults` of the signers fail, and
all other signers serve everything they keep. *Withheld* is said when what came back would, under
that promise, come back once in 10^9 sessions. Failing items alone never suffice: what a serving
member's answers lose, our own connection lost.

Two things speak against a signer.

- It **denies** what it signed for: `unknown`, `pruned` (before the expiry), or bytes that do not
  verify, in two rounds. No connection does that. To be `refused` is a denial only if the same
  member served a control question; or else it refuses us, not the blob.
- It **loses** our questions about the blob, and not our control questions. Control questions go to
  the same member, ask as many bytes of a blob that it is known to serve, and stand in one random
  order with the others. A connection cannot tell them apart: given how many attempts of a round it
  lost, each choice of them is equally likely. The model knows no rate of loss and no independence
  in time; without control questions, or if these are lost as well, nothing follows. A control that
  is denied counts as lost: a refusal is short, and passes where an answer of that many bytes does
  not. Only what is served shows that the way is open.

How much it weighs: a round with x of its q questions lost weighs ω^x divided by that number's mean
over all choices. Its mean under the promise is exactly 1, whatever was asked after whatever came
back before. So is that of the product over rounds and members, which exceeds 10^9 at most once in
10^9 sessions (Markov, Ville), however often one looks. The `faults` signers that weigh most are
left out: the promise allows them.

What it rests on besides: a member reads what it keeps well within the time that an attempt has,
whichever blob that is of.

A member that answers nothing at all cannot be told from a broken path to it, and weighs nothing;
unless `Link.path_outage` says how often paths are broken, each for itself.
"""

from __future__ import annotations

import enum
import functools
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

FALSE_ALARM: Final = Fraction(1, 10**9)
"""Sessions in which *withheld* is said of a committee that keeps its promise, at most."""
ROUNDS_OF_DENIAL: Final = 2
"""A member that denies once may have been a moment behind; asked again, it says so again."""
ROUNDS_OF_SILENCE: Final = 3
"""A path counts as broken after so many rounds in which others served something and this member
answered nothing."""
CONTROLS_PER_QUESTION: Final = 3
FEWEST_CONTROLS: Final = 16
MOST_CONTROLS: Final = 64
"""With these, 10^9 is reached by 1 question lost in each of 8 rounds, 5 in 3, or 16 in 1."""
ODDS: Final = 64
"""ω. With a larger one a single control lost weighs more than many questions lost."""


class Outcome(enum.Enum):
    """What came of asking one member for one item once."""

    HELD = "held"
    """It came, and verified."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """It will not, and says so; "too many at once" only when it still says so at the deadline."""
    UNKNOWN = "unknown"
    """It never saw the blob, or does not hold the column."""
    PRUNED = "pruned"
    """It deleted the blob, whose time is not over."""
    BAD_PROOF = "bad proof"
    """What came does not verify."""
    UNREACHABLE = "unreachable"
    """No connection."""

    @property
    def is_lost(self) -> bool:
        """Whether nothing came back, for which there may be nobody to blame."""
        return self in (Outcome.TIMEOUT, Outcome.UNREACHABLE)

    @property
    def is_denial(self) -> bool:
        """Whether the member itself said that it will not, or cannot."""
        return not self.is_lost and self is not Outcome.HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One item asked of one member once. Only columns of its own arc count."""

    member: int
    round: int
    """Attempts of one round to one member are chosen before any of them is answered, go out in a
    random order, and have as much time; a round counts once all of its attempts are over.
    """
    outcome: Outcome
    is_control: bool = False
    """Whether it was about a blob that the member is known to serve."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """What is assumed of the paths to the members, beyond that they do not know what they lose."""

    path_outage: Fraction | None = None
    """Chance at most that the path to one member is broken for a whole session while those to
    others are not, independently of other members. None: no such thing is assumed, and a member
    that answers nothing weighs nothing.
    """


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """What speaks against the signers of one certificate after one session."""

    denying: frozenset[int]
    """Signers that denied what they signed for."""
    silent: frozenset[int]
    """Signers that answered nothing while others served something."""
    weights: dict[int, Fraction]
    """Of every other signer that was asked: 1 where nothing speaks for or against it."""
    false_alarm: Fraction
    """Chance at most that a committee that keeps its promise looks like this; 0 where only lies
    explain it.
    """

    @property
    def is_proof(self) -> bool:
        """Whether *withheld* may be said."""
        return self.false_alarm <= FALSE_ALARM


def controls_for(questions: int) -> int:
    """How many control questions a round with so many questions to one member takes along."""
    return min(MOST_CONTROLS, max(FEWEST_CONTROLS, CONTROLS_PER_QUESTION * questions))


def suspicion(
    signers: frozenset[int],
    faults: int,
    attempts: Iterable[Attempt],
    link: Link | None = None,
    *,
    excused: frozenset[int] = frozenset(),
) -> Suspicion:
    """What all attempts of a session say together. `signers` are those of a valid certificate; of
    nobody else is anything promised.

    `excused` are signers against whom nothing counts any more: they weigh 1 at most. That is never
    more than they would weigh, so the product stays what Ville's inequality bounds.
    """
    by_member: dict[int, list[Attempt]] = {}
    answering: dict[int, set[int]] = {}
    for attempt in attempts:
        by_member.setdefault(attempt.member, []).append(attempt)
        if attempt.outcome is Outcome.HELD:
            answering.setdefault(attempt.round, set()).add(attempt.member)
    denying, silent, weights = set(), set(), {}
    for member in signers & by_member.keys():
        own = by_member[member]
        if member in excused:
            weights[member] = min(Fraction(1), _weight(own))
        elif _is_denying(own):
            denying.add(member)
        elif _is_silent(own, answering):
            silent.add(member)
        else:
            weights[member] = _weight(own)
    return Suspicion(
        denying=frozenset(denying),
        silent=frozenset(silent),
        weights=weights,
        false_alarm=_false_alarm(
            denying=len(denying),
            weights=sorted(weights.values(), reverse=True),
            silent=len(silent),
            signers=len(signers),
            faults=faults,
            path_outage=(link or Link()).path_outage,
        ),
    )


def weight_of_round(questions: int, controls: int, lost_questions: int, lost: int) -> Fraction:
    """What a round weighs in which `lost` attempts were lost, `lost_questions` of them questions.

    Its mean over all choices of the lost attempts is 1. 1 where there were no controls, or
    everything was lost.
    """
    mean = _mean_of_odds(questions, controls, lost)
    return Fraction(ODDS**lost_questions) / mean


@functools.lru_cache(maxsize=4096)
def _mean_of_odds(questions: int, controls: int, lost: int) -> Fraction:
    ways = range(max(0, lost - controls), min(questions, lost) + 1)
    weighed = sum(math.comb(questions, x) * math.comb(controls, lost - x) * ODDS**x for x in ways)
    return Fraction(weighed, math.comb(questions + controls, lost))


def _is_denying(own: list[Attempt]) -> bool:
    is_served = any(a.is_control and a.outcome is Outcome.HELD for a in own)
    rounds = {
        a.round
        for a in own
        if not a.is_control
        and a.outcome.is_denial
        and (is_served or a.outcome is not Outcome.REFUSED)
    }
    return len(rounds) >= ROUNDS_OF_DENIAL


def _is_silent(own: list[Attempt], answering: dict[int, set[int]]) -> bool:
    rounds = {a.round for a in own}
    return (
        all(a.outcome.is_lost for a in own)
        and sum(round_ in answering for round_ in rounds) >= ROUNDS_OF_SILENCE
    )


def _weight(own: list[Attempt]) -> Fraction:
    # A denial is no question lost, and no control served: either way it weighs less, not more.
    asked = Counter((a.round, a.is_control, _is_lost(a)) for a in own)
    total = Fraction(1)
    for round_ in {a.round for a in own}:
        lost_questions, lost_controls = asked[round_, False, True], asked[round_, True, True]
        total *= weight_of_round(
            questions=lost_questions + asked[round_, False, False],
            controls=lost_controls + asked[round_, True, False],
            lost_questions=lost_questions,
            lost=lost_questions + lost_controls,
        )
    return total


def _is_lost(attempt: Attempt) -> bool:
    if attempt.is_control:
        return attempt.outcome is not Outcome.HELD
    return attempt.outcome.is_lost


def _false_alarm(
    *,
    denying: int,
    weights: list[Fraction],
    silent: int,
    signers: int,
    faults: int,
    path_outage: Fraction | None,
) -> Fraction:
    """For the set of at most `faults` signers that explains most, which is unknown: `loud` of those
    that deny or weigh most, and for the rest silent ones.

    Two tests, of weights and of broken paths, each take half of the false alarms.
    """
    worst = Fraction(0)
    for loud in range(faults + 1):
        by_weight = Fraction(0)
        if denying <= loud:
            left = math.prod(weights[loud - denying :], start=Fraction(1))
            by_weight = min(Fraction(1), 1 / left)
        if path_outage is None:
            worst = max(worst, by_weight)
            continue
        beyond = max(0, silent - (faults - loud))
        by_outage = min(Fraction(1), math.comb(signers, beyond) * path_outage**beyond)
        worst = max(worst, min(Fraction(1), 2 * min(by_weight, by_outage)))
    return worst
