"""Parts that run together, and end together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from da_node.errors import Bug
from da_node.service.network.part import Part
from da_node.service.network.process import GRACE_S, READY_S, Process, State
from da_node.service.network.watchdog import Watchdog


class Network:
    """Processes by their names. A context manager: whatever happens, all are gone at its end.

        with Network(directory, parts) as network:
            network.start()
            network["member-2"].kill()

    Not thread-safe.
    """

    def __init__(self, directory: Path, parts: Iterable[Part] = ()) -> None:
        """Each part has its own directory, named after it, in this one."""
        self.directory = directory
        self._watchdog = Watchdog()
        self._processes: dict[str, Process] = {}
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> Process:
        """One more part, not started. Raises Bug where the name is taken."""
        if part.name in self._processes:
            raise Bug(reason=f"two parts are called {part.name}")
        process = Process(part, self.directory / part.name, self._watchdog)
        self._processes[part.name] = process
        return process

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def __iter__(self) -> Iterator[Process]:
        """In the order in which they were added."""
        return iter(self._processes.values())

    def start(self, timeout_s: float = READY_S) -> None:
        """Start all that are not running, all at once, and wait until each is ready.

        Raises PartEnded, PartNotReady, OSError.
        """
        deadline = time.monotonic() + timeout_s
        for process in self:
            if process.state in (State.NEW, State.ENDED):
                process.start()
        for process in self:
            process.wait_ready(max(0.0, deadline - time.monotonic()))

    def stop(self, grace_s: float = GRACE_S) -> None:
        """SIGTERM to all, and SIGKILL to those that have not ended in time."""
        deadline = time.monotonic() + grace_s
        for process in self:
            process.cont()  # a stopped one would take no notice of SIGTERM
            process.terminate()
        for process in self:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                process.kill()

    def close(self) -> None:
        """SIGKILL to all that is left. Idempotent."""
        for process in self:
            process.kill()
        self._watchdog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
