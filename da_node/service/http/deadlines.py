"""Deadlines on transfers, on timers that are handed in. An event loop is one."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from da_node.service.http.pacing import Pace


class Timer(Protocol):
    """A callback that is due."""

    def cancel(self) -> None:
        """Forget it."""


class Timers(Protocol):
    """A clock and what is due by it; asyncio's event loop satisfies this."""

    def time(self) -> float:
        """Seconds, never going back."""

    def call_at(self, when: float, callback: Callable[..., Any], /) -> Timer:
        """Call back once at that time."""


class Watch:
    """Calls `expire` once, when a transfer falls behind its pace; a context manager."""

    def __init__(
        self,
        timers: Timers,
        pace: Pace,
        *,
        progress: Callable[[], int],
        expire: Callable[[], None],
    ) -> None:
        """`progress` tells how many bytes have been transferred so far."""
        self._timers = timers
        self._pace = pace
        self._progress = progress
        self._expire = expire
        self._timer: Timer | None = None

    def __enter__(self) -> Watch:
        self._check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        deadline_s = self._pace.deadline_s(self._progress())
        if self._timers.time() < deadline_s:
            self._timer = self._timers.call_at(deadline_s, self._check)
        else:
            self._timer = None
            self._expire()
