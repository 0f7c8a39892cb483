"""Whom each item of a sample is asked of, and when again. Pure.

A question that is not answered is asked again of another custodian, or of a node that rebuilt the
column: always the same item. One looks lost once its time is over, or everybody has failed to give
it; it is asked for all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from sampler.evidence import FINAL, MemberRecord
from sampler.patience import Patience
from sampler.plan import Plan
from sampler.question import MOST_ATTEMPTS, Ask, Move, Question, State
from sampler.suspicion import Outcome


class Inquiry:
    """The questions of one session."""

    def __init__(
        self,
        plan: Plan,
        patience: Patience,
        members: Mapping[int, MemberRecord],
        draw: Callable[[], float],
    ) -> None:
        """`members` is what became of everything that each was asked, and is kept by the caller;
        what is late of theirs is noted in it. `draw` gives numbers in [0, 1).
        """
        self.questions: Final[dict[int, Question]] = {}
        """By item, in the order in which they were drawn."""
        self._plan = plan
        self._patience = patience
        self._members = members
        self._draw = draw
        self._more: dict[int, list[int]] = {}
        """Sources beside the custodians, by column."""
        self._looks_different = False

    # ------------------------------------------------------------ what stands

    def custodians(self, item: int) -> frozenset[int]:
        """Members that keep it, by the keyset."""
        return self._plan.custody.keepers[self._column_of(item)]

    @property
    def lost(self) -> list[Question]:
        """Those that look lost."""
        return [
            question
            for question in self.questions.values()
            if question.doubted and question.state is not State.HELD
        ]

    def next_at(self) -> Iterable[float]:
        """Times at which something is due by the clock alone."""
        for question in self.questions.values():
            if question.state is not State.HELD:
                if question.next_at is not None:
                    yield question.next_at
                if not question.doubted:
                    yield question.doubted_at

    def due(self, now_s: float) -> list[Question]:
        """Those of which an attempt is to begin."""
        return [
            question
            for question in self.questions.values()
            if question.next_at is not None and question.next_at <= now_s
        ]

    def notice(self, now_s: float) -> bool:
        """Find out what looks lost by now; whether anything looks different since last time."""
        for question in self.questions.values():
            if (
                not question.doubted
                and question.state is not State.HELD
                and question.doubted_at <= now_s
            ):
                self._doubt(question)
        looks_different, self._looks_different = self._looks_different, False
        return looks_different

    # ------------------------------------------------------------ what happens

    def ask_for(self, items: Iterable[int], now_s: float) -> None:
        """These are wanted, as far as they are not asked for already."""
        for item in items:
            if item not in self.questions:
                more = self._more.get(self._column_of(item), ())
                self.questions[item] = Question(
                    item=item,
                    sources=[*self.custodians(item), *more],
                    next_at=now_s,
                    doubted_at=now_s + self._patience.doubt_s,
                )

    def begin(self, question: Question, number: int, now_s: float) -> int:
        """An attempt of that number begins; of whom it asks."""
        for late in question.under_way.values():  # this is a hedge
            if late in self._members:
                self._members[late].overdue.add(question.item)
        source = self._source_for(question)
        question.step(Move.ASK)
        question.made += 1
        question.tried[source] = question.tried.get(source, 0) + 1
        question.under_way[number] = source
        question.next_at = None
        if self._patience.hedge_s is not None and question.may_be_hedged:
            question.next_at = now_s + self._patience.hedge_s
        return source

    def ended(self, question: Question, ask: Ask, outcome: Outcome, now_s: float) -> bool:
        """What became of an attempt; whether the item is held now, and was not before."""
        own = question.under_way.pop(ask.number, None) is not None
        if ask.source in self._members:
            self._members[ask.source].overdue.discard(question.item)
        if question.state is State.HELD:
            return False
        if outcome is Outcome.HELD:
            question.step(Move.HOLD)
            question.next_at = None
            self._looks_different |= question.doubted
            return True
        question.failed.add(ask.source)
        if outcome in FINAL:
            question.final.add(ask.source)
        if not question.doubted and question.failed.issuperset(question.sources):
            self._doubt(question)
        if own:
            self._follow(question, now_s)
        return False

    def learn(self, source: int, columns: Iterable[int], now_s: float) -> bool:
        """Somebody keeps these columns too; whether anything is due for that."""
        is_due = False
        for column in columns:
            known = self._more.setdefault(column, [])
            if source in known or source in self._plan.custody.keepers[column]:
                continue
            known.append(source)
            for question in self.questions.values():
                if self._column_of(question.item) == column:
                    question.sources.append(source)
                    if question.state is State.SPENT:
                        question.step(Move.FIND)
                    if question.state is State.WAITING:
                        question.next_at = now_s
                        is_due = True
        return is_due

    # ------------------------------------------------------------ inside

    def _column_of(self, item: int) -> int:
        return self._plan.custody.code.column_of(self._plan.unit, item)

    def _doubt(self, question: Question) -> None:
        question.doubted = True
        self._looks_different = True

    def _source_for(self, question: Question) -> int:
        """The one asked least for it; of several the one that fails least, then by chance."""
        under_way = question.under_way.values()

        def rank(source: int) -> tuple[bool, int, float, float]:
            record = self._members.get(source)
            failing = 0.0 if record is None else record.failing
            return (
                source in under_way,
                question.tried.get(source, 0),
                failing,
                self._draw(),
            )

        usable = [source for source in question.sources if source not in question.final]
        return usable[0] if len(usable) == 1 else min(usable or question.sources, key=rank)

    def _follow(self, question: Question, now_s: float) -> None:
        """What to do after an attempt of the question's own failed."""
        left = [source for source in question.sources if source not in question.final]
        if not left or question.made >= MOST_ATTEMPTS:
            question.next_at = None
            question.step(Move.LOSE if question.under_way else Move.SPEND)
            return
        if any(source not in question.tried for source in left):
            question.next_at = now_s
        elif not question.under_way:
            rounds = min(question.tried[source] for source in left)
            question.next_at = now_s + self._patience.pause_s(rounds, self._draw())
        question.step(Move.LOSE if question.under_way else Move.PAUSE)
