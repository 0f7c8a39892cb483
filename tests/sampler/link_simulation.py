"""Members and the links to them, in simulated time: what a session's core is tried against."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from sampler.confidence import WANTED_ERROR, Rule, Unit
from sampler.custody import Custody
from sampler.patience import Patience
from sampler.plan import Plan, plan
from sampler.question import Ask
from sampler.session import Session
from sampler.suspicion import Outcome

Answer = tuple[Outcome, float]
"""What comes back, and how many seconds later; beyond the time of the question it is a timeout."""

LOST: Answer = (Outcome.TIMEOUT, 1e9)
ROWS = 133
"""16 MiB, so that points are cheaper than columns."""


@dataclass
class World:
    """What members do. Each rule may answer for the one before."""

    chance: random.Random
    rtt_s: float = 0.05
    loss: float = 0.0
    """Chance that a question or its answer is lost."""
    serves: Callable[[int, int, float], bool] = lambda member, item, now: True
    """Whether a member serves an item at a time."""
    refusal: Outcome = Outcome.UNKNOWN
    """What it says to what it does not serve; TIMEOUT: nothing."""
    control: Outcome = Outcome.HELD
    """What becomes of a control that is not lost on the way."""
    busy: float = 0.0
    """Chance that a member says of a question that it is one of too many."""
    too_many: set[int] = field(default_factory=set)
    """Numbers of those questions."""
    silent: frozenset[int] = frozenset()
    """Members that answer nothing at all."""
    cut: Callable[[float], bool] = lambda now: False
    """Whether our own connection is down at a time."""
    asked: list[Ask] = field(default_factory=list)

    def answer(self, ask: Ask, now_s: float) -> Answer:
        self.asked.append(ask)
        if ask.source in self.silent or self.cut(now_s) or self.chance.random() < self.loss:
            return LOST
        delay_s = self.rtt_s * (0.5 + self.chance.random())
        if self.busy and self.chance.random() < self.busy:
            self.too_many.add(ask.number)
            return Outcome.REFUSED, delay_s
        if ask.item is not None and not self.serves(ask.source, ask.item, now_s):
            return LOST if self.refusal is Outcome.TIMEOUT else (self.refusal, delay_s)
        return Outcome.HELD if ask.item is not None else self.control, delay_s


def plan_of(
    custody: Custody,
    seed: int,
    *,
    rule: Rule = Rule.CERTIFIED,
    unit: Unit | None = Unit.POINTS,
    rows: int = ROWS,
) -> Plan:
    secret = random.Random(seed).randbytes(32)
    return plan(custody, rows, secret, rule=rule, unit=unit, wanted=WANTED_ERROR)


def start(
    custody: Custody,
    seed: int,
    *,
    patience: Patience | None = None,
    controls: Iterable[int] | None = None,
    rule: Rule = Rule.CERTIFIED,
    trusts_clock: bool = True,
    chance: random.Random | None = None,
) -> Session:
    """A session that begins at 0. Every member can be asked for something it serves."""
    members = frozenset(range(custody.size))
    return Session(
        plan_of(custody, seed, rule=rule),
        patience or Patience(),
        promised=custody.signers if rule is Rule.CERTIFIED else frozenset(),
        now_s=0.0,
        draw=(chance or random.Random(~seed)).random,
        controls=members if controls is None else frozenset(controls),
        trusts_clock=trusts_clock,
    )


def run(
    session: Session, world: World, watch: Callable[[float], None] = lambda now_s: None
) -> float:
    """Until the session is over; when that is. `watch` is told after everything that happens."""
    now_s = 0.0
    numbers = count()
    coming: list[tuple[float, int, Ask, Outcome]] = []
    while not session.is_over:
        for ask in session.begin_due(now_s):
            outcome, delay_s = world.answer(ask, now_s)
            if delay_s > ask.timeout_s:
                outcome, delay_s = Outcome.TIMEOUT, ask.timeout_s
            heapq.heappush(coming, (now_s + delay_s, next(numbers), ask, outcome))
        wakes_at = session.wakes_at()
        if wakes_at is None:
            break
        if coming and coming[0][0] <= wakes_at:
            now_s, _, ask, outcome = heapq.heappop(coming)
            is_busy = ask.number in world.too_many
            session.ended(ask, outcome, now_s=now_s, is_busy=is_busy)
        else:
            now_s = max(now_s, wakes_at)
        watch(now_s)
    return now_s
