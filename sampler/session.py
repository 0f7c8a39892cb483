"""The sampling of one blob: what to ask of whom now, and what follows from the answers. Pure.

    ASKING ──doubt──▶ DOUBTING ──accuse──▶ WITHHELD
       ╰───reach──▶ AVAILABLE ◀──reach──╯
       ╰──expire─▶ INCONCLUSIVE ◀─expire╯

All questions go out at once; one that is not answered is asked again of another custodian, or of
a node that rebuilt the column: always the same point, never a new one in its place. Points that
look lost make the plan's next rung the aim, whose points were fixed beforehand like all others.

Failing points alone accuse nobody: links lose things too. While it doubts, a session asks signers
for what they failed to give in rounds, each among control questions (`sampler.doubting`).

Time comes in as seconds of any clock that never goes back, chance as numbers in [0, 1). Whoever
does the asking tells what became of each attempt, and asks what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum, auto
from typing import Final

from da_node.service import Bug
from sampler.conclusion import Conclusion, Finding, conclude
from sampler.doubting import Doubts, undrawn
from sampler.evidence import Asked, MemberRecord
from sampler.inquiry import Inquiry
from sampler.patience import Patience
from sampler.plan import Plan
from sampler.question import Ask, Question, State
from sampler.suspicion import Outcome

MOST_RECORDED: Final = 8192
"""Attempts kept as evidence, 100 bytes each; more are only counted."""


class Stage(Enum):
    """Where the session stands; from the third on it stays there."""

    ASKING = auto()
    DOUBTING = auto()
    AVAILABLE = auto()
    WITHHELD = auto()
    INCONCLUSIVE = auto()


class Step(Enum):
    """What happens to the session."""

    DOUBT = auto()
    REACH = auto()
    """Every item of a rung is held."""
    ACCUSE = auto()
    """The committee's promise is refuted."""
    EXPIRE = auto()


STEPS: Final[Mapping[tuple[Stage, Step], Stage]] = {
    (Stage.ASKING, Step.DOUBT): Stage.DOUBTING,
    (Stage.ASKING, Step.REACH): Stage.AVAILABLE,
    (Stage.ASKING, Step.EXPIRE): Stage.INCONCLUSIVE,
    (Stage.DOUBTING, Step.REACH): Stage.AVAILABLE,
    (Stage.DOUBTING, Step.ACCUSE): Stage.WITHHELD,
    (Stage.DOUBTING, Step.EXPIRE): Stage.INCONCLUSIVE,
}
"""Every legal step of a session; any other is a `Bug` and changes nothing."""

_STEP_OF: Final = {
    Finding.AVAILABLE: Step.REACH,
    Finding.WITHHELD: Step.ACCUSE,
    Finding.INCONCLUSIVE: Step.EXPIRE,
}


