"""KZG in other processes, since `ckzg` holds the interpreter lock for as long as it works.

The pool is any `concurrent.futures.Executor` of processes: by default a few spawned here, or an
existing cluster's. A worker that dies is replaced and what it was doing is done once more.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from typing import Final, ParamSpec, TypeVar

from da_node.coding import ROW_BYTES, Commitment, Proof, local_prover, local_verifier
from da_node.errors import NotReady, WorkerLost

ATTEMPTS: Final = 2
"""A task that kills its worker twice is not tried a third time."""
TABLES_PAY_AFTER: Final = 32
"""Proofs: with tables each takes 66 ms less, and loading them takes 2 s. So whoever proves a few
never waits for them, and whoever proves many loses as much again at worst."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class KzgPool:
    """A `da_node.coding.Kzg` whose work is done by an executor's processes. Thread-safe.

    `workers` bounds how many spawned processes there are; each takes about 150 MB once it has
    proven, 60 MB if it only verifies. `make_executor` stands in for them where given; it is called
    again whenever its executor has broken. Calls raise WorkerLost, and NotReady once closed.

    A service that hardly ever proves says so: `warm` then loads what verifying needs, which takes
    half as long. Its proofs use that until the tables that make them faster would have paid.
    """

    def __init__(
        self,
        workers: int = 1,
        make_executor: Callable[[], Executor] | None = None,
        *,
        proves: bool = True,
    ) -> None:
        self._make = make_executor or (lambda: _spawned(workers))
        self._workers = workers
        self._proves = proves
        self._guard = threading.Lock()
        self._executor: Executor | None = None
        self._closed = False
        self._warm = threading.Event()

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        return self._run(_commit_and_prove, row)

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        return self._run(_verify_cells, commitments, indices, cells, proofs)

    def is_commitment(self, data: bytes) -> bool:
        return self._run(_is_commitment, data)

    def warm(self) -> None:
        """Start the workers and give them something to do, so that the setup is loaded. Blocks."""
        task = self._prove_zeros if self._proves else self._check_infinity
        with ThreadPoolExecutor(self._workers) as callers:
            # One each, so that every worker is started.
            list(callers.map(lambda _: task(), range(self._workers)))
        self._warm.set()

    def _prove_zeros(self) -> None:
        self.commit_and_prove(bytes(ROW_BYTES))

    def _check_infinity(self) -> None:
        self.is_commitment(b"\xc0" + bytes(Commitment.length - 1))

    @property
    def ready(self) -> bool:
        """Whether `warm` has finished and the pool is open."""
        return self._warm.is_set() and not self._closed

    def close(self) -> None:
        """Let running work finish, refuse more, end the workers. Idempotent."""
        with self._guard:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)

    def _require_open(self) -> None:
        if self._closed:
            raise NotReady(reason="the KZG pool is closed")

    def _current(self) -> Executor:
        with self._guard:
            self._require_open()
            if self._executor is None:
                self._executor = self._make()
            return self._executor

    def _run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        for _ in range(ATTEMPTS):
            executor = self._current()
            try:
                future = executor.submit(work, *args, **kwargs)
            except RuntimeError:  # broken, or shut down by another thread since
                self._discard(executor)
                continue
            try:
                return future.result()
            except (BrokenExecutor, CancelledError):
                self._discard(executor)
        self._require_open()
        raise WorkerLost(attempts=ATTEMPTS)

    def _discard(self, broken: Executor) -> None:
        """Forget a broken executor, unless another thread has replaced it already."""
        with self._guard:
            if self._executor is broken:
                self._executor = None
        broken.shutdown(wait=False, cancel_futures=True)


def _spawned(workers: int) -> Executor:
    return ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
    )


def _start_worker() -> None:
    """A worker ends with its parent, even a killed one, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.join,), daemon=True).start()


def _follow(join_parent: Callable[[], None]) -> None:
    join_parent()
    os._exit(1)  # the parent is gone: nobody waits for what this process is doing


# What the workers run. The setup is loaded once in each, by the first call that needs it.

_without_tables = itertools.count()


def _commit_and_prove(row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
    verifier = local_verifier()
    if verifier.is_loaded and next(_without_tables) < TABLES_PAY_AFTER:
        return verifier.commit_and_prove(row)
    return local_prover().commit_and_prove(row)


def _verify_cells(
    commitments: Sequence[bytes],
    indices: Sequence[int],
    cells: Sequence[bytes],
    proofs: Sequence[bytes],
) -> bool:
    return local_verifier().verify_cells(commitments, indices, cells, proofs)


def _is_commitment(data: bytes) -> bool:
    return local_verifier().is_commitment(data)
