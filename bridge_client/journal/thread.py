"""The journal's own thread: it waits for the disk, the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from bridge_client.journal.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")


class JournalThread:
    """Runs one step after the other."""

    def __init__(self, steps: Journal) -> None:
        """It owns the journal from here on."""
        self.steps: Final = steps
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="holdfast-journal")

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A step of `steps`. One that has begun is finished, even if nobody waits for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: step(*args, **kwargs))

    async def close(self) -> None:
        """Once what was begun is finished."""
        await asyncio.to_thread(self._thread.shutdown)
        self.steps.close()
