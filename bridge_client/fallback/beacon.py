"""One beacon node over its REST interface: blobs out, each compared with its versioned hash.

A block's blobs are asked for by its slot, which follows from its time. Each is asked for alone:
nodes differ in how they take several hashes in one question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from bridge_client.errors import BeaconFalseAnswer, BeaconLacksBlobs, BeaconUnreachable
from bridge_client.l1 import answers
from bridge_client.l1.endpoint import without_secrets
from bridge_client.sidecar import versioned_hash
from da_node.coding import ROW_BYTES, LocalKzg

SLOT_S: Final = 12
"""Of Ethereum."""
TIMEOUT_S: Final = 30.0
"""Of one question: a node rebuilds blobs from columns in seconds."""
LONGEST_ANSWER_BYTES: Final = 32 << 20
"""Of a node that gives all blobs of a block, in hex: 128 of 256 KiB."""
_OK: Final = 200
_NOT_THERE: Final = (404, 410)


class _Genesis(msgspec.Struct):
    genesis_time: str


class _GenesisAnswer(msgspec.Struct):
    data: _Genesis


class _BlobsAnswer(msgspec.Struct):
    data: list[str]


class BeaconNode:
    """An async context manager."""

    def __init__(self, url: str, *, slot_s: int = SLOT_S, timeout_s: float = TIMEOUT_S) -> None:
        """`url` may hold a secret: messages show it without user and path. `slot_s` is the
        network's.
        """
        self.url: Final = url
        self.name: Final = without_secrets(url)
        self._slot_s: Final = slot_s
        self._timeout: Final = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._genesis: int | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None  # opened by __aenter__
        await self._session.close()

    async def blobs(self, block_time: int, hashes: Sequence[bytes], kzg: LocalKzg) -> list[bytes]:
        """The blobs with these versioned hashes of the block of that time (unix seconds), in their
        order. `kzg` works in a thread, 37 ms a blob.

        Raises BeaconUnreachable, BeaconFalseAnswer, BeaconLacksBlobs.
        """
        slot = (block_time - await self._genesis_time()) // self._slot_s
        if slot < 0:
            raise self._false(f"its chain begins after {block_time}")
        found = {one: await self._blob(slot, one, kzg) for one in dict.fromkeys(hashes)}
        return [found[one] for one in hashes]

    async def _blob(self, slot: int, wanted: bytes, kzg: LocalKzg) -> bytes:
        name = "0x" + wanted.hex()
        path = f"/eth/v1/beacon/blobs/{slot}?versioned_hashes={name}"
        status, body = await self._get(path)
        if status in _NOT_THERE:
            raise self._lacks(slot, name, f"it answers with status {status}")
        found = self._parsed(_BlobsAnswer, status, body).data
        for text in found:
            blob = self._bytes(text)
            commitment = await asyncio.to_thread(kzg.commit, blob)
            if commitment is not None and versioned_hash(commitment) == wanted:
                return blob
        if found:
            raise self._false(f"none of {len(found)} blobs of slot {slot} has hash {name}")
        raise self._lacks(slot, name, "it answers with none")

    async def _genesis_time(self) -> int:
        if self._genesis is None:
            status, body = await self._get("/eth/v1/beacon/genesis")
            text = self._parsed(_GenesisAnswer, status, body).data.genesis_time
            if not text.isdecimal() or len(text) > len(str(1 << 63)):
                raise self._false(f"{text[:80]!r} is no time of genesis")
            self._genesis = int(text)
        return self._genesis

    async def _get(self, path: str) -> tuple[int, bytes]:
        assert self._session is not None
        body = bytearray()
        try:
            async with self._session.get(self.url + path, allow_redirects=False) as response:
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > LONGEST_ANSWER_BYTES:
                        raise self._false(f"more than {LONGEST_ANSWER_BYTES} bytes")
                return response.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise BeaconUnreachable(url=self.name, reason=reason) from error

    def _parsed(self, kind: type[Any], status: int, body: bytes) -> Any:
        if status != _OK:
            raise BeaconUnreachable(url=self.name, reason=f"HTTP status {status}")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._false(str(error)) from None

    def _bytes(self, text: str) -> bytes:
        try:
            return answers.data(text, ROW_BYTES)
        except ValueError as error:
            raise self._false(str(error)) from None

    def _false(self, reason: str) -> BeaconFalseAnswer:
        return BeaconFalseAnswer(url=self.name, reason=reason)

    def _lacks(self, slot: int, name: str, reason: str) -> BeaconLacksBlobs:
        return BeaconLacksBlobs(url=self.name, versioned_hash=name, slot=slot, reason=reason)
