"""The one thread that writes: a group commit.

Whoever wants something written hands in a job and waits. The thread takes what waits, lets each
job put its steps in the log, syncs once, and only then answers all of them. So one sync serves
as many writers as came while the last was under way.

    job ─┐                          ┌─▶ answer
    job ─┼─▶ steps … steps ─▶ sync ─┼─▶ answer
    job ─┘                          └─▶ answer

After a write or a sync has failed nobody knows what is on disk: every job of the group fails,
and before the next one the database is opened again, which tells. Until then reads go on.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from da_node.coding.fairness import give_way
from da_node.errors import NotReady, StoreFault
from da_node.store.door import Database, Put, Step

BATCH_BYTES: Final = 256 * 1024
"""One write to the database, which holds the interpreter lock: about a tenth of a millisecond."""

GROUP_BYTES: Final = 64 * 1024 * 1024
"""No further job joins a group that has this much, so that the first is not kept waiting."""

_T = TypeVar("_T")


class Log:
    """What a job writes to: bulk step by step, its record at last in one write."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Step] = []
        self._waiting_bytes = 0
        self._wrote = False
        self.written_bytes = 0
        self.fault: StoreFault | None = None

    def put(self, key: bytes, value: bytes) -> None:
        """Write a piece, some time before the next `commit`."""
        if self._waiting_bytes + len(value) > BATCH_BYTES:
            self._write(self._waiting)
        self._waiting.append(Put(key, value))
        self._waiting_bytes += len(value)

    def commit(self, steps: Sequence[Step]) -> None:
        """Write what waits, and then these steps, if any, in one atomic write."""
        for together in (self._waiting, steps):
            if together:
                self._write(together)

    def discard(self) -> None:
        """Drop what a job that failed has left waiting."""
        self._waiting, self._waiting_bytes = [], 0

    def sync(self) -> None:
        """Make everything so far durable; nothing to do where no job wrote."""
        if self._wrote:
            self._guarded(self._database.sync)

    def _write(self, steps: Sequence[Step]) -> None:
        def write() -> None:
            self._database.make_room()
            self._database.write(steps)

        self._wrote = True
        self._guarded(write)
        self.written_bytes += sum(len(step.value) for step in steps if isinstance(step, Put))
        self.discard()
        give_way()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StoreFault as error:
            self.fault = error
            raise


class Owner(Protocol):
    """Who keeps in memory what the writer puts on disk."""

    def durable(self, jobs: int, written_bytes: int) -> None:
        """Everything written so far is on disk; nobody has been told yet."""

    def recover(self) -> None:
        """A write had failed: open the database again and read from it what is there."""


class Writer:
    """Runs jobs in one thread, in the order in which they were handed in."""

    def __init__(self, database: Database, owner: Owner) -> None:
        self._database = database
        self._owner = owner
        self._failed = False
        self._closed = False
        self._closing = threading.Lock()
        # Bounded by its users: each waits for its own job, and the service bounds them.
        self._jobs: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")

    def submit(self, job: Callable[[Log], _T]) -> _T:
        """Run a job; return what it returned once it is durable, or raise what it raised.

        StoreFault if the disk failed it or another of its group; NotReady after `close`.
        """
        return self.hand_in(job).result()

    def hand_in(self, job: Callable[[Log], _T]) -> Future[_T]:
        """The same, without waiting for the answer. NotReady after `close`."""
        waiting = _Waiting(job)
        with self._closing:
            if self._closed:
                raise NotReady(reason="the store is closed")
            self._jobs.put(waiting)
            self._thread.submit(self._run_group)
        return waiting.answer

    def close(self) -> None:
        """Finish what was handed in, and stop. A second call only waits."""
        with self._closing:
            self._closed = True
        self._thread.shutdown()

    def _run_group(self) -> None:
        """Run what waits, if an earlier group has not taken it along."""
        log = Log(self._database)
        done: list[_Waiting] = []
        while log.fault is None and log.written_bytes < GROUP_BYTES:
            try:
                waiting = self._jobs.get_nowait()
            except queue.Empty:
                break
            if self._run_job(waiting, log):
                done.append(waiting)
        self._finish(log, done)

    def _run_job(self, waiting: _Waiting, log: Log) -> bool:
        """Whether the job is to be answered with the group's sync."""
        try:
            if self._failed:
                self._owner.recover()
                self._failed = False
            waiting.result = waiting.job(log)
        except BaseException as error:
            # As an executor does: what a job raises is its caller's, and the thread goes on.
            log.discard()
            waiting.answer.set_exception(error)
            return False
        return True

    def _finish(self, log: Log, done: list[_Waiting]) -> None:
        try:
            if log.fault is not None:
                raise log.fault
            log.sync()
        except StoreFault as error:
            self._failed = True
            for waiting in done:
                waiting.answer.set_exception(copy.copy(error))
            return
        if not done:
            return
        self._owner.durable(len(done), log.written_bytes)
        for waiting in done:
            waiting.answer.set_result(waiting.result)


class _Waiting:
    """A job, and the answer for which its caller waits."""

    def __init__(self, job: Callable[[Log], Any]) -> None:
        self.job = job
        self.result: Any = None
        self.answer: Future[Any] = Future()
