"""What the figures show: theory, computed exactly, beside what is simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from committee.arcs import arcs, shortest_arc
from da_node.coding import (
    ELEMENT_BYTES,
    MAX_PAYLOAD_BYTES,
    POINTS_PER_COLUMN,
    PROOF_BYTES,
    row_count_of,
)
from sampler.conclusion import Finding, conclude
from sampler.confidence import (
    CODE,
    STRICT_ERROR,
    WANTED_ERROR,
    Rule,
    Unit,
    chance,
    item_bytes,
    samples_for,
)
from sampler.custody import Custody
from sampler.network import most_fooled
from sampler.order import SECRET_BYTES
from sampler.plan import Plan, plan
from sampler.simulation.askers import fooled, samplers_to_restore
from sampler.suspicion import Attempt, Outcome, controls_for, suspicion

_EVERY_POINT: Final = CODE.items(Unit.POINTS, CODE.columns)
_CELL_BYTES: Final = POINTS_PER_COLUMN * ELEMENT_BYTES + PROOF_BYTES
"""What one row's part of a column takes where each row is proven by itself (EIP-7594)."""
_ROUNDS: Final = 6
"""Re-asks of a doubtful session."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Chance of a wrong *available* by the number of samples."""

    label: str
    asked: Sequence[int]
    theory: Sequence[float]
    asked_measured: Sequence[int]
    wrong: Sequence[int]
    """Sessions that missed everything withheld, for each of these numbers of samples."""
    sessions: int
    """Simulated, of each."""


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """Bytes of answers by the size of the payload."""

    payload_bytes: Sequence[int]
    series: dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Shares of each finding by the number of silent members."""

    faults: int
    silent: Sequence[int]
    shares: dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Restoring:
    """What many samplers of one blob hold together, and how many of them can be fooled."""

    label: str
    samplers: Sequence[int]
    restored: Sequence[float]
    askers: Sequence[int]
    fooled: Sequence[float]
    fooled_bound: Sequence[int]


def detection(sessions: int, rng: np.random.Generator) -> Iterator[Detection]:
    """For points of all columns and of 96, by both rules."""
    for rule, columns in (
        (Rule.CERTIFIED, 128),
        (Rule.CERTIFIED, 96),
        (Rule.STRICT, 128),
        (Rule.STRICT, 96),
    ):
        items = CODE.items(Unit.POINTS, columns)
        failing = CODE.failing(Unit.POINTS, rule, columns)
        asked = range(1, (samples_for(items, failing, WANTED_ERROR) or 0) + 6)
        measured = range(1, len(asked), max(1, len(asked) // 16))
        yield Detection(
            label=f"{rule.name.lower()}, {columns} columns answering",
            asked=asked,
            theory=[float(chance(items, failing, count)) for count in asked],
            asked_measured=measured,
            wrong=[
                int(np.sum(rng.hypergeometric(failing, items - failing, count, sessions) == 0))
                for count in measured
            ],
            sessions=sessions,
        )


def bytes_by_size() -> Bytes:
    """For one node of all columns: the error is not divided."""
    sizes = [int(size) for size in np.geomspace(10_000, MAX_PAYLOAD_BYTES, 160)]
    series: dict[str, list[int]] = {
        "payload": sizes,
        "columns": [],
        "points, strict": [],
        "points, certified": [],
        "per-cell scheme, 18 columns": [],
    }
    who = Custody.of_one_node()
    kinds = {
        "columns": (Unit.COLUMNS, Rule.CERTIFIED),
        "points, strict": (Unit.POINTS, Rule.STRICT),
        "points, certified": (Unit.POINTS, Rule.CERTIFIED),
    }
    asked = {
        label: len(plan(who, 1, bytes(SECRET_BYTES), rule=rule, unit=unit).first.items)
        for label, (unit, rule) in kinds.items()
    }
    for rows in map(row_count_of, sizes):
        for label, (unit, _) in kinds.items():
            series[label].append(asked[label] * item_bytes(unit, rows))
        series["per-cell scheme, 18 columns"].append(asked["columns"] * rows * _CELL_BYTES)
    return Bytes(payload_bytes=sizes, series=series)


def verdicts(
    sessions: int, rng: np.random.Generator, members: int = 16, faults: int = 5
) -> dict[str, Verdicts]:
    """Members that answer nothing at all, and members that keep back this blob alone; all signed.

    What our connection loses, 5 % of attempts, is asked again in up to six rounds.
    """
    length = shortest_arc(members, members - 2 * faults)
    who = Custody(columns_of=tuple(map(frozenset, arcs(members, length))), faults=faults)
    return {
        title: _by_silent(who, sessions, is_dead, rng)
        for title, is_dead in (
            (f"{members} members, some dead", True),
            (f"{members} members, some keep back this blob only", False),
        )
    }


def _by_silent(who: Custody, sessions: int, is_dead: bool, rng: np.random.Generator) -> Verdicts:
    shares: dict[str, list[float]] = {finding.name.lower(): [] for finding in Finding}
    for count in range(who.size + 1):
        found = Counter(
            _session(who, frozenset(rng.permutation(who.size)[:count].tolist()), is_dead, rng)
            for _ in range(sessions)
        )
        for finding in Finding:
            shares[finding.name.lower()].append(found[finding] / sessions)
    return Verdicts(faults=who.faults, silent=range(who.size + 1), shares=shares)


def _session(
    who: Custody, silent: frozenset[int], is_dead: bool, rng: np.random.Generator
) -> Finding:
    """One session: what somebody serves is held in the end, however often it is lost; of what
    nobody serves each keeper is asked in every round, beside control questions.
    """
    asked = plan(who, 1, rng.bytes(SECRET_BYTES), rule=Rule.CERTIFIED, unit=Unit.POINTS)
    left = who.left(silent)
    items = range(_EVERY_POINT)
    held = {item for item in items if asked.custody.code.column_of(Unit.POINTS, item) in left}
    attempts = list(_attempts(asked, held, silent, is_dead, rng))
    return conclude(asked, held, suspicion(who.signers, who.faults, attempts)).finding


def _attempts(
    asked: Plan,
    held: set[int],
    silent: frozenset[int],
    is_dead: bool,
    rng: np.random.Generator,
    loss: float = 0.05,
) -> Iterator[Attempt]:
    columns = [
        asked.custody.code.column_of(Unit.POINTS, item)
        for item in asked.first.items
        if item not in held
    ]
    for member in silent:
        questions = sum(column in asked.custody.columns_of[member] for column in columns)
        for round_ in range(_ROUNDS if questions else 0):
            for _ in range(questions):
                yield Attempt(member=member, round=round_, outcome=Outcome.TIMEOUT)
            for _ in range(controls_for(questions)):
                is_lost = is_dead or rng.random() < loss
                outcome = Outcome.TIMEOUT if is_lost else Outcome.HELD
                yield Attempt(member=member, round=round_, outcome=outcome, is_control=True)


def restoring(blobs: int, rng: np.random.Generator) -> Iterator[Restoring]:
    """For both rules and errors, points of all columns."""
    for rule in Rule:
        for error in (WANTED_ERROR, STRICT_ERROR):
            failing = CODE.failing(Unit.POINTS, rule, CODE.columns)
            enough = _EVERY_POINT - failing + 1
            asked = samples_for(_EVERY_POINT, failing, error) or 0
            most = 400
            taken = samplers_to_restore(blobs, most, _EVERY_POINT, enough, asked, rng)
            samplers = range(1, most + 1)
            askers = (100, 200, 300, 400, 500, 700, 1000)
            yield Restoring(
                label=f"{rule.name.lower()}, error {float(error):.0e}: {asked} points each",
                samplers=samplers,
                restored=[float(np.mean(taken <= count)) for count in samplers],
                askers=askers,
                fooled=[
                    float(fooled(max(1, blobs // 10), n, _EVERY_POINT, enough, asked, rng).mean())
                    for n in askers
                ],
                fooled_bound=[most_fooled(n, _EVERY_POINT, enough, asked, -9.0) for n in askers],
            )
