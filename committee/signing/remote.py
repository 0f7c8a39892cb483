"""The member's end of the socket: a signature from a process that holds the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from committee.attestation import Attestation
from committee.bls import PublicKey, Signature, is_signature
from committee.errors import BadPoint, KeyInUse, SignerUnreachable
from committee.signing.wire import ANSWER_BYTES, GREETING_BYTES, Status, hang_up

ANSWER_TIMEOUT_S: Final = 5.0
"""A signature takes a millisecond; a signer that is silent for this long is stopped or stuck."""


@asynccontextmanager
async def remote_signer(socket: Path) -> AsyncIterator[RemoteSigner]:
    """The signer behind a socket, ours alone while this lasts. Raises SignerUnreachable, KeyInUse.

    Where it goes away, the next signature that is wanted looks for it again.
    """
    line = await _Line.open(socket)
    signer = RemoteSigner(socket, line)
    try:
        yield signer
    finally:
        await signer.close()


class RemoteSigner:
    """Asks one thing at a time: the signer is faster than whatever precedes it."""

    def __init__(self, socket: Path, line: _Line) -> None:
        self._socket = socket
        self._line: _Line | None = line
        self._public_key = line.public_key
        self._turn = asyncio.Lock()

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    async def sign(self, attestation: Attestation) -> Signature:
        """Raises SignerUnreachable, also for an answer that is no signature of the key's."""
        async with self._turn:
            # Until there is an answer it is not put back: one that we do not wait for would be
            # taken for the next.
            line = await self._take_line()
            try:
                signature = await line.ask(attestation)
            except BaseException:
                await line.close()
                raise
            self._line = line
        if not await asyncio.to_thread(
            is_signature, self._public_key, attestation.message, signature
        ):
            raise self._failure("gave a wrong signature")
        return signature

    async def probe(self) -> None:
        """Whether it is there; where it went away it is looked for again.

        Raises SignerUnreachable, KeyInUse.
        """
        async with self._turn:
            self._line = await self._take_line()

    async def _take_line(self) -> _Line:
        """The connection, opened again where it is gone; whoever takes it puts it back."""
        line, self._line = self._line, None
        if line is not None and line.is_gone:
            await line.close()
            line = None
        line = line or await _Line.open(self._socket)
        if line.public_key != self._public_key:
            await line.close()
            raise self._failure("has another key than when this process started")
        return line

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            await self._line.close()

    def _failure(self, reason: str) -> SignerUnreachable:
        return SignerUnreachable(what=str(self._socket), reason=reason)


class _Line:
    """A connection on which the signer has greeted us."""

    def __init__(
        self,
        socket: Path,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        public_key: PublicKey,
    ) -> None:
        self._socket = socket
        self._reader = reader
        self._writer = writer
        self.public_key = public_key

    @classmethod
    async def open(cls, socket: Path) -> _Line:
        """Raises SignerUnreachable; KeyInUse where the signer serves another member."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(socket)
                try:
                    greeting = await reader.readexactly(GREETING_BYTES)
                    key = PublicKey(greeting[1:])
                    if greeting[0] != Status.READY:
                        raise KeyInUse(what=str(socket))
                except BaseException:
                    await hang_up(writer)
                    raise
        except (OSError, TimeoutError, EOFError, BadPoint) as error:
            raise _failed(socket, error) from error
        return cls(socket, reader, writer, key)

    @property
    def is_gone(self) -> bool:
        """Whether the other end has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, attestation: Attestation) -> Signature:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                self._writer.write(attestation.serialize())
                await self._writer.drain()
                return Signature(await self._reader.readexactly(ANSWER_BYTES))
        except (OSError, TimeoutError, EOFError, BadPoint) as error:
            raise _failed(self._socket, error) from error

    async def close(self) -> None:
        await hang_up(self._writer)


def _failed(socket: Path, error: Exception) -> SignerUnreachable:
    if isinstance(error, TimeoutError):
        reason = f"no answer within {ANSWER_TIMEOUT_S:g} s"
    elif isinstance(error, EOFError):
        reason = "it hung up"
    else:
        reason = str(error)
    return SignerUnreachable(what=str(socket), reason=reason)
