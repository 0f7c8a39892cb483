"""The pool of KZG processes: workers are replaced, tasks are done once more, never a third time."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from da_node.coding import local_prover
from da_node.errors import NotReady, WorkerLost
from da_node.service import kzg_pool
from da_node.service.kzg_pool import KzgPool

ROW = b"".join(bytes(1) + random.Random(p).randbytes(31) for p in range(4096))
INFINITY = b"\xc0" + bytes(47)


class ThreadsInstead(ThreadPoolExecutor):
    """Runs tasks at once, in a thread of this process; some break it, as a dying worker does."""

    def __init__(self, breaking: Iterator[bool]) -> None:
        super().__init__(1)
        self._breaking = breaking
        self.broken = False
        self.was_shut_down = False

    def submit(self, *task: Any, **named: Any) -> Future[Any]:
        if self.broken:
            raise BrokenExecutor("broken before")
        future = super().submit(*task, **named)
        if next(self._breaking, False):
            self.broken = True
            lost: Future[Any] = Future()
            lost.set_exception(BrokenExecutor("a worker died"))
            return lost
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.was_shut_down = True
        super().shutdown(wait, cancel_futures=cancel_futures)


class Makes:
    """Hands out executors and remembers them; a True breaks the executor at that submit."""

    def __init__(self, *breaking: bool) -> None:
        self._breaking = iter(breaking)
        self.executors: list[ThreadsInstead] = []

    def __call__(self) -> Executor:
        self.executors.append(ThreadsInstead(self._breaking))
        return self.executors[-1]


@contextmanager
def open_pool(make: Callable[[], Executor], workers: int = 1) -> Iterator[KzgPool]:
    pool = KzgPool(workers, make)
    try:
        yield pool
    finally:
        pool.close()


# ---------------------------------------------------------------- with executors that obey


def test_answers_are_those_of_the_process_itself() -> None:
    make = Makes()
    with open_pool(make) as pool:
        commitment, proofs = pool.commit_and_prove(ROW)
        assert (commitment, proofs) == local_prover().commit_and_prove(ROW)
        assert pool.is_commitment(commitment)
        assert not pool.is_commitment(bytes(48))
        assert not pool.verify_cells([commitment], [0], [bytes(2048)], [proofs[0]])
    assert len(make.executors) == 1


@pytest.mark.parametrize("is_loaded", [True, False])
def test_tables_are_loaded_once_they_pay_or_where_nothing_is_loaded_yet(
    is_loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kzg:
        def __init__(self, is_loaded: bool) -> None:
            self.is_loaded = is_loaded
            self.proven = 0

        def commit_and_prove(self, row: bytes) -> str:
            self.is_loaded = True
            self.proven += 1
            return "proven"

    verifier, prover = Kzg(is_loaded), Kzg(False)
    monkeypatch.setattr(kzg_pool, "local_verifier", lambda: verifier)
    monkeypatch.setattr(kzg_pool, "local_prover", lambda: prover)
    monkeypatch.setattr(kzg_pool, "_without_tables", itertools.count())
    with open_pool(Makes()) as pool:
        for _ in range(kzg_pool.TABLES_PAY_AFTER):
            assert pool.commit_and_prove(ROW) == "proven"
        assert prover.is_loaded is not is_loaded
        pool.commit_and_prove(ROW)
    assert (verifier.proven > 0) is is_loaded
    assert prover.is_loaded


def test_no_executor_is_made_before_it_is_needed() -> None:
    make = Makes()
    with open_pool(make):
        assert make.executors == []


def test_a_task_whose_worker_dies_is_done_once_more_by_a_new_executor() -> None:
    make = Makes(True)
    with open_pool(make) as pool:
        assert pool.is_commitment(INFINITY)
        assert pool.is_commitment(INFINITY)
    assert len(make.executors) == 2
    assert make.executors[0].was_shut_down


def test_a_task_that_costs_two_workers_is_not_tried_a_third_time() -> None:
    make = Makes(True, True)
    with open_pool(make) as pool:
        with pytest.raises(WorkerLost) as refusal:
            pool.is_commitment(INFINITY)
        assert refusal.value.attempts == 2
        assert pool.is_commitment(INFINITY)
    assert len(make.executors) == 3


def test_an_executor_that_is_broken_already_is_replaced() -> None:
    make = Makes()
    with open_pool(make) as pool:
        assert pool.is_commitment(INFINITY)
        make.executors[0].broken = True
        assert pool.is_commitment(INFINITY)
    assert len(make.executors) == 2


def test_what_a_task_raises_is_the_caller_s_and_breaks_nothing() -> None:
    make = Makes()
    with open_pool(make) as pool:
        with pytest.raises((ValueError, RuntimeError)):
            pool.commit_and_prove(b"short")
        assert pool.is_commitment(INFINITY)
    assert len(make.executors) == 1


def test_two_threads_that_share_a_broken_executor_replace_it_once() -> None:
    both = threading.Barrier(2)

    class Shared(ThreadPoolExecutor):
        """Breaks only once both threads have handed it a task."""

        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            if self is not made[0]:
                return super().submit(*task, **named)
            both.wait()
            lost: Future[Any] = Future()
            lost.set_exception(BrokenExecutor("a worker died"))
            return lost

    made: list[Shared] = []

    def make() -> Executor:
        made.append(Shared(2))
        return made[-1]

    with open_pool(make) as pool, ThreadPoolExecutor(2) as callers:
        answers = list(callers.map(pool.is_commitment, [INFINITY, INFINITY]))
    assert answers == [True, True]
    assert len(made) == 2


# ---------------------------------------------------------------- its life


def test_a_pool_is_ready_from_the_end_of_warming_to_its_close() -> None:
    make = Makes()
    pool = KzgPool(2, make)
    assert not pool.ready
    pool.warm()
    assert pool.ready
    pool.close()
    assert not pool.ready


@pytest.mark.parametrize(
    ("proves", "task"), [(True, "_commit_and_prove"), (False, "_is_commitment")]
)
def test_warming_loads_what_the_service_will_need(proves: bool, task: str) -> None:
    asked: list[str] = []

    class Noting(ThreadsInstead):
        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            asked.append(task[0].__name__)
            return super().submit(*task, **named)

    pool = KzgPool(2, lambda: Noting(iter(())), proves=proves)
    pool.warm()
    assert pool.ready
    assert asked == [task, task]
    pool.close()


def test_warming_survives_a_worker_that_dies() -> None:
    make = Makes(True)
    with open_pool(make) as pool:
        pool.warm()
        assert pool.ready
    assert len(make.executors) == 2


def test_warming_survives_workers_that_die_one_after_another() -> None:
    make = Makes(True)
    with open_pool(make, workers=3) as pool:
        pool.warm()
        assert pool.ready


def test_a_closed_pool_refuses_and_closes_again() -> None:
    make = Makes()
    pool = KzgPool(1, make)
    assert pool.is_commitment(INFINITY)
    pool.close()
    pool.close()
    for refused in (
        pool.warm,
        lambda: pool.is_commitment(INFINITY),
        lambda: pool.commit_and_prove(ROW),
        lambda: pool.verify_cells([], [], [], []),
    ):
        with pytest.raises(NotReady, match="closed"):
            refused()
    assert make.executors[0].was_shut_down
    assert len(make.executors) == 1


def test_a_pool_that_was_never_used_closes() -> None:
    KzgPool(1, Makes()).close()


def test_closing_between_a_call_s_two_steps_refuses_the_call() -> None:
    """The call has its executor in hand when the pool is closed by another thread."""

    class ClosesFirst(ThreadPoolExecutor):
        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            pool.close()
            return super().submit(*task, **named)

    pool = KzgPool(1, lambda: ClosesFirst(1))
    with pytest.raises(NotReady, match="closed"):
        pool.is_commitment(INFINITY)


def test_a_call_that_waits_when_the_pool_is_closed_is_refused() -> None:
    class ClosesWhileItWaits(ThreadPoolExecutor):
        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            pool.close()
            waiting: Future[Any] = Future()
            waiting.cancel()  # as shutdown does to what has not begun
            return waiting

    pool = KzgPool(1, lambda: ClosesWhileItWaits(1))
    with pytest.raises(NotReady, match="closed"):
        pool.is_commitment(INFINITY)


def test_closing_during_the_second_attempt_refuses_the_call_too() -> None:
    class Breaks(ThreadPoolExecutor):
        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            made.append(self)
            if len(made) == 2:
                pool.close()
            raise BrokenExecutor("a worker died")

    made: list[Executor] = []
    pool = KzgPool(1, lambda: Breaks(1))
    with pytest.raises(NotReady, match="closed"):
        pool.is_commitment(INFINITY)


def test_what_waits_in_a_discarded_executor_is_done_by_the_next() -> None:
    """Discarding cancels what has not begun; that is no fault of the task's."""

    class CancelsOnce(ThreadPoolExecutor):
        def submit(self, *task: Any, **named: Any) -> Future[Any]:
            if self is not made[0]:
                return super().submit(*task, **named)
            waiting: Future[Any] = Future()
            waiting.cancel()
            return waiting

    made: list[CancelsOnce] = []

    def make() -> Executor:
        made.append(CancelsOnce(1))
        return made[-1]

    with open_pool(make) as pool:
        assert pool.is_commitment(INFINITY)
    assert len(made) == 2


