"""TCP ports of loopback that stay ours, whether somebody listens on them or not.

A keyset names its members' ports before any of them has started, and a member that was killed
must find its port free again. So each port is bound here for as long as the network lives, by a
socket that never listens: Linux then gives it to nobody who asks for any port and to no outgoing
connection, while a server that sets SO_REUSEADDR, as asyncio's do, may bind it and listen.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from da_node.errors import BadConfiguration
from da_node.service.network.errors import NetworkInUse, PortTaken
from da_node.service.network.part import LOOPBACK


class Ports:
    """Ports by the name of who listens there; remembered in a file where one is given."""

    def __init__(self, file: Path | None = None, *, first: int | None = None) -> None:
        """`first` and those after it are given out in the order of asking; None: any free ones.

        Ports that `file` remembers are bound at once, and its directory is locked. Raises
        NetworkInUse, PortTaken, BadConfiguration for a file that is none of ours, OSError.
        """
        self._file = file
        self._next = first
        self._lock = -1 if file is None else _locked(file.parent)
        self._held: dict[str, socket.socket] = {}
        try:
            for name, port in _read(file).items():
                self._held[name] = _bound(name, port)
        except BaseException:
            self.close()
            raise

    def of(self, name: str) -> int:
        """The port called `name`; the same at every call, and in later runs. Raises PortTaken."""
        if name not in self._held:
            self._held[name] = _bound(name, self._following())
            self._remember()
        port = self._held[name].getsockname()[1]
        return int(port)

    def _following(self) -> int:
        """The next port to give out that is not given out already; 0: any free one."""
        if self._next is None:
            return 0
        held = {one.getsockname()[1] for one in self._held.values()}
        while self._next in held:
            self._next += 1
        return self._next

    def close(self) -> None:
        """Give them back. Idempotent."""
        while self._held:
            self._held.popitem()[1].close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _remember(self) -> None:
        if self._file is None:
            return
        ports = {name: held.getsockname()[1] for name, held in self._held.items()}
        partial = self._file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(ports), indent=2) + b"\n")
        partial.replace(self._file)


def _read(file: Path | None) -> Mapping[str, int]:
    if file is None or not file.exists():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    except msgspec.DecodeError as error:
        raise BadConfiguration(source=str(file), name="ports", reason=str(error)) from error


def _locked(directory: Path) -> int:
    """A descriptor that holds the directory's lock, until it is closed. Two networks would share
    the ports of one directory without noticing, while nobody listens.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise NetworkInUse(path=str(directory)) from error
    return descriptor


def _bound(name: str, port: int) -> socket.socket:
    """A socket that has the port; 0: any free one. Raises PortTaken where somebody listens."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Without it Linux lets nobody else bind the port, not even who sets it.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        held.close()
        raise PortTaken(name=name, port=port, reason=str(error)) from error
    return held
