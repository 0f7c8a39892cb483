"""A pool of threads: what its callers get, and what it counts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from da_node.node.workers import Pool


async def test_a_call_gives_its_result_or_raises_its_error() -> None:
    pool = Pool("some", 1)

    def fails() -> None:
        raise KeyError("what the call raises")

    assert await pool.run(divmod, 17, 5) == (3, 2)
    with pytest.raises(KeyError, match="what the call raises"):
        await pool.run(fails)
    assert pool.pending == 0
    pool.close()


async def test_what_nobody_waits_for_any_more_does_not_begin_and_what_has_begun_ends() -> None:
    pool, goes_on, done = Pool("some", 1), threading.Event(), list[str]()
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        goes_on.wait(60)
        done.append("first")

    first = asyncio.create_task(pool.run(wait))
    await asyncio.to_thread(begun.wait, 60)
    second = asyncio.create_task(pool.run(done.append, "second"))
    await asyncio.sleep(0)
    assert pool.pending == 2
    for task in (first, second):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await asyncio.sleep(0)
    assert pool.pending == 1  # the one that has begun
    goes_on.set()
    assert await pool.run(done.copy) == ["first"]
    assert pool.pending == 0
    pool.close()
