"""The columns of one blob from several nodes: whom to ask for what now, what is waited for no
longer, and when it is over. Pure: it decides, the reader does.

    question   begun ──▶ FRESH ──silent or slow──▶ OVERDUE
                           ╰──its answer came──▶ ARRIVED     being verified
               and it ends: delivered, learned, failed, lied, or dropped as pointless

What a FRESH or ARRIVED question asks for is *coming* and is not asked for twice. What an OVERDUE
one asks for is asked for elsewhere, the same columns or others that do as well, while it may still
answer; its node is asked for nothing more meanwhile.

In order: the wanted columns from those who keep them; once everybody that answers has said what it
keeps and one of them is to be had from nobody, any 64, data before parity; then what nodes say they
hold beyond what they keep. Nodes that failed lately are asked only where the others are not enough.
Where all that is not enough either, the gathering is *stuck*: what there is still comes in, and
whoever reads may look for points.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Final

from da_node.client.acquaintance import Acquaintances
from da_node.client.enough import is_enough
from da_node.client.retry import Failure
from da_node.client.roll import Roll
from da_node.client.wire import even_batches
from da_node.coding import COLUMNS, DATA_COLUMNS
from da_node.errors import FalseAnswer

Custody = Mapping[str, Collection[int]]
"""Columns that each node keeps of one blob, by its URL."""

QUESTIONS: Final = 16
"""Questions under way at once; those longest overdue make way where there are too many."""
QUESTIONS_PER_NODE: Final = 2
"""One is sent while the other is on its way."""
BATCH_BYTES: Final = 6 << 20
"""Most bytes of columns in one question, so that at most 96 MiB wait to be verified."""
SLOW_BYTE_S: Final = 1 / (1 << 20)
"""Seconds a byte beyond which a node is slow, as long as no other has shown what is usual."""
STAND_INS: Final = 2
"""Columns that may stand in for one that only nodes hold which failed lately."""
SLOWER: Final = 4
"""A node that takes so many times as long as the fastest one is slow."""

ALL: Final = frozenset(range(COLUMNS))


class What(Enum):
    """What a node is asked."""

    ARC = auto()
    """What it keeps of every blob."""
    STATUS = auto()
    """What it holds of this one."""
    COLUMNS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to one node."""

    number: int
    """0, 1, … of this gathering's."""
    node: str
    what: What
    columns: tuple[int, ...] = ()
    """What is asked for, of COLUMNS."""


@dataclass(slots=True)
class _UnderWay:
    """A question that has not ended."""

    question: Question
    began: float
    heard_at: float
    """When the last byte came."""
    arrived: bool = False


