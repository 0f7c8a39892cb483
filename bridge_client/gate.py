"""The settlement gate: nothing is proposed without its certificate, nothing made final without its
verdicts.

`certified` waits until the DA layer has a certificate that the settlement takes; `settled` brings
verdicts to the chain as samplers give them, and makes the batch final once nothing hinders it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge_client.bringing import Bringer
from bridge_client.errors import (
    CannotRely,
    GateClosed,
    GateTimeout,
    Reverted,
)
from bridge_client.samplers import Said, SamplerService
from bridge_client.sending import Sender
from bridge_client.settlement import LASTING, Batch, BatchState, Hindrance
from bridge_client.settling import Settlement
from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.keyset import VerifiedKeyset
from da_node.client import Client
from da_node.coding import BlobId
from da_node.service import (
    BadData,
    NotFound,
    Unavailable,
    UnknownBlob,
    logger,
)
from sampler.verdict import SignedVerdict

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
        named = certificate.header.blob_id
        if named != blob_id:
            raise CannotRely(blob_id=blob_id.hex0x, reason=f"it is of blob {named.hex0x}")
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
    _bringer: Bringer = field(init=False)

    def __post_init__(self) -> None:
        self._bringer = Bringer(settlement=self.settlement, sender=self.sender)

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
        found: list[SignedVerdict] = []
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, Unavailable | NotFound | UnknownBlob | BadData):
                _log.info("a sampler has no verdict", reason=str(answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found += answer
        try:
            await self._bringer.bring(batch, found)
        except Reverted as error:  # a watcher was quicker, or it changed meanwhile: the loop looks
            _log.info("verdicts are not brought", batch=batch.number, reason=str(error))


@dataclass(kw_only=True)
class SamplerSource:
    """A sampler's service. Gives its latest verdict on a blob, and waits a while for a later one
    than it gave before.
    """

    service: SamplerService
    wait_s: int = 10
    _last: dict[BlobId, Said] = field(default_factory=dict)

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        """Raises as `SamplerService.latest`."""
        last = self._last.get(blob_id)
        after = 0 if last is None else last.cursor
        said = await self.service.latest(blob_id, after=after, wait_s=self.wait_s) or last
        if said is None:
            return []
        # given again, though it did not count: it may be from a second that the chain has not seen
        self._last[blob_id] = said
        return [said.verdict]


@dataclass(kw_only=True)
class GivenSource:
    """Verdicts that are at hand already, such as of files."""

    given: Sequence[SignedVerdict]

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        """Those on the blob."""
        return [one for one in self.given if one.verdict.blob_id == blob_id]