class Session:
    """The sampling of one blob."""

    def __init__(
        self,
        plan: Plan,
        patience: Patience,
        *,
        promised: frozenset[int],
        now_s: float,
        draw: Callable[[], float],
        controls: frozenset[int] = frozenset(),
        trusts_clock: bool = True,
        most_items: int = 8192,
    ) -> None:
        """`promised` are the members that signed, none without a certificate; `controls` those of
        whom something can be asked that they are known to serve. `trusts_clock` says whether ours
        agrees with the members', without which a *pruned* proves nothing. Rungs of more than
        `most_items` are not tried for.
        """
        self.plan: Final = plan
        self.began_s: Final = now_s
        self.deadline_s: Final = now_s + patience.deadline_s
        self.members: Final = {i: MemberRecord() for i in range(plan.custody.size)}
        self.log: Final[list[Asked]] = []
        """The first MOST_RECORDED attempts that ended."""
        self.held: Final[dict[int, int]] = {}
        """Who served each item held."""
        self.conclusion: Conclusion | None = None
        """None as long as it is under way."""
        self._patience = patience
        self._draw = draw
        self._controls = controls
        self._most_items = most_items
        self._stage = Stage.ASKING
        self._inquiry = Inquiry(plan, patience, self.members, draw)
        self._asks: dict[int, tuple[Ask, float]] = {}
        """Under way, with when they began."""
        self._numbers = 0
        self._lacking: list[set[int]] = []
        """What each rung that is tried for lacks."""
        self._tried = {plan.first.silent}
        """Sets of silent members whose rungs are tried for."""
        self._doubts = Doubts(promised, plan.custody.faults, trusts_clock)
        self._round_at_s = now_s + patience.suspect_s
        self._wakes_at_s = now_s
        self._try_for(plan.first.items, now_s)

    # ------------------------------------------------------------ what stands

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return self._stage

    @property
    def is_over(self) -> bool:
        """Whether there is a conclusion."""
        return self.conclusion is not None

    @property
    def failed(self) -> int:
        """Items given up, or that looked lost to the end."""
        return len(self._inquiry.lost)

    @property
    def doubts(self) -> Doubts:
        """What is held against whom."""
        return self._doubts

    @property
    def asked(self) -> int:
        """Items asked for so far."""
        return len(self._inquiry.questions)

    @property
    def wants_sources(self) -> bool:
        """Whether it would help to know who else keeps columns."""
        return self._stage is Stage.DOUBTING

    @property
    def tried(self) -> frozenset[frozenset[int]]:
        """The sets of silent members whose rungs are tried for."""
        return frozenset(self._tried)

    @property
    def questions(self) -> Collection[Question]:
        """Where each item asked for stands, to be looked at only."""
        return self._inquiry.questions.values()

    def state(self, item: int) -> State:
        """Where a question stands. KeyError for an item that is not of the sample."""
        return self._inquiry.questions[item].state

    def is_open(self, ask: Ask) -> bool:
        """Whether what becomes of it still matters."""
        if self.is_over or ask.number not in self._asks:
            return False
        # A round counts once all of it is over.
        return ask.round is not None or ask.item not in self.held

    # ------------------------------------------------------------ what is to be done

    def begin_due(self, now_s: float) -> list[Ask]:
        """The attempts that begin now: first ones, hedges, repeats, and rounds among controls."""
        if self.is_over or now_s < self._wakes_at_s:
            return []
        if now_s >= self.deadline_s:
            self._conclude(at_last=True)
            return []
        self._notice_what_looks_lost(now_s)
        if self.is_over:
            return []
        asks = [self._begin(question, now_s) for question in self._inquiry.due(now_s)]
        if self._stage is Stage.DOUBTING and now_s >= self._round_at_s:
            asks += self._begin_round(now_s)
        self._wakes_at_s = self._next_wake()
        return asks

    def wakes_at(self) -> float | None:
        """When something may be due next by the clock alone; None once there is a verdict."""
        return None if self.is_over else self._wakes_at_s

    # ------------------------------------------------------------ what happened

    def ended(
        self,
        ask: Ask,
        outcome: Outcome,
        *,
        now_s: float,
        detail: str = "",
        is_busy: bool = False,
    ) -> None:
        """What became of an attempt. One that nobody waits for any more is only recorded.

        `is_busy`: it was refused for being one of too many.
        """
        entry = self._asks.pop(ask.number, None)
        if entry is None or entry[0] != ask:
            raise Bug(reason=f"{ask} is not under way")
        self._record(ask, outcome, entry[1], now_s, detail)
        if self.is_over:
            return
        question = None if ask.item is None else self._inquiry.questions.get(ask.item)
        if question is not None:  # else it was asked for in a round alone
            self._item_ended(question, ask, outcome, now_s)
        if ask.round is None or self.is_over:
            return
        if self._doubts.ended(ask.source, outcome, is_control=ask.item is None, is_busy=is_busy):
            # Whoever denies is asked again a while later, not a moment later.
            suspect_at_s = self.began_s + self._patience.suspect_s
            self._round_at_s = max(now_s + self._patience.first_pause_s, suspect_at_s)
            self._wake(self._round_at_s)
            self._conclude(at_last=False)

    def learn(self, source: int, columns: Iterable[int], *, now_s: float) -> None:
        """Somebody keeps these columns too: a member beyond its arc, or another node."""
        if self._inquiry.learn(source, columns, now_s):
            self._wake(now_s)

    def allow_controls(self, members: Iterable[int]) -> None:
        """Something can be asked of these that they are known to serve."""
        self._controls |= frozenset(members)

    # ------------------------------------------------------------ asking

    def _try_for(self, items: Iterable[int], now_s: float) -> None:
        """Ask for what a rung takes and is not asked for yet."""
        self._inquiry.ask_for(items, now_s)
        self._lacking.append({item for item in items if item not in self.held})
        self._wake(now_s)

    def _begin(self, question: Question, now_s: float) -> Ask:
        source = self._inquiry.begin(question, self._numbers, now_s)
        return self._ask(source, question.item, self._patience.question_s, now_s)

    def _ask(
        self,
        source: int,
        item: int | None,
        timeout_s: float,
        now_s: float,
        round_: int | None = None,
    ) -> Ask:
        # Nothing is waited for beyond the deadline.
        ask = Ask(self._numbers, source, item, min(timeout_s, self.deadline_s - now_s), round_)
        self._numbers += 1
        self._asks[ask.number] = (ask, now_s)
        return ask

    def _begin_round(self, now_s: float) -> list[Ask]:
        """What each signer failed to give, or was not asked for, among controls, in one random
        order.
        """
        failing: dict[int, list[int]] = {}
        for question in self._inquiry.lost:
            for member in question.failed & self._inquiry.custodians(question.item):
                failing.setdefault(member, []).append(question.item)
        if failing:
            failing |= undrawn(self.plan, self._inquiry.questions, self._doubts.promised)
        timeout_s = self._patience.round_s
        if now_s + timeout_s > self.deadline_s:
            self._round_at_s = self.deadline_s  # it could not be over in time
            return []
        chosen = self._doubts.begin(failing, self._controls)
        wanted = [
            (member, item)
            for member, (items, controls) in chosen.items()
            for item in (*items, *[None] * controls)
        ]
        if not wanted:
            self._round_at_s = now_s + self._patience.first_pause_s
        wanted.sort(key=lambda _: self._draw())
        return [
            self._ask(member, item, timeout_s, now_s, self._doubts.rounds)
            for member, item in wanted
        ]

    # ------------------------------------------------------------ what follows

    def _item_ended(self, question: Question, ask: Ask, outcome: Outcome, now_s: float) -> None:
        if self._inquiry.ended(question, ask, outcome, now_s):
            self._hold(question.item, ask.source)
            return
        if question.state is State.HELD:
            return
        if outcome.is_denial and ask.source in self._doubts.promised and not self._doubts.rounds:
            # No link does that: there is no need to wait for what is late.
            self._round_at_s = min(self._round_at_s, self.began_s + self._patience.doubt_s)
            self._wake(self._round_at_s)
        self._wake(question.next_at)

    def _hold(self, item: int, source: int) -> None:
        self.held[item] = source
        for lacking in self._lacking:
            lacking.discard(item)
        if not all(self._lacking):
            self._conclude(at_last=False)

    def _notice_what_looks_lost(self, now_s: float) -> None:
        if self._inquiry.notice(now_s):
            self._aim_anew(now_s)
        if self._stage is Stage.ASKING and now_s >= self._round_at_s:
            self._step(Step.DOUBT)

    def _aim_anew(self, now_s: float) -> None:
        """Try for the rung that needs none of what looks lost, if there is one, and for the one
        that leaves out the members of whom nothing came: the rest may come yet.
        """
        lost = [question.item for question in self._inquiry.lost]
        silent = {member for member, record in self.members.items() if record.is_silent}
        of_silent = [item for item in lost if self._inquiry.custodians(item) <= silent]
        for given_up in (lost, of_silent):
            rung = self.plan.aim(frozenset(given_up))
            if (
                rung is None
                or rung.silent in self._tried
                or len(rung.items) > self._most_items
                or self.is_over
            ):
                continue
            self._tried.add(rung.silent)
            self._try_for(rung.items, now_s)
            if not self._lacking[-1]:
                self._conclude(at_last=False)

    def _conclude(self, *, at_last: bool) -> None:
        """Whatever is held by now decides; if that is nothing, it goes on unless it is the end."""
        conclusion = conclude(self.plan, self.held, self._doubts.found)
        if at_last or conclusion.finding is not Finding.INCONCLUSIVE:
            self._step(_STEP_OF[conclusion.finding])
            self.conclusion = conclusion

    def _step(self, step: Step) -> None:
        following = STEPS.get((self._stage, step))
        if following is None:
            raise Bug(reason=f"a session that is {self._stage.name} cannot {step.name}")
        self._stage = following

    def _record(
        self, ask: Ask, outcome: Outcome, began_s: float, now_s: float, detail: str
    ) -> None:
        record = self.members.get(ask.source)
        if record is not None:
            record.count(outcome, is_control=ask.item is None)
        if len(self.log) < MOST_RECORDED:
            self.log.append(
                Asked(
                    source=ask.source,
                    item=ask.item,
                    asked_s=began_s,
                    ended_s=now_s,
                    outcome=outcome,
                    round=ask.round,
                    detail=detail,
                )
            )

    # ------------------------------------------------------------ time

    def _wake(self, at_s: float | None) -> None:
        if at_s is not None:
            self._wakes_at_s = min(self._wakes_at_s, at_s)

    def _next_wake(self) -> float:
        times = [self.deadline_s]
        if not self._doubts.under_way:
            times.append(self._round_at_s)
        times += self._inquiry.next_at()
        return min(times)