# ---------------------------------------------------------------- with real processes

DEADLINE_S = 300


def a_worker_other_than(known: set[int | None]) -> int:
    """The pid of a new child, as soon as there is one."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for child in multiprocessing.active_children():
            if child.pid is not None and child.pid not in known:
                return child.pid
        time.sleep(0.005)
    raise TimeoutError("no worker was started")


def test_a_real_worker_that_is_killed_is_replaced_and_ignores_ctrl_c() -> None:
    before = {child.pid for child in multiprocessing.active_children()}
    pool = KzgPool(1)
    with ThreadPoolExecutor(1) as caller:
        proving = caller.submit(pool.commit_and_prove, ROW)
        first = a_worker_other_than(before)
        os.kill(first, signal.SIGKILL)
        assert proving.result(DEADLINE_S) == local_prover().commit_and_prove(ROW)
    second = a_worker_other_than(before | {first})
    os.kill(second, signal.SIGINT)
    assert pool.commit_and_prove(ROW) == local_prover().commit_and_prove(ROW)
    assert a_worker_other_than(before | {first}) == second
    pool.close()
    assert {child.pid for child in multiprocessing.active_children()} <= before


PARENT = """
import multiprocessing, sys
from da_node.service import kzg_pool
from da_node.service.kzg_pool import KzgPool
if __name__ == "__main__":
    pool = KzgPool(1)
    pool.is_commitment(bytes(48))
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    sys.stdin.read()
"""


def test_a_real_worker_ends_with_its_killed_parent() -> None:
    """It holds the parent's standard output, which ends only when both are gone."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)  # it lives
    finally:
        parent.kill()
    remaining, _ = parent.communicate(timeout=DEADLINE_S)
    assert remaining == ""
