"""Verdicts brought to the settlement: those that count and are not there yet, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bridge_client.sending import Sender
from bridge_client.settlement import Batch
from bridge_client.settling import Settlement
from bridge_client.verdicts import FROM_THE_FUTURE, why_not_counted
from committee.secp256k1 import Address
from da_node.service import logger
from sampler.verdict import SignedVerdict

MOST_VERDICTS: Final = 16
"""That one transaction brings: 16 · 60,000 gas."""
NOT_A_SAMPLER: Final = "its signer is no sampler"
_PASSING: Final = (FROM_THE_FUTURE, NOT_A_SAMPLER)
"""Reasons that time may remove."""

_log = logger(__name__)


@dataclass
class _OfBatch:
    """Verdicts on one batch, by their signatures."""

    done: set[bytes] = field(default_factory=set)
    """On the chain, or never to be taken there. An endpoint that lags does not show them yet."""
    waiting: dict[bytes, str] = field(default_factory=dict)
    """Those that may count later, and why they do not now."""


@dataclass(kw_only=True)
class Bringer:
    """Brings verdicts for one account. What it raises is what asking the chain and sending do."""

    settlement: Settlement
    sender: Sender
    _batches: dict[int, _OfBatch] = field(default_factory=dict)

    async def bring(self, batch: Batch, verdicts: Iterable[SignedVerdict]) -> bool:
        """Bring those of the verdicts on a pending batch that count, in one transaction, each
        signer's latest; whether all that were given are done with. Raises Reverted.
        """
        own = self._batches.setdefault(batch.number, _OfBatch())
        await self.settlement.finish_submitting(self.sender, batch)
        left = [one for one in verdicts if one.signature not in own.done]
        if not left:
            return True
        now = (await self.settlement.contract.chain.head()).time
        fresh: dict[Address, SignedVerdict] = {}
        for one in left:
            if await self._counts(one, batch, own, now):
                fresh[one.signer] = max(
                    one, fresh.get(one.signer, one), key=lambda said: said.verdict.time
                )
        chosen = list(fresh.values())[:MOST_VERDICTS]
        if chosen:
            await self.settlement.submit(self.sender, batch, chosen)
            own.done.update(one.signature for one in chosen)
        return all(one.signature in own.done for one in left)

    def forget(self, batch: int) -> None:
        """A batch is final or void, or the chain is another one."""
        self._batches.pop(batch, None)

    async def _counts(self, one: SignedVerdict, batch: Batch, own: _OfBatch, now: int) -> bool:
        reason = why_not_counted(one, batch, self.settlement.terms, now)
        if reason is None:
            since = await self.settlement.active_since(one.signer)
            if since is None:
                reason = NOT_A_SAMPLER
            elif one.verdict.time < since:
                reason = "it is from before its signer became a sampler"
        if reason is None:
            _, said_at = await self.settlement.contract.answers(
                "voices", batch.number, bytes(one.signer)
            )
            reason = "it is there" if said_at >= one.verdict.time else None
        if reason is None:
            own.waiting.pop(one.signature, None)
            return True
        if own.waiting.get(one.signature) != reason:
            _log.info("a verdict does not count", signer=one.signer.hex0x, reason=reason)
        if reason in _PASSING:
            own.waiting[one.signature] = reason
        else:
            own.done.add(one.signature)
        return False
