"""A development chain on this machine: anvil's native binary, on loopback, at a free port.

For tests and demonstrations: its accounts' keys are public.
"""

from __future__ import annotations

import platform
import re
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from bridge_client.compiler import MODULES
from bridge_client.errors import ChainNotStarted, ToolMissing

START_TIMEOUT_S: Final = 30
"""Half a second is usual."""
STOP_TIMEOUT_S: Final = 10
_LISTENING: Final = re.compile(rb"Listening on (127\.0\.0\.1:\d+)")
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def binary() -> Path:
    """The program of this platform. Raises ToolMissing."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    path = MODULES / f"@foundry-rs/anvil-{sys.platform}-{machine}" / "bin" / "anvil"
    if not path.exists():
        raise ToolMissing(what="anvil")
    return path


@contextmanager
def anvil(hardfork: str, *options: str, port: int = 0) -> Iterator[str]:
    """A chain of a hardfork (`prague`, `osaka`) while the context lasts; its URL. `port` 0 is any
    free one. A transaction has at most 2^24 gas, which anvil enforces only where it is told to
    (EIP-7825).

    Raises ToolMissing, ChainNotStarted.
    """
    command = [str(binary()), "--host", "127.0.0.1", "--port", str(port), "--hardfork", hardfork]
    command += ["--enable-tx-gas-limit", *options]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # it is a pipe
        reader = threading.Thread(target=_discard, args=(process.stdout,), daemon=True)
        try:
            address = _address(process.stdout)
            # it writes a line per request, and stands still once nobody reads them
            reader.start()
            yield f"http://{address}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
            if reader.is_alive():  # in a moment it is at the pipe's end, which is closed below
                reader.join(STOP_TIMEOUT_S)


def _address(output: IO[bytes]) -> str:
    """Where it says that it listens."""
    said = b""
    deadline = time.monotonic() + START_TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while (left_s := deadline - time.monotonic()) > 0:
            if not selector.select(left_s):
                break
            chunk = output.read1(65536)  # type: ignore[attr-defined]
            said += chunk
            if match := _LISTENING.search(said):
                return match[1].decode()
            if not chunk:
                break
    raise ChainNotStarted(reason=said.decode(errors="replace")[-500:].strip() or "it said nothing")


def _discard(output: IO[bytes]) -> None:
    while output.read1(65536):  # type: ignore[attr-defined]
        pass
