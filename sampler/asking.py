"""One question to one node, over connections that all blobs share, and what became of it.

Nothing in a question says who asks: no cookies, one User-Agent for all, no order. An answer counts
only if it is for this blob and this place, and verifies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from da_node.client import Limits, Pace, RetryPolicy
from da_node.client.fetching import Fetcher
from da_node.client.transport import Failed, Transport
from da_node.client.wire import columns_request, points_request, split_columns, split_points
from da_node.coding import COLUMNS, Header, Kzg
from da_node.service import (
    FalseAnswer,
    HoldfastError,
    NotEnough,
    NotFound,
    PeerUnreachable,
    Pruned,
    Rejected,
    TooManyRequests,
    UnknownBlob,
)
from sampler.confidence import Unit
from sampler.suspicion import Outcome
from sampler.verifying import Item, Verdict, Verified, Verifier

SHOWN: Final = 200
"""Characters of a reason that are kept."""
PATIENT_S: Final = 3600.0
"""The connections' own bounds are beyond those of any question, which decide."""
ONCE: Final = RetryPolicy(attempts=1)
"""When to ask again is the session's to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a question."""

    outcomes: dict[int, Outcome]
    """By item asked."""
    held: dict[int, Verified] = field(default_factory=dict)
    """What was served and holds."""
    detail: str = ""
    """Why something is not held, in words."""
    is_busy: bool = False
    """Refused for being one of too many."""


class Asker:
    """Asks nodes by their URLs. Used from one event loop."""

    def __init__(self, verifier: Verifier, kzg: Kzg, pace: Pace, *, connections: int) -> None:
        """`connections` is how many are open to one node at most: one that leaves us waiting must
        not hold up what is asked of others.
        """
        self._verifier = verifier
        self._kzg = kzg
        self._pace = pace
        self._limits = Limits(
            connect_s=PATIENT_S, idle_s=PATIENT_S, answer_s=PATIENT_S, connections=connections
        )
        self._transports: dict[str, Transport] = {}

    async def ask(
        self, url: str, header: Header, unit: Unit, items: Sequence[int], *, timeout_s: float
    ) -> Heard:
        """Ask a node for columns or points of a blob, in the order given; its answer is whole
        within the time, whatever verifying it takes.
        """
        transport = await self.transport(url)
        is_columns = unit is Unit.COLUMNS
        request = (columns_request if is_columns else points_request)(header, items)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await transport.once(url, request)
            found: Sequence[Item] = (split_columns if is_columns else split_points)(
                header, items, answer.body
            )
        except TimeoutError:
            return _same(items, Outcome.TIMEOUT, f"no answer within {timeout_s:.3g} s")
        except Failed as failed:
            return _heard(items, failed.failure.error)
        except HoldfastError as error:
            return _same(items, Outcome.BAD_PROOF, str(error))
        return _judged(items, found, await self._verifier.verify(header, found))

    async def columns_held(self, url: str, header: Header, *, timeout_s: float) -> frozenset[int]:
        """Which columns a node says it holds; none where it does not say."""
        transport = await self.transport(url)
        fetcher = Fetcher(ask=transport.once, kzg=self._kzg, threads=1)
        try:
            async with asyncio.timeout(timeout_s):
                status = await fetcher.status(url, header.blob_id)
        except (TimeoutError, Failed, HoldfastError):
            return frozenset()
        return status.columns & frozenset(range(COLUMNS))

    async def transport(self, url: str) -> Transport:
        """The connections to a node."""
        transport = self._transports.get(url)
        if transport is None:
            transport = Transport(limits=self._limits, policy=ONCE, pace=self._pace)
            self._transports[url] = transport
            await transport.open()
        return transport

    async def close(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()


_OUTCOMES: Final = (
    ((FalseAnswer,), Outcome.BAD_PROOF),
    ((UnknownBlob, NotFound, NotEnough), Outcome.UNKNOWN),
    ((Pruned,), Outcome.PRUNED),
    ((PeerUnreachable,), Outcome.UNREACHABLE),
)


def _judged(items: Sequence[int], found: Sequence[Item], verdicts: Sequence[Verdict]) -> Heard:
    # Says that it lacks what it leaves out.
    outcomes = dict.fromkeys(items, Outcome.UNKNOWN)
    held: dict[int, Verified] = {}
    detail = "left out of the answer" if len(found) < len(items) else ""
    for item, verdict in zip(found, verdicts, strict=True):
        if isinstance(verdict, Rejected):
            outcomes[item.index] = Outcome.BAD_PROOF
            detail = str(verdict)[:SHOWN]
        elif isinstance(verdict, HoldfastError):
            outcomes[item.index] = Outcome.TIMEOUT
            detail = f"could not be verified here: {verdict}"[:SHOWN]
        else:
            outcomes[item.index] = Outcome.HELD
            held[item.index] = verdict
    return Heard(outcomes=outcomes, held=held, detail=detail)


def _heard(items: Sequence[int], error: HoldfastError) -> Heard:
    return Heard(
        outcomes=dict.fromkeys(items, outcome_of(error)),
        detail=str(error)[:SHOWN],
        is_busy=isinstance(error, TooManyRequests),
    )


def outcome_of(error: HoldfastError) -> Outcome:
    """What an answer that is none stands for."""
    for kinds, outcome in _OUTCOMES:
        if isinstance(error, kinds):
            return outcome
    return Outcome.REFUSED


def _same(items: Sequence[int], outcome: Outcome, detail: str) -> Heard:
    return Heard(outcomes=dict.fromkeys(items, outcome), detail=detail[:SHOWN])
