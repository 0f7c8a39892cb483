"""What the tests of the HTTP side speak of: a clock, timers, a KZG service, raw connections."""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import json
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from da_node.coding import Commitment, Proof, VerifiedColumn
from da_node.coding.kzg import local_prover
from da_node.node.node import Node
from da_node.retention import expires_at_for
from da_node.store import Record
from da_node.store.door import Delete, Put
from da_node.store.layout import SIDE_PART, piece_key

NOW = 1_767_225_600
"""2026-01-01, a whole hour."""
EXPIRY = expires_at_for(NOW)


class Clock:
    """Unix seconds, set by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class ManualTimers:
    """Timers whose clock goes only where the test puts it."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._due: list[tuple[float, int, ManualTimer]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[..., Any], /) -> ManualTimer:
        timer = ManualTimer(callback)
        heapq.heappush(self._due, (when, next(self._order), timer))
        return timer

    def pending(self) -> int:
        """Timers that are set."""
        return sum(timer.callback is not None for _, _, timer in self._due)

    def advance(self, seconds: float) -> None:
        """Let time pass, and whatever falls due happen at its time."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, timer = heapq.heappop(self._due)
            self._now = max(self._now, when)
            if timer.callback is not None:
                timer.callback()
        self._now = end


class ManualTimer:
    def __init__(self, callback: Callable[..., Any]) -> None:
        self.callback: Callable[..., Any] | None = callback

    def cancel(self) -> None:
        self.callback = None


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the event loop run until something holds; a test that waits in vain fails."""
    async with asyncio.timeout(300):
        while not condition():  # noqa: ASYNC110  # nothing tells when it does
            await asyncio.sleep(0)


@functools.cache
def _proven(row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
    return local_prover().commit_and_prove(row)


class RememberedKzg:
    """KZG in this process that proves no row twice, for all tests of a session together."""

    ready = True

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        return _proven(bytes(row))

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        return local_prover().verify_cells(commitments, indices, cells, proofs)

    def is_commitment(self, data: bytes) -> bool:
        return local_prover().is_commitment(data)

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class RawAnswer:
    """One HTTP answer as it came over the wire."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.fields["content-type"] == "application/problem+json", self
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return document


class RawConnection:
    """A TCP connection on which a test writes what no proper client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> RawConnection:
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        """Send no more, and go on reading."""
        self._writer.write_eof()

    async def answer(self) -> RawAnswer:
        """The next answer; interim ones (1xx) count too."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.rstrip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest)}
        length = int(fields.get("content-length", 0))
        return RawAnswer(int(line.split()[1]), fields, await self._reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Whether the node closes the connection without a byte more."""
        try:
            return await self._reader.read(1) == b""
        except ConnectionResetError:
            return True

    def stop_reading(self) -> None:
        """Leave what comes to the network's buffers, and have them small."""
        transport = self._writer.transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()

    def abort(self) -> None:
        """Vanish, with a reset."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def damage(node: Node, record: Record, *columns: int) -> None:
    """Flip a byte of each column as it is stored."""
    database = node.store._database
    for column in columns:
        key = piece_key(record.bucket, record.blob_id, column, SIDE_PART + 1)
        (value,) = database.get_many([key])
        assert value is not None
        database.write([Put(key, bytes([value[0] ^ 1]) + value[1:])])


def lose(node: Node, record: Record, *columns: int) -> None:
    """Remove columns behind the store's back."""
    database = node.store._database
    keys = [
        piece_key(record.bucket, record.blob_id, column, part)
        for column in columns
        for part in (SIDE_PART, SIDE_PART + 1)
    ]
    database.write([Delete(key) for key in keys])


def is_sound(node: Node, record: Record, column: int) -> bool:
    """Whether the store still has a column."""
    return isinstance(node.store.read_column(record, column), VerifiedColumn)