class Gathering:
    """The state of one read of one blob."""

    def __init__(
        self,
        *,
        roll: Roll,
        known: Acquaintances,
        wanted: Sequence[int],
        any_64: bool,
        column_bytes: int,
        hedge_s: float | None,
        custody: Custody | None = None,
    ) -> None:
        """`wanted` are the columns that hold what is read; with `any_64` (then they are data
        columns) any 64 do as well. `custody` is believed instead of what nodes say they keep.
        """
        self._roll = roll
        self._known = known
        self._wanted: Final = tuple(wanted)
        self._any_64 = any_64
        self._column_bytes = column_bytes
        self._hedge_s = float("inf") if hedge_s is None else hedge_s
        self._has_custody = custody is not None
        self._columns: Final = {
            node: set((known.columns(node) or ()) if custody is None else custody.get(node, ()))
            for node in roll.nodes
        }
        self._refuted: Final[dict[str, set[int]]] = {node: set() for node in roll.nodes}
        self._unheard: Final = set(roll.nodes if custody is None else ())
        self._unasked: Final = set(roll.nodes)
        self._told: Final = set[str]()
        """Nodes that said what they hold of this blob, which counts more than what they keep."""
        self._under_way: Final[dict[int, _UnderWay]] = {}
        self._liars: Final[set[str]] = set()
        self._begun = 0
        self._is_short = False
        self.held: Final[set[int]] = set()
        """Columns that are here and verified."""

    # ------------------------------------------------------------ what stands

    @property
    def is_complete(self) -> bool:
        """Whether the columns held give what is read."""
        if self._any_64:
            return is_enough(self.held, self._wanted)
        return self.held.issuperset(self._wanted)

    @property
    def needed(self) -> int:
        """Columns that are enough where all is well."""
        return len(self._wanted)

    def is_stuck(self, now: float) -> bool:
        """Whether nothing that can be counted on is coming, and no node will wake."""
        return self._is_short and not any(self._fresh(now)) and self._roll.wakes_at(now) is None

    def wakes_at(self, now: float) -> float | None:
        """When the clock alone makes something due; None if nothing."""
        times = [self._overdue_at(one) for one in self._fresh(now)]
        if self._is_short and (rests_until := self._roll.wakes_at(now)) is not None:
            times.append(rests_until)
        earliest = min(times, default=float("inf"))
        return earliest if earliest < float("inf") else None

    def usable(self, now: float) -> list[str]:
        """Nodes that may be asked and do not keep us waiting."""
        slow = {one.question.node for one in self._under_way.values() if self._is_overdue(one, now)}
        return [node for node in self._roll.may_ask(now) if node not in slow]

    # ------------------------------------------------------------ what is to be done

    def due(self, now: float) -> list[Question]:
        """The questions that begin now."""
        if self.is_complete:
            return []
        usable = self.usable(now)
        trusted = [node for node in usable if not self._known.is_avoided(node, now)]
        coming = self.held | self._coming(now)
        lacking = [column for column in self._wanted if column not in coming]
        askable = self._askable(trusted)
        straight = [column for column in lacking if column in askable]
        covered = len(straight) == len(lacking)
        self._is_short = False
        begun = self._ask(straight, trusted, now) + self._hear(trusted, now)
        if covered or self._is_fresh(What.ARC, now):
            return begun
        coming.update(straight)
        lacking = [column for column in lacking if column not in coming]
        plan = self._plan(trusted, lacking, coming)
        if plan is not None:
            # For a short range it is cheaper to see whether one that failed lately is well again.
            prompt = [node for node in usable if not self._known.was_silent(node, now)]
            if len(plan) > STAND_INS * len(lacking) and self._askable(prompt).issuperset(lacking):
                return begun + self._ask(lacking, prompt, now)
            return begun + self._ask(plan, trusted, now)
        begun += self._hear(usable, now)
        if self._is_fresh(What.ARC, now):
            return begun
        if (plan := self._plan(usable, lacking, coming)) is not None:
            return begun + self._ask(plan, usable, now)
        self._is_short = True
        begun += self._begin_each(What.STATUS, self._unasked, usable, now)
        if self._is_fresh(What.STATUS, now):
            return begun
        # Too few to do by themselves; they still count, beside points or others to come.
        rest = self._askable(usable) if self._any_64 else self._askable(usable) & set(lacking)
        return begun + self._ask(sorted(rest - coming), usable, now)

    def drop_pointless(self, now: float) -> list[Question]:
        """Questions whose answers count no more, or that make way for others; they end here."""
        dropped = [
            one
            for one in self._under_way.values()
            if self.is_complete
            or one.question.node in self._liars
            or (one.question.what is What.COLUMNS and self.held.issuperset(one.question.columns))
        ]
        if not dropped and len(self._under_way) >= QUESTIONS:
            overdue = [one for one in self._under_way.values() if self._is_overdue(one, now)]
            overdue.sort(key=lambda one: (one.question.what is What.COLUMNS, one.heard_at))
            dropped = overdue[: QUESTIONS // 2]
        for one in dropped:
            self._drop(one, now)
        return [one.question for one in dropped]

    def close(self, now: float) -> None:
        """It is over: remember who kept it waiting."""
        for one in list(self._under_way.values()):
            self._drop(one, now)

    # ------------------------------------------------------------ what happened

    def progressed(self, question: Question, now: float) -> None:
        """Another part of the answer came."""
        if (one := self._under_way.get(question.number)) is not None:
            one.heard_at = now

    def arrived(self, question: Question) -> None:
        """The whole answer is here, and is looked at."""
        if (one := self._under_way.get(question.number)) is not None:
            one.arrived = True

    def learned(self, question: Question, columns: Iterable[int]) -> None:
        """The node says that it keeps or holds these; what it failed to deliver stays refuted."""
        self._end(question)
        if question.what is What.STATUS:
            self._told.add(question.node)
        elif question.node in self._told:
            return
        self._columns[question.node] = set(columns) - self._refuted[question.node]

    def delivered(self, question: Question, columns: Collection[int]) -> None:
        """These of the columns asked for came, and hold."""
        self._end(question)
        self._roll.answered(question.node)
        self.held.update(columns)
        if missing := set(question.columns).difference(columns):
            if not self._has_custody:
                self._known.doubt(question.node)
            self._refuted[question.node] |= missing
            self._columns[question.node] -= missing

    def failed(self, question: Question, failure: Failure, *, now: float, draw: float) -> None:
        """There was no answer; `draw` is random in [0, 1)."""
        began = self._end(question)
        node = question.node
        if failure.may_retry:
            self._known.failed(node, now)
            if question.what is What.ARC:
                self._unheard.add(node)
        elif question.what is What.ARC:
            # One that does not say what it keeps may keep everything: asking will tell.
            if node not in self._told:
                self._columns[node] = set(ALL - self._refuted[node])
            return
        elif question.what is What.STATUS:
            return
        self._roll.failed(node, failure, began=began, now=now, draw=draw)

    def lied(self, question: Question, error: FalseAnswer, now: float) -> None:
        """What it served was false."""
        self._end(question)
        self._liars.add(question.node)
        self._known.lied(question.node, now)
        self._roll.give_up(question.node, error)

    # ------------------------------------------------------------ inside: what is under way

    def _fresh(self, now: float) -> list[_UnderWay]:
        return [one for one in self._under_way.values() if not self._is_overdue(one, now)]

    def _is_fresh(self, what: What, now: float) -> bool:
        return any(one.question.what is what for one in self._fresh(now))

    def _coming(self, now: float) -> set[int]:
        return set(chain.from_iterable(one.question.columns for one in self._fresh(now)))

    def _is_overdue(self, one: _UnderWay, now: float) -> bool:
        return self._overdue_at(one) <= now

    def _overdue_at(self, one: _UnderWay) -> float:
        """Silent for the hedge delay, or slow by more than it."""
        if one.arrived:
            return float("inf")
        best = self._known.best_byte_s
        byte_s = SLOW_BYTE_S if best is None else SLOWER * best
        needed_s = len(one.question.columns) * self._column_bytes * byte_s
        return self._hedge_s + min(one.heard_at, one.began + needed_s)

    def _end(self, question: Question) -> float:
        """When the question began."""
        return self._under_way.pop(question.number).began

    def _drop(self, one: _UnderWay, now: float) -> None:
        if self._is_overdue(one, now):
            self._known.silent(one.question.node, now)
            if one.question.what is What.ARC:
                self._unheard.add(one.question.node)
        self._end(one.question)

    # ------------------------------------------------------------ inside: whom to ask

    def _askable(self, nodes: Iterable[str]) -> set[int]:
        return set().union(*(self._columns[node] for node in nodes))

    def _plan(
        self, nodes: Sequence[str], lacking: Sequence[int], coming: Collection[int]
    ) -> list[int] | None:
        """What is to be had from these nodes and is enough; None if nothing is."""
        askable = self._askable(nodes)
        if askable.issuperset(lacking):
            return list(lacking)
        candidates = sorted(askable.difference(coming))
        needed = DATA_COLUMNS - len(coming)
        if not self._any_64 or len(candidates) < needed:
            return None
        # Data first; of the parity what those hold who will have answered first.
        data = [column for column in candidates if column < DATA_COLUMNS][:needed]
        parity = candidates[len(data) :] if len(data) < needed else []
        expected = self._known.expected(nodes, self._column_bytes)
        quickest = sorted(
            (expected[node].seconds(place), column)
            for node, columns in self._assign(parity, nodes).items()
            for place, column in enumerate(columns, 1)
        )
        return data + sorted(column for _, column in quickest[: needed - len(data)])

    def _assign(self, columns: Iterable[int], nodes: Sequence[str]) -> dict[str, list[int]]:
        """Every column to one of those who hold it, so that all are here as soon as can be."""
        load = {
            node: sum(
                len(one.question.columns)
                for one in self._under_way.values()
                if one.question.node == node
            )
            for node in nodes
        }
        holders = {
            column: [node for node in nodes if column in self._columns[node]] for column in columns
        }
        expected = self._known.expected(nodes, self._column_bytes)
        assigned: dict[str, list[int]] = {node: [] for node in nodes}
        # Columns with few holders first, so that the others can go where there is room.
        for column, those in sorted(holders.items(), key=lambda item: len(item[1])):
            if not those:
                continue
            node = min(those, key=lambda node: (expected[node].seconds(load[node] + 1), load[node]))
            load[node] += 1
            assigned[node].append(column)
        return assigned

    # ------------------------------------------------------------ inside: asking

    def _hear(self, nodes: Iterable[str], now: float) -> list[Question]:
        """Ask what they keep those who have not said, or too long ago."""
        asked = [node for node in nodes if not self._known.is_current(node, now)]
        return self._begin_each(What.ARC, self._unheard, asked, now)

    def _begin_each(
        self, what: What, waiting: set[str], nodes: Iterable[str], now: float
    ) -> list[Question]:
        """Ask those of the nodes that wait for it, as far as there is room."""
        begun = []
        for node in nodes:
            if node in waiting and len(self._under_way) < QUESTIONS:
                waiting.remove(node)
                begun.append(self._begin(node, what, (), now))
        return begun

    def _ask(self, columns: Sequence[int], nodes: Sequence[str], now: float) -> list[Question]:
        """For the columns, as far as there is room: the rest is decided about when there is."""
        begun = []
        for node, assigned in self._assign(columns, nodes).items():
            asked = [
                one
                for one in self._under_way.values()
                if one.question.node == node and not one.arrived
            ]
            room = min(QUESTIONS_PER_NODE - len(asked), QUESTIONS - len(self._under_way))
            batches = even_batches(sorted(assigned), each=self._column_bytes, most=BATCH_BYTES)
            begun += [
                self._begin(node, What.COLUMNS, tuple(batch), now)
                for batch in batches[: max(0, room)]
            ]
        return begun

    def _begin(self, node: str, what: What, columns: tuple[int, ...], now: float) -> Question:
        question = Question(number=self._begun, node=node, what=what, columns=columns)
        self._begun += 1
        self._under_way[question.number] = _UnderWay(question, began=now, heard_at=now)
        return question
