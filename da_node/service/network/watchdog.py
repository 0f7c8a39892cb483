"""Nothing of a network outlives who made it, however that ends: also by SIGKILL.

The watchdog is a small process of its own that reads a pipe. Each part writes the number of its
process group into it before it becomes `holdfast`, and the end of the pipe, which the kernel
closes with the last process that has it, makes the watchdog kill every group it knows of.

Linux's PR_SET_PDEATHSIG does less: it fires when the *thread* ends that started the child, such
as one of a pool's, is set between fork and exec, where threads make running Python unsafe, and
reaches the child alone, not the processes that it has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_REGISTERED: Final = ("/bin/sh", "-c", 'echo $$ >&0 && exec "$@" </dev/null', "sh")
"""Write one's own number into standard input, which is the pipe, and become the command.

The part itself says it: were it up to its maker, a part would be left over of one that is killed
between starting it and saying so.
"""
_LONGEST_WAIT_S: Final = 10


class Watchdog:
    """The process that kills the parts once this one is gone."""

    def __init__(self) -> None:
        read_end, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__))],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # beyond the reach of Ctrl-C and of kills of our group
            )
        finally:
            os.close(read_end)

    def start(
        self, command: Sequence[str], log: IO[bytes], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command as the leader of a process group of its own, known to the watchdog."""
        return subprocess.Popen(
            [*_REGISTERED, *command],
            stdin=self._pipe,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment,
        )

    def forget(self, group: int) -> None:
        """That process group is gone; its number may become another's."""
        os.write(self._pipe, f"-{group}\n".encode())  # far below PIPE_BUF: never torn

    def close(self) -> None:
        """Let it kill what is left, and end. Idempotent."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            self._process.wait(_LONGEST_WAIT_S)


def _watch() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        group = int(line)
        if group > 0:
            groups.add(group)
        else:
            groups.discard(-group)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch()
