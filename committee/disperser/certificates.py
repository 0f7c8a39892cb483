"""The best certificate of a blob among those that members have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from committee.certificate import VerifiedCertificate
from da_node.client import Pace
from da_node.client.choosing import verdict_of
from da_node.client.fetching import CERTIFICATE_BYTES
from da_node.client.transport import Failed, Transport
from da_node.client.wire import Request, path_of
from da_node.coding import BlobId
from da_node.service import (
    FalseAnswer,
    HoldfastError,
    NotFound,
    PeerUnreachable,
    Rejected,
    UnknownBlob,
    logger,
)

ANSWER_S: Final = 5.0
"""Time in which some member must have answered with a certificate that holds."""
BETTER_S: Final = 0.5
"""Time in which a better one is waited for, once one is there: a member that is silent for longer
is left out."""

Verify = Callable[[bytes], VerifiedCertificate]
"""Raises Rejected; runs in a thread."""
Rank = Callable[[VerifiedCertificate], tuple[int, ...]]

_log = logger(__name__)


async def best_certificate(
    blob_id: BlobId,
    urls: Iterable[str],
    *,
    transport: Transport,
    verify: Verify,
    rank: Rank,
    pace: Pace,
    better_s: float = BETTER_S,
    enough_lack: int | None = None,
) -> VerifiedCertificate:
    """Of those that members answer with and that hold, the one that ranks highest.

    All are asked at once. One that serves something false is named in the log, and passed over.
    Once `enough_lack` say that they have none, where that is given, the others are not waited for.
    Raises NotFound where members keep the blob and have none, UnknownBlob, Pruned, NoNode with
    each member's reason where nothing is certain.
    """
    asked = {asyncio.create_task(_ask(url, blob_id, transport, verify)): url for url in urls}
    pending = set(asked)
    found: list[VerifiedCertificate] = []
    sleeper = asyncio.ensure_future(pace.sleep(ANSWER_S))
    try:
        while pending and not sleeper.done():
            await asyncio.wait([*pending, sleeper], return_when=asyncio.FIRST_COMPLETED)
            ended = {task for task in pending if task.done()}
            pending -= ended
            held = [task.result() for task in ended if task.exception() is None]
            if held and not found:
                sleeper.cancel()
                sleeper = asyncio.ensure_future(pace.sleep(better_s))
            found += held
            lacking = sum(map(_lacks, asked))
            if not found and enough_lack is not None and lacking >= enough_lack:
                break
    finally:
        for task in (*pending, sleeper):
            task.cancel()
        await asyncio.gather(*asked, sleeper, return_exceptions=True)
    if found:
        return max(found, key=rank)
    raise _verdict(blob_id, {url: _error_of(task, url) for task, url in asked.items()})


async def _ask(
    url: str, blob_id: BlobId, transport: Transport, verify: Verify
) -> VerifiedCertificate:
    request = Request(path=path_of(blob_id, "certificate"), answer_bytes=CERTIFICATE_BYTES)
    try:
        answer = await transport.once(url, request)
    except Failed as failed:
        raise failed.failure.error from None
    reason = "it is another blob's"
    try:
        certificate = await asyncio.to_thread(verify, answer.body)
        if certificate.header.blob_id == blob_id:
            return certificate
    except Rejected as error:
        reason = str(error)
    _log.warning("member served something false", member=url, reason=reason)
    raise FalseAnswer(url=url, what="certificate", reason=reason)


def _lacks(task: asyncio.Task[VerifiedCertificate]) -> bool:
    """Whether a member has said that it has none."""
    ended = task.done() and not task.cancelled()
    return ended and isinstance(task.exception(), NotFound | UnknownBlob)


def _error_of(task: asyncio.Task[VerifiedCertificate], url: str) -> HoldfastError:
    if task.cancelled():
        return PeerUnreachable(url=url, reason=f"no answer in {ANSWER_S:g} s")
    error = task.exception()
    if isinstance(error, HoldfastError):
        return error
    raise error or RuntimeError(f"{url} was asked in vain")


def _verdict(blob_id: BlobId, errors: dict[str, HoldfastError]) -> HoldfastError:
    """`verdict_of`, but that a member which never saw the blob does not make it doubtful that
    those who keep it have no certificate.
    """
    kinds = {type(error) for error in errors.values()}
    if kinds == {NotFound, UnknownBlob}:
        return NotFound(what="certificate of blob", value=blob_id.hex0x)
    return verdict_of("certificate", errors)
