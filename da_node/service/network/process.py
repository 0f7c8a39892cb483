"""One part of a network as a process: started, waited for, signalled, started again."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from da_node.errors import Bug
from da_node.service.network.errors import PartEnded, PartNotReady
from da_node.service.network.part import LOOPBACK, Part, SettingValue, toml_of
from da_node.service.network.watchdog import Watchdog

READY_S: Final = 60.0
"""Time a part has from its start until it is ready. Loading the trusted setup takes it a second
or two, and more where many parts start on few cores."""
GRACE_S: Final = 30.0
"""Time a part has from SIGTERM to its end."""
POLL_S: Final = 0.03
"""How often somebody is asked who will not say by himself."""
ASKING_S: Final = 5.0
"""Time one answer of /readyz may take."""
LAST_BYTES: Final = 64 * 1024
"""How much of a log's end is read to find its last line."""
FOREIGN: Final = "HOLDFAST_"
"""Variables of whoever runs the network would override the settings of its parts."""


class State(Enum):
    """What the system says about a process."""

    NEW = "not started"
    RUNNING = "running"
    STOPPED = "stopped"
    """By SIGSTOP: it keeps its sockets, and answers nothing."""
    ENDED = "ended"


class Process:
    """A part, its process where it has one, and its files. Not thread-safe.

    Signals but SIGTERM go to the whole process group: a killed or stopped part is one whose
    machine is gone or silent, KZG workers included.
    """

    def __init__(self, part: Part, directory: Path, watchdog: Watchdog) -> None:
        self.part = part
        self.directory = directory
        """Where its settings and its log are."""
        self._settings = dict(part.settings)
        self._watchdog = watchdog
        self._popen: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._log_start = 0

    def __repr__(self) -> str:
        return f"<Process {self.part.name}, {self.state.value}>"

    @property
    def url(self) -> str:
        """Where it is reached."""
        return self.part.url

    @property
    def log(self) -> Path:
        """What all its runs wrote: one JSON object a line, or whatever it said when it fell."""
        return self.directory / "log"

    @property
    def pid(self) -> int | None:
        """The process id of the latest run; None before the first."""
        return None if self._popen is None else self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """That of the latest run, negative for a signal; None while it runs, or before."""
        self._reap()
        return None if self._popen is None else self._popen.returncode

    @property
    def state(self) -> State:
        """What it is doing."""
        if self._popen is None:
            return State.NEW
        if self.exit_code is not None:
            return State.ENDED
        return State.STOPPED if self._stopped else State.RUNNING

    @property
    def command(self) -> list[str]:
        """The whole command line, for a person to repeat."""
        config = ["--config", str(self.directory / "settings.toml")] if self._settings else []
        return [str(holdfast()), *self.part.command, *config]

    # ------------------------------------------------------------ starting

    def start(self, **settings: SettingValue) -> None:
        """Start it, and return at once. `settings` override the part's, from now on.

        Raises Bug where it runs already, OSError.
        """
        if self.state in (State.RUNNING, State.STOPPED):
            raise Bug(reason=f"{self.part.name} runs already")
        self._settings |= settings
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._settings:
            (self.directory / "settings.toml").write_text(toml_of(self._settings), "utf-8")
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = self._watchdog.start(self.command, log, own_environment())
        self._stopped = False

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until /readyz says so. Raises PartEnded, PartNotReady."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise PartNotReady(name=self.part.name, bound_s=timeout_s, log=str(self.log))
            time.sleep(POLL_S)

    def is_ready(self) -> bool:
        """Whether /readyz says so, right now."""
        if self.state is not State.RUNNING:
            return False
        connection = http.client.HTTPConnection(LOOPBACK, self.part.port, timeout=ASKING_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def require_running(self) -> None:
        """Raises PartEnded, with what it said last, where it has ended."""
        code = self.exit_code
        if code is not None:
            raise PartEnded(
                name=self.part.name, exit_code=code, log=str(self.log), last_line=self.last_line()
            )

    # ------------------------------------------------------------ signals

    def terminate(self) -> None:
        """SIGTERM, to the process itself, which then finishes what is under way."""
        self._signal(signal.SIGTERM, group=False)

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns. Nothing happens to one that has ended."""
        self._signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """SIGSTOP; it does nothing any more when this returns."""
        self._signal(signal.SIGSTOP)
        if self._popen is not None and self.state is State.RUNNING:
            os.waitid(os.P_PID, self._popen.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self._stopped = True

    def cont(self) -> None:
        """SIGCONT; it goes on where it was stopped."""
        self._signal(signal.SIGCONT)
        self._stopped = False

    def wait(self, timeout_s: float = GRACE_S) -> int | None:
        """Wait for its end and give its exit code; None where it was never started.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        while self.state in (State.RUNNING, State.STOPPED):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.part.name} has not ended within {timeout_s:g} s")
            time.sleep(POLL_S)
        return self.exit_code

    def _signal(self, number: signal.Signals, *, group: bool = True) -> None:
        if self._popen is None or self.exit_code is not None:
            return
        # It is our child and not reaped, so its number is still its own.
        (os.killpg if group else os.kill)(self._popen.pid, number)

    def _reap(self) -> None:
        """Where it has ended, end what it has started, and only then let its number go."""
        popen = self._popen
        if popen is None or popen.returncode is not None:
            return
        if os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        self._watchdog.forget(popen.pid)

    # ------------------------------------------------------------ its log

    def tail(self) -> Tail:
        """Follows what is logged from now on."""
        return Tail(self.log, self.log.stat().st_size if self.log.exists() else 0)

    def last_line(self) -> str:
        """What the latest run said last; empty before it has said anything.

        Where a signal ended it, that is the last event it logged: what follows it comes from
        what it had started.
        """
        try:
            with self.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - LAST_BYTES))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            return ""
        said = [line for line in lines if line.strip()]
        if (self.exit_code or 0) < 0:
            said = [line for line in said if line.startswith("{")] or said
        return said[-1] if said else ""

    def events(self) -> Iterator[Mapping[str, Any]]:
        """What all runs logged so far, line by line; what is no JSON object is left out."""
        yield from Tail(self.log).read()


class Tail:
    """Follows a log, whole line by whole line."""

    def __init__(self, log: Path, start: int = 0) -> None:
        """From that byte on."""
        self._log = log
        self._read = start

    def read(self) -> Iterator[Mapping[str, Any]]:
        """What has been logged since the last call; what is no JSON object is left out."""
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._read += len(line)
                with suppress(msgspec.DecodeError):
                    yield msgspec.json.decode(line, type=dict[str, Any])


def holdfast() -> Path:
    """The command, of the environment that runs this."""
    return Path(sys.executable).with_name("holdfast")


def own_environment() -> dict[str, str]:
    """Ours, without what would override a part's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
