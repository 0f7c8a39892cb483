"""What a sample proves: exact chances of a wrong *available* (CODING.md §8). Pure.

A sample is drawn without replacement. Where the blob cannot be given back, at least `failing` of
the items fail for everyone; the chance that none of those is drawn is a quotient of two binomial
coefficients. All of it is arithmetic of integers: nothing is ever rounded.
"""

from __future__ import annotations

import enum
import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from da_node.coding import COLUMNS, DATA_COLUMNS, POINTS_PER_COLUMN, column_bytes, point_bytes

WANTED_ERROR: Final = Fraction(1, 10**6)
"""Chance of a wrong *available* that a sampler accepts unless told otherwise."""
STRICT_ERROR: Final = Fraction(1, 10**9)
"""What it accepts where more is at stake."""


class Unit(enum.IntEnum):
    """What one question is about. The values are those of a signed verdict."""

    COLUMNS = 0
    POINTS = 1


class Rule(enum.IntEnum):
    """What the figure rests on. The values are those of a signed verdict."""

    STRICT = 0
    """On nobody."""
    CERTIFIED = 1
    """On a valid certificate: honest members verified enough columns to fix the codeword."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """The sizes that the arithmetic depends on; smaller ones are tried in the tests."""

    columns: int = COLUMNS
    """Columns of the extended matrix."""
    points_per_column: int = POINTS_PER_COLUMN
    columns_needed: int = DATA_COLUMNS
    """Any so many columns give the blob back."""

    def items(self, unit: Unit, columns: int) -> int:
        """Items of `unit` in so many columns."""
        return columns if unit is Unit.COLUMNS else columns * self.points_per_column

    def column_of(self, unit: Unit, item: int) -> int:
        """The column that an item is or lies in."""
        return item if unit is Unit.COLUMNS else item // self.points_per_column

    def failing(self, unit: Unit, rule: Rule, columns: int) -> int:
        """The fewest items of so many columns that fail where these do not give the blob back;
        below 1 where too few columns are left for it whatever they hold.

        Columns: fewer than `columns_needed` are left. Points under a certificate: fewer than the
        data's are left. Points, trusting nobody: fewer are left than half of the items and half of
        the data's together, the unique-decoding radius.
        """
        if unit is Unit.COLUMNS:
            return columns - self.columns_needed + 1
        points = columns * self.points_per_column
        data = self.columns_needed * self.points_per_column
        enough = data if rule is Rule.CERTIFIED else -(-(points + data) // 2)
        return points - enough + 1


CODE: Final = Code()
"""Holdfast's own."""


def item_bytes(unit: Unit, rows: int) -> int:
    """Bytes of one item of a blob of that many rows on the wire."""
    return column_bytes(rows) if unit is Unit.COLUMNS else point_bytes(rows)


def chance(items: int, failing: int, asked: int) -> Fraction:
    """Chance that `asked` of the items, drawn without replacement, leave out all `failing` ones.

    0 ≤ failing ≤ items and 0 ≤ asked ≤ items, else ValueError.
    """
    if not (0 <= failing <= items and 0 <= asked <= items):
        raise ValueError(f"{asked} asked and {failing} failing of {items} items")
    return Fraction(math.comb(items - failing, asked), math.comb(items, asked))


@functools.lru_cache(maxsize=65_536)
def samples_for(items: int, failing: int, error: Fraction) -> int | None:
    """The fewest items to draw so that all held leaves at most that chance of error; None if not
    even all do, since nothing needs to fail.

    Sixty steps for errors and committees as they occur, as many as there are points at worst. The
    cache's bound: each entry is three numbers, 10 MB when full. ValueError for error ≤ 0.
    """
    if error <= 0:
        raise ValueError(f"an error of {error} takes every item to reach, and more")
    if failing < 1:
        return None
    missed, drawn = error.denominator, error.numerator
    for asked in range(items + 1):
        if missed <= drawn:
            return asked
        missed *= items - failing - asked
        drawn *= items - asked
    raise AssertionError("all items drawn leave out none")  # missed is 0 by then
