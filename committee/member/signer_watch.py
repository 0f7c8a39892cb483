"""Whether the member's key could sign, looked at all the time and not only when it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from committee.member.metrics import MemberMetrics
from committee.signing.signer import Signer
from da_node.service import HoldfastError, logger

LOOKED_AT_EVERY_S: Final = 5.0

_log = logger(__name__)


class SignerWatch:
    """Keeps the gauge, and tells when the signer goes and when it is back."""

    def __init__(self, signer: Signer, metrics: MemberMetrics) -> None:
        self._signer = signer
        self._metrics = metrics
        self._reachable = True  # it was there when the member started

    async def look(self) -> None:
        """Look once. A signer that was started again is connected to by this."""
        reason = ""
        try:
            await self._signer.probe()
        except HoldfastError as error:
            reason = str(error)
        self._metrics.signer_reachable.set(0 if reason else 1)
        if self._reachable and reason:
            _log.error("signer gone: nothing is signed", reason=reason)
        elif not self._reachable and not reason:
            _log.info("signer back")
        self._reachable = not reason


@asynccontextmanager
async def watched_signer(signer: Signer, metrics: MemberMetrics) -> AsyncIterator[None]:
    """Within it the signer is looked at; the first time before it begins."""
    watch = SignerWatch(signer, metrics)
    await watch.look()
    task = asyncio.create_task(_keep_looking(watch))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_looking(watch: SignerWatch) -> None:
    while True:
        await asyncio.sleep(LOOKED_AT_EVERY_S)
        await watch.look()
