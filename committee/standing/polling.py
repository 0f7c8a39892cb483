"""Asking the members how they are, each on its own.

One request at a time goes to one member, over a connection that is kept: a keyset of 128 has 128
requests under way at most. A member that is silent costs its own poll `patience_s`, and nobody
else anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from committee.documents import Committee
from committee.standing.heard import (
    LONGEST_KEYSETS_BYTES,
    LONGEST_METRICS_BYTES,
    LONGEST_READINESS_BYTES,
    Heard,
    Identity,
    SigningRate,
    figures_of,
    follows_of,
    identity_of,
    unready_of,
)
from committee.standing.standing import Standing, stand
from da_node.client import Limits, Pace, RetryPolicy
from da_node.client.transport import Failed, Transport
from da_node.client.wire import DOCUMENT_BYTES, Request
from da_node.service import HoldfastError, PeerUnreachable

_UNREADY: Final = frozenset({503})
"""What /readyz answers where a probe has failed, with the same document."""


class Watch:
    """What has been heard of a committee so far. Used from one event loop, as a context manager."""

    def __init__(
        self,
        committee: Committee,
        *,
        patience_s: float,
        clock: Callable[[], float],
        pace: Pace,
    ) -> None:
        """`patience_s` bounds one poll of one member, `clock` gives unix seconds."""
        self._committee: Final = committee
        self._patience_s = patience_s
        self._clock = clock
        self._pace = pace
        size = len(committee.members)
        self._transport = Transport(
            limits=Limits(connect_s=patience_s, idle_s=patience_s, connections=size),
            policy=RetryPolicy(attempts=1),
            pace=pace,
        )
        self._heard: list[Heard | None] = [None] * size
        self._rates = [SigningRate() for _ in range(size)]

    async def __aenter__(self) -> Watch:
        await self._transport.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._transport.close()

    @property
    def standing(self) -> Standing:
        """What follows from what has been heard."""
        rates = [rate.per_minute for rate in self._rates]
        return stand(self._committee, self._heard, rates, now=int(self._clock()))

    @property
    def heard(self) -> tuple[Heard | None, ...]:
        """What each said last, in the order of the keyset; None before it was asked."""
        return tuple(self._heard)

    async def once(self) -> None:
        """Ask every member once, all at the same time."""
        await asyncio.gather(*(self.ask(index) for index in range(len(self._heard))))

    async def forever(self, every_s: float) -> None:
        """Ask every member again and again, each `every_s` after it was asked last."""
        async with asyncio.TaskGroup() as group:
            for index in range(len(self._heard)):
                group.create_task(self._keep_polling(index, every_s))

    async def ask(self, index: int) -> None:
        """Ask one member once."""
        hearing = _Hearing(self._transport, self._committee, index, self._clock)
        try:
            async with asyncio.timeout(self._patience_s):
                await hearing.ask()
        except TimeoutError:
            hearing.trouble = f"no answer within {self._patience_s:g} s"
        self._heard[index] = heard = hearing.heard
        self._rates[index].saw(self._pace.clock(), heard.figures.get("attested_total"))

    async def _keep_polling(self, index: int, every_s: float) -> None:
        while True:
            began_s = self._pace.clock()
            await self.ask(index)
            await self._pace.sleep(max(0.0, began_s + every_s - self._pace.clock()))


class _Hearing:
    """One poll of one member; what it has heard when it is cut short stands."""

    def __init__(
        self,
        transport: Transport,
        committee: Committee,
        index: int,
        clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._keyset_hash = committee.keyset.hash.hex0x
        self._url = committee.members[index].url
        self._clock = clock
        self._identity: Identity | None = None
        self._follows: frozenset[str] = frozenset()
        self._unready: str | None = None
        self._figures: dict[str, float] = {}
        self.trouble = ""

    @property
    def heard(self) -> Heard:
        return Heard(
            identity=self._identity,
            follows=self._follows,
            unready=self._unready,
            figures=self._figures,
            trouble=self.trouble,
        )

    async def ask(self) -> None:
        """Ends at the first question that is not answered; the first is answered by any process
        that lives.
        """
        url = self._url
        try:
            sent_s = self._clock()
            body = await self._get("/v1/node", DOCUMENT_BYTES)
            self._identity = identity_of(url, body, sent_s=sent_s, came_s=self._clock())
            if self._identity.keyset_hash not in (None, self._keyset_hash):
                # It may follow this one beside, during a rotation.
                self._follows = follows_of(
                    url, await self._get("/v1/keysets", LONGEST_KEYSETS_BYTES)
                )
            self._unready = unready_of(url, await self._get("/readyz", LONGEST_READINESS_BYTES))
            self._figures = figures_of(await self._get("/metrics", LONGEST_METRICS_BYTES))
        except HoldfastError as error:
            self.trouble = error.reason if isinstance(error, PeerUnreachable) else str(error)

    async def _get(self, path: str, longest_bytes: int) -> bytes:
        answers = _UNREADY if path == "/readyz" else frozenset[int]()
        request = Request(path=path, answer_bytes=longest_bytes, answers=answers)
        try:
            return (await self._transport.once(self._url, request)).body
        except Failed as failed:
            raise failed.failure.error from None
