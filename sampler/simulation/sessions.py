"""Sessions by the million against one adversary, each as exact as a single one.

A random order of all items is a sequence of independent uniform draws without its repetitions. So a
session is drawn item by item, and ends as soon as each listed set of silent members has an item
that fails: with half of the items withheld after five draws. One word of bits per session says
which sets still stand; one table says which of them an item ends. Only sessions in which a set
still stands after the first draws are looked at again, whole: repetitions left out, items counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from sampler.plan import Plan, Rung
from sampler.simulation.adversaries import Withheld

_MOST_SETS: Final = 64
"""Bits of the word."""
_MOST_TRIED: Final = 20_000
"""Sets of silent members that are written out to find the different ones: 16 members, 5 faults are
6885; beyond it is a committee for the arithmetic, not for a simulation.
"""
_CHUNK: Final = 1 << 17
"""Sessions side by side: their words and draws stay in the second-level cache."""
_CHUNK_AGAIN: Final = 1 << 11
"""The same for sessions looked at whole: 2048 × some 200 draws × 8 bytes are 3 MB."""

Words: TypeAlias = npt.NDArray[np.uint64]
Draws: TypeAlias = npt.NDArray[np.uint16]
"""One row for each draw, one column for each session."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of sessions."""

    sessions: int
    available: int
    """Sessions in which some listed set passes."""
    wrong: int
    """Sessions in which a set passes whose columns do not give the blob back."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            sessions=self.sessions + other.sessions,
            available=self.available + other.available,
            wrong=self.wrong + other.wrong,
        )


class Contest:
    """One plan against one adversary. ValueError for a committee that is too large."""

    def __init__(self, plan: Plan, withheld: Withheld) -> None:
        rungs = tuple(islice(_rungs(plan), _MOST_SETS + 1))
        if len(rungs) > _MOST_SETS:
            raise ValueError(f"more than {_MOST_SETS} different sets of silent members")
        code = plan.custody.code
        columns = np.array([code.column_of(plan.unit, i) for i in range(withheld.size)])
        inside = np.array([np.isin(columns, list(rung.columns)) for rung in rungs])
        self._asked = np.array([len(rung.items) for rung in rungs])
        self._inside = inside
        self._withheld = withheld
        bits = np.uint64(1) << np.arange(len(rungs), dtype=np.uint64)
        self._ends: Words = (inside & withheld).T.astype(np.uint64) @ bits
        """Which sets an item ends."""
        self._is_lost = np.array(
            [
                int((inside[place] & withheld).sum())
                >= code.failing(plan.unit, plan.rule, len(rung.columns))
                for place, rung in enumerate(rungs)
            ]
        )
        self.promised = float(
            sum(rung.error for rung, lost in zip(rungs, self._is_lost, strict=True) if lost)
        )
        """Chance of a wrong *available* at most, against this adversary."""
        self._first_draws = int(self._asked.min())
        """An item drawn so early is asked for whichever set it is about."""

    def run(self, sessions: int, rng: np.random.Generator) -> Tally:
        """So many sessions, each with an order of its own."""
        total = Tally(sessions=0, available=0, wrong=0)
        while total.sessions < sessions:
            total += self._chunk(min(_CHUNK, sessions - total.sessions), rng)
        return total

    def _chunk(self, sessions: int, rng: np.random.Generator) -> Tally:
        words = np.full(sessions, np.uint64(2 ** len(self._asked) - 1))
        drawn: list[Draws] = []
        for _ in range(self._first_draws):
            draw = self._draw(words.size, rng)
            drawn.append(draw)
            words &= ~self._ends[draw]
            standing = words != 0
            if 2 * np.count_nonzero(standing) < words.size:
                words = words[standing]
                drawn = [one[standing] for one in drawn]
            if not words.size:
                break
        standing = words != 0
        draws = np.array([one[standing] for one in drawn])
        total = Tally(sessions=sessions, available=0, wrong=0)
        for start in range(0, draws.shape[1], _CHUNK_AGAIN):
            total += self._again(draws[:, start : start + _CHUNK_AGAIN], rng)
        return total

    def _again(self, draws: Draws, rng: np.random.Generator) -> Tally:
        """The same sessions whole, from their first draws on."""
        while True:
            new = ~_repetitions(draws)
            passes = np.zeros((len(self._asked), draws.shape[1]), np.bool_)
            is_short = np.zeros(draws.shape[1], np.bool_)
            failing = self._withheld[draws] & new
            for place, asked in enumerate(self._asked):
                counted = self._inside[place][draws] & new
                rank = np.cumsum(counted, axis=0, dtype=np.int16)
                fails = (counted & failing & (rank <= asked)).any(axis=0)
                is_short |= ~fails & (rank[-1] < asked)
                passes[place] = ~fails
            if not is_short.any():
                break
            more = [self._draw(draws.shape[1], rng) for _ in range(max(32, len(draws) // 2))]
            draws = np.concatenate([draws, np.array(more)])
        return Tally(
            sessions=0,
            available=int(np.count_nonzero(passes.any(axis=0))),
            wrong=int(np.count_nonzero(passes[self._is_lost].any(axis=0))),
        )

    def _draw(self, sessions: int, rng: np.random.Generator) -> Draws:
        return rng.integers(self._withheld.size, size=sessions, dtype=np.uint16)


def _rungs(plan: Plan) -> Iterator[Rung]:
    """Those of all listed sets that leave different columns, enough of them."""
    custody = plan.custody
    tried = chain(
        [plan.division.expected],
        _sets_of(frozenset(range(custody.size)), custody.faults),
        (custody.unsigned | some for some in _sets_of(custody.signers, custody.faults)),
    )
    seen = set()
    for count, silent in enumerate(tried):
        if count >= _MOST_TRIED:
            raise ValueError(f"more than {_MOST_TRIED} sets of silent members")
        cause = custody.cause(silent)
        if cause not in seen:
            seen.add(cause)
            rung = plan.without(cause)
            if rung is not None:
                yield rung


def _sets_of(members: frozenset[int], up_to: int) -> Iterator[frozenset[int]]:
    for size in range(up_to + 1):
        yield from map(frozenset, combinations(sorted(members), size))


def _repetitions(draws: Draws) -> npt.NDArray[np.bool_]:
    """Whether a draw repeats one before it, of the same session."""
    repeats = np.zeros(draws.shape, np.bool_)
    for place in range(1, len(draws)):
        repeats[place] = (draws[:place] == draws[place]).any(axis=0)
    return repeats
