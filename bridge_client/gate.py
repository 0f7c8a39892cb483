"""The settlement gate: nothing is proposed without its certificate, nothing made final without its
verdicts.

`certified` waits until the DA layer has a certificate that the settlement takes; `settled` brings
verdicts to the chain as samplers give them, and makes the batch final once nothing hinders it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiohttp

from bridge_client.errors import (
    CannotRely,
    GateClosed,
    GateTimeout,
    Reverted,
)
from bridge_client.sending import Sender
from bridge_client.settlement import LASTING, Batch, BatchState, Hindrance
from bridge_client.settling import Settlement
from bridge_client.verdicts import LONGEST_DOCUMENT_BYTES, read_verdict, why_not_counted
from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.keyset import VerifiedKeyset
from da_node.client import Client
from da_node.coding import BlobId
from da_node.service import (
    BadData,
    NotFound,
    PeerUnreachable,
    Unavailable,
    UnknownBlob,
    error_from,
    logger,
)
from sampler.verdict import SignedVerdict

MOST_VERDICTS: Final = 16
"""That one transaction brings: 16 · 60,000 gas."""
_OK: Final = 200
_log = logger(__name__)


class Source(Protocol):
    """Where verdicts on a blob come from."""

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        """Those there are now, waited for a little while there are none."""
        ...


@dataclass(kw_only=True)
class Clock:
    """How a gate waits."""

    time: Callable[[], float]
    """Seconds that only grow."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    poll_s: float = 2.0
    bound_s: float = 900.0


async def certified(
    client: Client,
    settlement: Settlement,
    blob_id: BlobId,
    keysets: Sequence[VerifiedKeyset],
    clock: Clock,
) -> VerifiedCertificate:
    """A certificate of a blob, valid under one of these keysets, that the settlement takes now.

    A blob that is unknown, or not certified yet, is waited for. Raises GateTimeout with what was
    lacking at last, and what asking the chain raises.
    """

    def accept(data: bytes) -> VerifiedCertificate:
        certificate = Certificate.parse(data)
        for keyset in keysets:
            if keyset.hash == certificate.keyset_hash:
                return verify_certificate(certificate, keyset)
        raise CannotRely(blob_id=blob_id.hex0x, reason="its keyset is not followed here")

    deadline = clock.time() + clock.bound_s
    while True:
        lacking = ""
        try:
            found = await client.certificate(blob_id, accept=accept)
        except (UnknownBlob, NotFound, BadData, Unavailable) as error:
            lacking = str(error)
        if not lacking:
            try:
                await settlement.require_reliable(found)
                return found
            except CannotRely as error:
                lacking = str(error)
        if clock.time() >= deadline:
            raise GateTimeout(what="a certificate", bound_s=clock.bound_s, lacking=lacking)
        await clock.sleep(clock.poll_s)


@dataclass(kw_only=True)
class Gate:
    """Brings one batch to its end. `run` may be called again after any error or a restart."""

    settlement: Settlement
    sender: Sender
    sources: Sequence[Source]
    clock: Clock
    _brought: set[bytes] = field(default_factory=set)
    """Signatures that are on the chain, or will not be taken there."""

    async def run(self, batch: Batch) -> Batch:
        """The batch, final. Raises GateClosed where it is void, or samplers object; GateTimeout
        with what hinders it still; and what sending raises.
        """
        deadline = self.clock.time() + self.clock.bound_s
        while True:
            batch = await self.settlement.batch(batch.number)
            if batch.state is BatchState.FINAL:
                return batch
            if batch.state is not BatchState.PENDING or not await self._stands(batch):
                raise GateClosed(batch=batch.number, reason="it is void")
            await self._bring(batch)
            found = await self.settlement.hindrances(batch)
            for lasting in found:
                if lasting in LASTING:
                    raise GateClosed(batch=batch.number, reason=lasting.value)
            if not found:
                await self._finalize(batch)
                continue
            if self.clock.time() >= deadline:
                raise GateTimeout(
                    what=f"batch {batch.number} to be final",
                    bound_s=self.clock.bound_s,
                    lacking=", ".join(one.value for one in found),
                )
            await self.clock.sleep(self.clock.poll_s)

    async def _stands(self, batch: Batch) -> bool:
        """A batch after one that fell is pending in its own record, and void all the same."""
        length, _ = await self.settlement.lengths()
        return batch.height < length and (
            await self.settlement.contract.answer("chain", batch.height) == batch.number
        )

    async def _finalize(self, batch: Batch) -> None:
        try:
            await self.settlement.finalize(self.sender, batch)
        except Reverted as error:  # somebody else did, or it changed meanwhile: the loop looks
            _log.info("not final yet", batch=batch.number, reason=str(error))

    async def _bring(self, batch: Batch) -> None:
        """Bring what counts and is not there yet."""
        if Hindrance.VERDICTS not in await self.settlement.hindrances(batch):
            return
        asked = [source.verdicts(batch.blob_id) for source in self.sources]
        now = (await self.settlement.contract.chain.head()).time
        fresh: dict[bytes, SignedVerdict] = {}
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, Unavailable | NotFound | UnknownBlob | BadData):
                _log.info("a sampler has no verdict", reason=str(answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                for one in answer:
                    if await self._counts(one, batch, now):
                        fresh[one.signer] = max(
                            one, fresh.get(one.signer, one), key=lambda said: said.verdict.time
                        )
        chosen = list(fresh.values())[:MOST_VERDICTS]
        if chosen:
            await self.settlement.submit(self.sender, batch, chosen)
            self._brought.update(one.signature for one in chosen)

    async def _counts(self, one: SignedVerdict, batch: Batch, now: int) -> bool:
        if one.signature in self._brought:
            return False
        reason = why_not_counted(one, batch, self.settlement.terms, now)
        if reason is None and not await self.settlement.is_active(one.signer):
            reason = "its signer is no sampler"
        if reason is None:
            _, said_at = await self.settlement.contract.answers(
                "voices", batch.number, bytes(one.signer)
            )
            reason = "it is there" if said_at >= one.verdict.time else None
        if reason is not None:
            _log.info("a verdict does not count", signer=one.signer.hex0x, reason=reason)
        return reason is None


@dataclass(kw_only=True)
class SamplerSource:
    """A sampler's service. Asks for its latest verdict on a blob, and then for later ones."""

    url: str
    chain_id: int
    session: aiohttp.ClientSession
    wait_s: int = 10

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        """Raises PeerUnreachable, BadDocument, and what the sampler refuses with."""
        url = f"{self.url}/v1/verdicts/{blob_id.hex0x}"
        timeout = aiohttp.ClientTimeout(total=self.wait_s + 20)
        try:
            async with self.session.get(
                url, params={"wait": self.wait_s}, timeout=timeout, allow_redirects=False
            ) as response:
                body = b""
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > LONGEST_DOCUMENT_BYTES:
                        reason = f"it answers more than {LONGEST_DOCUMENT_BYTES} bytes"
                        raise PeerUnreachable(url=self.url, reason=reason)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise PeerUnreachable(url=self.url, reason=reason) from None
        if response.status != _OK:
            raise error_from(self.url, response.status, body)
        return [read_verdict(body, self.url, self.chain_id)[0]]


@dataclass(kw_only=True)
class GivenSource:
    """Verdicts that are at hand already, such as of files."""

    given: Sequence[SignedVerdict]

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        """Those on the blob."""
        return [one for one in self.given if one.verdict.blob_id == blob_id]
