"""The node's threads: where everything heavy runs, so that the event loop never waits for it.

Bounded pools: `compute` for the kernel and hashing (which release the interpreter lock), `store`
for the database, `upkeep` for pruning, archiving, scrubbing and rebuilding, which take their time,
and `probe` for the few calls that must get through when the others are busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from da_node.node.bounds import PROBE_THREADS, STORE_THREADS, UPKEEP_THREADS

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """Some threads, and a count of what waits for them."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"holdfast-{name}")
        self._pending = 0

    @property
    def pending(self) -> int:
        """Calls running or waiting."""
        return self._pending

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result. If the awaiting task is cancelled, a call that has begun finishes."""
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[T] = loop.create_future()
        self._pending += 1
        future = self._executor.submit(partial(call, *args, **kwargs))
        # The loop is woken once for both: to count down, when the call ends rather than when
        # nobody waits for it, and to go on. (`asyncio.wrap_future` would wake it a second time.)
        future.add_done_callback(
            lambda ended: loop.call_soon_threadsafe(self._done, ended, awaited)
        )
        try:
            return await awaited
        finally:
            future.cancel()  # where it has not begun and nobody waits for it any more

    def close(self) -> None:
        """Wait for the calls that run; blocks."""
        self._executor.shutdown(wait=True)

    def _done(self, ended: Future[T], awaited: asyncio.Future[T]) -> None:
        self._pending -= 1
        if awaited.done():  # nobody waits for it
            return
        if ended.cancelled():
            awaited.cancel()
        elif (error := ended.exception()) is not None:
            awaited.set_exception(error)
        else:
            awaited.set_result(ended.result())


class Workers:
    """The pools of one node."""

    def __init__(self, *, encodes_at_once: int) -> None:
        self.compute = Pool("compute", encodes_at_once)
        self.store = Pool("store", STORE_THREADS)
        self.upkeep = Pool("upkeep", UPKEEP_THREADS)
        self.probe = Pool("probe", PROBE_THREADS)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """All of them."""
        return self.compute, self.store, self.upkeep, self.probe

    def close(self) -> None:
        """Wait for what runs, pool by pool; blocks."""
        for pool in self.pools:
            pool.close()
