"""One answer from whichever node gives it first, and what to raise where none does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from da_node.client.retry import RetryPolicy
from da_node.client.survey import Survey
from da_node.client.transport import Failed, Pace
from da_node.errors import FalseAnswer, HoldfastError, NoNode, Pruned, Rejected
from da_node.service import logger

_log = logger(__name__)

T = TypeVar("T")


async def first_answer(
    what: str,
    nodes: Sequence[str],
    attempt: Callable[[str], Awaitable[T]],
    *,
    policy: RetryPolicy,
    pace: Pace,
) -> T:
    """What the first node gives that gives anything; nodes are asked in order, one at a time, and
    again where the policy allows.

    Raises the error of the only node, or `verdict_of` those of several.
    """
    survey = Survey(nodes, policy)
    errors: dict[str, HoldfastError] = {}
    while True:
        now = pace.clock()
        node = survey.next_node(now)
        if node is None:
            wakes_at = survey.wakes_at(now)
            if wakes_at is None:
                raise verdict_of(what, errors)
            await pace.sleep(wakes_at - now)
            continue
        try:
            return await attempt(node)
        except Failed as failed:
            errors[node] = failed.failure.error
            survey.failed(node, failed.failure, began=now, now=pace.clock(), draw=pace.draw())
            _log.info("node failed", node=node, reason=str(failed.failure.error))
        except FalseAnswer as error:
            errors[node] = error
            survey.give_up(node, str(error))
            _log.warning("node served something false", node=node, reason=str(error))


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
