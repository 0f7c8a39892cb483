"""A journal whose n-th durable step fails: lost, or kept and not acknowledged. Strict: the process
that it fails is over, so every later step fails as well.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

from bridge_client.errors import JournalFault
from bridge_client.journal import JournalThread

DURABLE = {"intend", "attempt", "record", "saw", "advance", "condense", "reopen", "roll_back"}
T = TypeVar("T")


class Killed(enum.Enum):
    """What the killed process leaves of the step."""

    LOST = "lost"
    KEPT = "kept"


class FailingJournal(JournalThread):
    """Works on another journal's thread."""

    def __init__(self, inner: JournalThread, step: int, how: Killed) -> None:
        self._inner = inner
        self.steps = inner.steps  # type: ignore[misc]
        self._step = step
        self._how = how
        self._count = 0
        self.is_dead = False

    async def run(self, step: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # type: ignore[override]
        if self.is_dead:
            raise JournalFault(reason="the process is over")
        if getattr(step, "__name__", "") not in DURABLE:
            return await self._inner.run(step, *args, **kwargs)
        self._count += 1
        if self._count == self._step:
            self.is_dead = True
            if self._how is Killed.KEPT:
                await self._inner.run(step, *args, **kwargs)
            raise JournalFault(reason="killed")
        return await self._inner.run(step, *args, **kwargs)
