"""HTTP/1.1 as the fault proxy reads it: heads, and bodies as the bytes on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final, Self

HEAD_BYTES: Final = 64 * 1024
"""Longest head: a request line and fields of 8190 bytes each, eight of them."""
PIECE_BYTES: Final = 64 * 1024
"""How much of a body is held at once."""

_BODILESS: Final = (204, 304)
_UNTIL_CLOSE: Final = -1
_CHUNKED: Final = -2


class NotHttp(Exception):
    """What came is no message of HTTP/1.1, or ends in the middle of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """First line and fields of a request or an answer."""

    line: tuple[str, str, str]
    """Method, target, version; or version, status, reason."""
    fields: tuple[tuple[str, str], ...]

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Self | None:
        """The next one; None where the connection ends before it. Raises NotHttp."""
        try:
            data = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise NotHttp("a head ends early") from error
            return None
        except (asyncio.LimitOverrunError, ConnectionError) as error:
            raise NotHttp(str(error)) from error
        first, *lines = data[:-4].decode("latin-1").split("\r\n")
        line = first.split(" ", 2)
        if len(line) == 2:  # an answer without a reason
            line.append("")
        if len(line) != 3:
            raise NotHttp(first)
        fields = []
        for one in lines:
            name, colon, value = one.partition(":")
            if not colon:
                raise NotHttp(one)
            fields.append((name, value.strip()))
        return cls(line=(line[0], line[1], line[2]), fields=tuple(fields))

    def __bytes__(self) -> bytes:
        lines = [" ".join(self.line), *(f"{name}: {value}" for name, value in self.fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def field(self, name: str) -> str:
        """A field's value; empty if it is absent."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def having(self, name: str, value: str) -> Self:
        """With that field, in place of all of its name."""
        kept = tuple(field for field in self.fields if field[0].lower() != name.lower())
        return replace(self, fields=(*kept, (name, value)))

    def asking(self, target: str) -> Self:
        """A request for another target."""
        return replace(self, line=(self.line[0], target, self.line[2]))

    @property
    def status(self) -> int:
        """Of an answer. Raises NotHttp."""
        if not self.line[1].isdecimal():
            raise NotHttp(" ".join(self.line))
        return int(self.line[1])


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a message that is still on its way."""

    _size: int

    @classmethod
    def of_request(cls, head: Head) -> Self:
        """Raises NotHttp."""
        return cls(_size(head, otherwise=0))

    @classmethod
    def of_answer(cls, head: Head, method: str) -> Self:
        """Of the answer to a request of this method. Raises NotHttp."""
        if method == "HEAD" or head.status in _BODILESS:
            return cls(0)
        return cls(_size(head, otherwise=_UNTIL_CLOSE))

    @property
    def length(self) -> int | None:
        """In bytes, where the head says it."""
        return self._size if self._size >= 0 else None

    @property
    def ends_with_connection(self) -> bool:
        """Whether only the end of the connection ends it."""
        return self._size == _UNTIL_CLOSE

    async def pieces(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """The bytes on the wire, framing included, as they come. Raises NotHttp."""
        try:
            if self._size == _UNTIL_CLOSE:
                while piece := await reader.read(PIECE_BYTES):
                    yield piece
            elif self._size == _CHUNKED:
                async for piece in _chunks(reader):
                    yield piece
            else:
                async for piece in _exactly(reader, self._size):
                    yield piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise NotHttp(f"a body: {error}") from error


def _size(head: Head, *, otherwise: int) -> int:
    if head.field("Transfer-Encoding").lower() == "chunked":
        return _CHUNKED
    length = head.field("Content-Length")
    if not length:
        return otherwise
    if not length.isdecimal():
        raise NotHttp(f"Content-Length {length}")
    return int(length)


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, PIECE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readuntil(b"\r\n")
        yield line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        async for piece in _exactly(reader, size + 2):
            yield piece
    while True:  # trailers, and the empty line
        line = await reader.readuntil(b"\r\n")
        yield line
        if line == b"\r\n":
            return
