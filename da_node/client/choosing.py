"""One answer from whichever node gives it first, and what to raise where none does.

`Race` decides whom to ask; `first_answer` asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from da_node.client.acquaintance import Acquaintances
from da_node.client.roll import Roll
from da_node.client.together import ended, some_ended
from da_node.client.transport import Failed, Pace
from da_node.errors import FalseAnswer, HoldfastError, NoNode, Pruned, Rejected
from da_node.service import logger

_log = logger(__name__)

T = TypeVar("T")


class Race:
    """Whom to ask for one thing that every node may have: the first, and the next one as soon as
    it has failed or been silent for `hedge_s`. Pure.
    """

    def __init__(self, roll: Roll, order: Sequence[str], hedge_s: float | None) -> None:
        """`order` are nodes of the roll. Without `hedge_s` one is asked at a time."""
        self._roll = roll
        self._open: Final = list(order)
        self._hedge_s = float("inf") if hedge_s is None else hedge_s
        self._under_way: Final[dict[str, float]] = {}

    def begin_due(self, now: float) -> str | None:
        """The node to be asked now, if any."""
        node = next(iter(self._askable(now)), None)
        if node is None or now < self._hedge_at():
            return None
        self._under_way[node] = now
        return node

    def wakes_at(self, now: float) -> float | None:
        """When somebody may be asked by the clock alone; None if nobody."""
        idle = [node for node in self._open if node not in self._under_way]
        free_at = now if self._askable(now) else self._roll.wakes_at(now, idle)
        if free_at is None:
            return None
        wakes_at = max(free_at, self._hedge_at())
        return wakes_at if wakes_at < float("inf") else None

    def silent(self, now: float) -> list[str]:
        """Nodes that are waited for longer than the hedge delay."""
        return [node for node, began in self._under_way.items() if began + self._hedge_s <= now]

    def failed(self, node: str) -> float:
        """Its attempt is over and may be made again when the roll lets it. When it began."""
        return self._under_way.pop(node)

    def passed(self, node: str) -> None:
        """It has answered and has nothing more to give: not asked again."""
        del self._under_way[node]
        self._open.remove(node)

    def _askable(self, now: float) -> list[str]:
        free = set(self._roll.may_ask(now)).difference(self._under_way)
        return [node for node in self._open if node in free]

    def _hedge_at(self) -> float:
        """When the last one asked will have been silent for long enough."""
        return max(
            (began + self._hedge_s for began in self._under_way.values()), default=float("-inf")
        )


async def first_answer(
    race: Race,
    attempt: Callable[[str], Awaitable[T | None]],
    *,
    roll: Roll,
    known: Acquaintances,
    pace: Pace,
) -> T | None:
    """What the first node gives that gives anything; None if none does, and the roll says why.

    An attempt gives None where its node has answered, but is not to be the last.
    """
    tasks: dict[asyncio.Task[T | None], str] = {}
    try:
        while True:
            now = pace.clock()
            while (node := race.begin_due(now)) is not None:
                tasks[asyncio.ensure_future(attempt(node))] = node
            wakes_at = race.wakes_at(now)
            if not tasks and wakes_at is None:
                return None
            for task in await some_ended(tasks, wakes_at, pace):
                node = tasks.pop(task)
                answer = _outcome(task, node, race, roll=roll, known=known, pace=pace)
                if answer is not None:
                    return answer
    finally:
        for node in race.silent(pace.clock()):
            known.silent(node, pace.clock())
        await ended(tasks)


def _outcome(
    task: asyncio.Task[T | None],
    node: str,
    race: Race,
    *,
    roll: Roll,
    known: Acquaintances,
    pace: Pace,
) -> T | None:
    """What an attempt gave, or what is learnt from its failure."""
    now = pace.clock()
    try:
        answer = task.result()
    except Failed as failed:
        failure = failed.failure
        _log.info("node failed", node=node, reason=str(failure.error))
        roll.failed(node, failure, began=race.failed(node), now=now, draw=pace.draw())
        if failure.may_retry:
            known.failed(node, now)
        return None
    except FalseAnswer as error:
        _log.warning("node served something false", node=node, reason=str(error))
        race.failed(node)
        roll.give_up(node, error)
        known.lied(node, now)
        return None
    race.passed(node)
    roll.answered(node)
    return answer


def verdict_of(what: str, errors: dict[str, HoldfastError]) -> HoldfastError:
    """The error that stands for those of all nodes.

    One node's own; `Pruned` if one kept it and deleted it; the refusal in which all agree, such
    as `UnknownBlob`; otherwise nothing is certain, and it is `NoNode` with each node's reason.
    """
    found = list(errors.values())
    if len(found) == 1:
        return found[0]
    for error in found:
        if isinstance(error, Pruned):
            return error
    if isinstance(found[0], Rejected) and len({type(error) for error in found}) == 1:
        return found[0]
    return NoNode(what=what, failures={node: str(error) for node, error in errors.items()})
