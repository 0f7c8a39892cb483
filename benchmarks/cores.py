"""Which core does what, and how much work a process has had: for figures that name one core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def two_cores() -> tuple[int, int]:
    """Two cores that we may use; the same one twice where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread, and what it starts meanwhile, on one core; other threads stay where they are."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree_of(pid: int) -> list[int]:
    """A process and all that it started, as far as they still run."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu_s(*pids: int) -> float:
    """Seconds that processes were at work until now, in their own code and in the system's.

    To the nanosecond, as the scheduler has it; threads that have ended are left out.
    """
    worked_ns = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError):
                worked_ns += int((task / "schedstat").read_text().split()[0])
    return worked_ns / 1e9


def resident_bytes(pid: int) -> int:
    """Memory of a process that lies in RAM at present, shared libraries included."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10
