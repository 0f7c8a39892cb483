"""The signer: one key, one Unix socket, one member at a time."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from committee.attestation import Attestation
from committee.bls import SecretKey
from committee.signing.signer import LocalSigner
from committee.signing.wire import QUESTION_BYTES, Status, hang_up
from da_node.service import BadConfiguration, logger

_log = logger(__name__)


@asynccontextmanager
async def running_signer(
    key: SecretKey, path: Path, *, group: str | None = None
) -> AsyncIterator[None]:
    """Signs for one member at a time on a socket that only this user may open, and the users of a
    group where one is named: these can have any attestation signed.

    The caller holds the key's lock, so that a socket file that is there belongs to nobody any
    more: it is what a killed signer has left. Raises BadConfiguration, OSError.
    """
    server = _Server(key)
    listener = await asyncio.start_unix_server(server.serve, sock=_bound(path, group))
    async with listener:
        try:
            yield
        finally:
            await server.close()
            _remove(path)


class _Server:
    def __init__(self, key: SecretKey) -> None:
        self._signer = LocalSigner(key)
        self._member: asyncio.StreamWriter | None = None
        self._callers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one caller until it goes."""
        self._callers[writer] = asyncio.current_task()
        is_free = self._member is None
        status = Status.READY if is_free else Status.BUSY
        writer.write(bytes((status,)) + self._signer.public_key)
        try:
            if is_free:
                self._member = writer
                _log.info("member connected")
                await self._answer(reader, writer)
            else:
                _log.warning("a second member was refused")
        except (asyncio.IncompleteReadError, ConnectionError):
            _log.info("member gone")
        finally:
            if is_free:
                self._member = None
            await hang_up(writer)
            del self._callers[writer]

    async def close(self) -> None:
        """Hang up on whoever has called."""
        callers = dict(self._callers)
        for writer in callers:
            writer.close()
        await asyncio.gather(*(task for task in callers.values() if task is not None))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            attestation = Attestation.parse(await reader.readexactly(QUESTION_BYTES))
            writer.write(await self._signer.sign(attestation))
            await writer.drain()
            _log.info(
                "signed", blob_id=attestation.blob_id.hex0x, expires_at=attestation.expires_at
            )


def _bound(path: Path, group: str | None) -> socket.socket:
    """A socket at a path, for this user, and for a group where one is named."""
    if path.exists() and not path.is_socket():
        raise FileExistsError(errno.EEXIST, "is there and is no socket", str(path))
    _remove(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listening.bind(os.fspath(path))
        if group is not None:
            _open_to(path, group)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(umask)
    return listening


def _open_to(path: Path, group: str) -> None:
    try:
        shutil.chown(path, group=group)
    except LookupError:
        _remove(path)
        reason = f"the system has no group {group!r}"
        raise BadConfiguration(source="command line", name="--group", reason=reason) from None
    path.chmod(0o660)  # only now: before, it would have been the group of this process


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
