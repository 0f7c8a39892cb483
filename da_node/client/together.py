"""Several things at once, ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

from da_node.client.transport import Pace

T = TypeVar("T")
U = TypeVar("U")


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Two results. The first error ends what is still under way and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


async def some_ended(
    tasks: Collection[asyncio.Task[T]], wakes_at: float | None, pace: Pace
) -> list[asyncio.Task[T]]:
    """Wait until a task has ended or that time has come, if one is given; those that have."""
    if wakes_at is None:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    else:
        sleeper = asyncio.ensure_future(pace.sleep(max(0.0, wakes_at - pace.clock())))
        try:
            await asyncio.wait([*tasks, sleeper], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
    return [task for task in tasks if task.done()]


async def ended(tasks: Collection[asyncio.Task[T]]) -> None:
    """Cancel what is still under way, and see it end; what became of it counts no more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
