"""Health: named probes that do the real thing, each with a time limit, answered from one run.

`/healthz` says that the process answers; `/readyz` says whether it can do its work. Probes write
and sync, so a burst of requests shares one run, and a report serves for `fresh_s` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from da_node.errors import HoldfastError
from da_node.service.logging import logger

_log = logger(__name__)

Check = Callable[[], Awaitable[None]]
"""Returns if all is well, raises otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one probe found."""

    ok: bool
    detail: str
    """"ok", or what is wrong, in one line."""
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What all probes found."""

    probes: dict[str, Probe]

    @property
    def ready(self) -> bool:
        """Whether every probe is well."""
        return all(probe.ok for probe in self.probes.values())

    @property
    def status(self) -> int:
        """HTTP status of /readyz."""
        return 200 if self.ready else 503

    def document(self) -> dict[str, Any]:
        """JSON of /readyz."""
        return {
            "ready": self.ready,
            "probes": {
                name: {"ok": probe.ok, "detail": probe.detail, "elapsed_s": probe.elapsed_s}
                for name, probe in self.probes.items()
            },
        }


class Health:
    """The probes of one service."""

    def __init__(
        self, *, clock: Callable[[], float], timeout_s: float = 5.0, fresh_s: float = 1.0
    ) -> None:
        """`clock` counts seconds and never goes back (time.monotonic)."""
        self._clock = clock
        self._timeout_s = timeout_s
        self._fresh_s = fresh_s
        self._checks: dict[str, Check] = {}
        self._stopping = ""
        self._lock = asyncio.Lock()
        self._last: tuple[float, Report] | None = None

    def add(self, name: str, check: Check) -> None:
        """Add a probe; its name appears in the report."""
        self._checks[name] = check

    def stop(self, reason: str) -> None:
        """Answer "not ready" from now on, so that balancers send requests elsewhere."""
        self._stopping = reason

    async def report(self) -> Report:
        """Run every probe, or give the last report while it is fresh."""
        if self._stopping:
            probe = Probe(ok=False, detail=self._stopping, elapsed_s=0.0)
            return Report(probes={"running": probe})
        async with self._lock:
            if self._last is not None and self._clock() - self._last[0] < self._fresh_s:
                return self._last[1]
            names = list(self._checks)
            found = await asyncio.gather(*(self._run(name) for name in names))
            report = Report(probes=dict(zip(names, found, strict=True)))
            self._last = (self._clock(), report)
            return report

    async def _run(self, name: str) -> Probe:
        started = self._clock()
        detail = "ok"
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._checks[name]()
        except TimeoutError:
            detail = f"no answer within {self._timeout_s:g} s"
        except HoldfastError as error:
            detail = str(error)
        except Exception as error:  # the service layer: a broken probe is a finding, not a crash
            detail = f"unexpected {type(error).__name__}"
            _log.exception("probe failed", probe=name)
        return Probe(ok=detail == "ok", detail=detail, elapsed_s=self._clock() - started)
