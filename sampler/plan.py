"""What is asked of a blob, and what follows from the answers: all of it fixed before the first
question (CODING.md §8). Pure.

There is one private random order of all items, and a list of sets of silent members, each with an
error, that add up to the wanted one (`division`). A listed set X leaves the columns J_X; S_X is the
first s_X items of the order inside J_X, s_X the fewest that bring the chance of a wrong *available*
to X's error. *Available* if and only if for some listed X every item of S_X is held. So it does not
matter that X is chosen after all questions are seen: each set has paid for itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container
from dataclasses import dataclass
from fractions import Fraction

from sampler.confidence import WANTED_ERROR, Rule, Unit, chance, item_bytes, samples_for
from sampler.custody import Custody
from sampler.division import Division, divide
from sampler.errors import NothingToSample
from sampler.order import Order

_NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One listed set of silent members, and what must be held for *available* without them."""

    silent: frozenset[int]
    """X: those by whose silence a column is lost. Others may be silent as well."""
    columns: frozenset[int]
    """J_X: what the others keep."""
    items: tuple[int, ...]
    """S_X, in the order drawn: columns or points."""
    error: Fraction
    """Chance that all of S_X is held though J_X does not give the blob back."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One session's questions. Made by `plan`; equal secrets and arguments make equal plans."""

    rows: int
    """m: how many rows the blob has."""
    unit: Unit
    rule: Rule
    division: Division
    order: Order

    @property
    def custody(self) -> Custody:
        """Who keeps what."""
        return self.division.custody

    @property
    def error(self) -> Fraction:
        """Chance of a wrong *available*, whatever members do once they saw all questions; at most
        what was wanted. It is the figure of every *available*, whichever rung was reached.
        """
        return self.division.error

    @functools.cached_property
    def first(self) -> Rung:
        """What is asked at once: it leaves out nobody, or the members expected to be silent."""
        rung = self._rung(self.division.expected)
        if rung is None:
            raise AssertionError("a plan is made only where its first rung exists")
        return rung

    def reached(self, held: Container[int]) -> Rung | None:
        """A rung all of whose items are held, so that the blob is *available*; None if there is
        none. `held`: items verified, whoever served them.
        """
        return self._climb(lambda item: item in held)

    def aim(self, failed: Container[int]) -> Rung | None:
        """The rung to try for once these items are given up, or look as if they will be: one that
        needs none of them, with as few items as possible; None if every rung needs one. Those of
        its items that are not held yet are to be asked.
        """
        return self._climb(lambda item: item not in failed)

    def without(self, silent: frozenset[int]) -> Rung | None:
        """The rung that leaves out these members; None if they are more than are listed, or the
        others keep too little.
        """
        return self._rung(self.custody.cause(silent))

    def bytes_of(self, rung: Rung) -> int:
        """Bytes of all answers to a rung's questions, bodies alone."""
        return len(rung.items) * item_bytes(self.unit, self.rows)

    def _climb(self, passes: Callable[[int], bool]) -> Rung | None:
        """The first rung; or, from nobody and from those that did not sign on, whoever keeps an
        item that does not pass is silent, whole, until all that is needed passes.

        No set is overlooked. A listed set that passes contains each set on the way to it: on its
        list a set with fewer columns needs no fewer items, so an item that is needed on the way is
        needed at the end as well, unless its column is lost.
        """
        if all(map(passes, self.first.items)):
            return self.first
        found: list[Rung] = []
        for base in {_NOBODY, self.custody.unsigned}:
            silent = self.custody.cause(base)
            while (rung := self._rung(silent)) is not None:
                failing = next((item for item in rung.items if not passes(item)), None)
                if failing is None:
                    found.append(rung)
                    break
                column = self.custody.code.column_of(self.unit, failing)
                silent = self.custody.cause(base | silent | self.custody.keepers[column])
        return min(found, key=lambda rung: (len(rung.items), len(rung.silent)), default=None)

    def _rung(self, silent: frozenset[int]) -> Rung | None:
        """The rung of a cause; None where it is not listed or leaves too few columns. Remembered,
        since a session climbs anew after every answer, and by the same few causes.
        """
        if silent not in self._built:
            self._built[silent] = self._build(silent)
        return self._built[silent]

    @functools.cached_property
    def _built(self) -> dict[frozenset[int], Rung | None]:
        """Rungs by their cause: at most one for each set that answers have led to."""
        return {}

    def _build(self, silent: frozenset[int]) -> Rung | None:
        error = self.division.error_of(silent)
        if error is None:
            return None
        code = self.custody.code
        columns = self.custody.left(silent)
        items = code.items(self.unit, len(columns))
        failing = code.failing(self.unit, self.rule, len(columns))
        asked = samples_for(items, failing, error)
        if asked is None:
            return None
        inside = (item for item in self.order if code.column_of(self.unit, item) in columns)
        return Rung(
            silent=silent,
            columns=columns,
            items=tuple(next(inside) for _ in range(asked)),
            error=chance(items, failing, asked),
        )


def plan(
    custody: Custody,
    rows: int,
    secret: bytes,
    *,
    rule: Rule,
    wanted: Fraction = WANTED_ERROR,
    unit: Unit | None = None,
    expected: frozenset[int] = _NOBODY,
) -> Plan:
    """The plan for a blob of that many rows.

    `secret` is 32 bytes from the system's CSPRNG, drawn for this blob alone once its header is
    fixed. `unit` is the one that takes fewer bytes if not given. `expected` are members that
    earlier sessions saw silent. ValueError for a wanted error outside 0 … 1 or a secret of another
    length; raises NothingToSample where too few columns are left without the expected members.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"an error of {wanted} is no chance")
    divisions = {
        one: division
        for one in ((unit,) if unit is not None else Unit)
        if (division := divide(custody, one, rule, wanted, expected)) is not None
    }
    if not divisions:
        left = len(custody.left(expected))
        raise NothingToSample(columns=left, needed=custody.code.columns_needed)
    plans = [
        Plan(
            rows=rows,
            unit=one,
            rule=rule,
            division=division,
            order=Order(secret, custody.code.items(one, custody.code.columns)),
        )
        for one, division in divisions.items()
    ]
    return min(plans, key=lambda one: one.bytes_of(one.first))
