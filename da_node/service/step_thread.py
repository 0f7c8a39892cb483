"""A thread that waits for the disk, so that the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, ParamSpec, Protocol, TypeVar


class Closed(Protocol):
    """What is closed at the end."""

    def close(self) -> None:
        """Let go of it."""


P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Closed)


class StepThread(Generic[S]):
    """Runs steps of what it owns, one after the other. Used from one event loop."""

    def __init__(self, steps: S) -> None:
        """It owns `steps` from here on."""
        self.steps: Final = steps
        name = f"holdfast-{type(steps).__name__.lower()}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A step of `steps`. One that has begun is finished, even if nobody waits for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: step(*args, **kwargs))

    async def close(self) -> None:
        """Once what was begun is finished."""
        await asyncio.to_thread(self._thread.shutdown)
        self.steps.close()
