"""Which of the events that a watcher has seen somebody who starts today must know. Pure.

Whoever acts on them asks the contracts how each stands; from the events it needs to know only that
there is something. So a batch is over once it is final or void, a challenge once its time is, and
nothing follows from any other event. What the events up to a block leave unfinished, and all events
after it, give the same as all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Happened(Protocol):
    """An event, as far as what is over depends on it."""

    @property
    def event(self) -> str:
        """Its name."""

    @property
    def fields(self) -> dict[str, Any]:
        """By name."""


def unfinished(past: Sequence[Happened], now: int) -> list[int]:
    """Places in `past`, all that was seen up to a block in its order, of what is not over at `now`
    (unix seconds), ascending.

    No event means that a batch expired: it may still fall, and others with it, so it stays. What is
    neither final nor void has its proposer's bond in it, and all after it build on it.
    """
    batches: dict[int, int] = {}
    challenges: list[int] = []
    for place, one in enumerate(past):
        if one.event == "BatchProposed":
            batches[int(one.fields["batchId"])] = place
        elif one.event == "BatchFinal":
            batches.pop(int(one.fields["batchId"]), None)
        elif one.event == "BatchVoid":
            _fell(batches, past, int(one.fields["batchId"]))
        elif one.event == "ChallengeOpened" and int(one.fields["deadline"]) >= now:
            challenges.append(place)
    return sorted([*batches.values(), *challenges])


def _fell(batches: dict[int, int], past: Sequence[Happened], number: int) -> None:
    """With a batch all fall that build on it, of which no event tells."""
    if number not in batches:
        return
    height = int(past[batches[number]].fields["height"])
    for other, place in list(batches.items()):
        if int(past[place].fields["height"]) >= height:
            del batches[other]
