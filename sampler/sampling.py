"""One session carried out: asks what it says is due, and tells it what became of that."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from da_node.client import Pace
from da_node.coding import BlobId, Header
from sampler.asking import Asker, Heard
from sampler.confidence import Unit, item_bytes
from sampler.controls import Controls
from sampler.question import Ask
from sampler.session import Session
from sampler.suspicion import Outcome
from sampler.verifying import Verified

SURVEY_S: Final = 3.0
"""Time that a node has to say what it keeps beyond its arc."""
MOST_TOGETHER: Final = 64
"""Items of one request, in the fast mode."""

Watch = Callable[[Session], None]
"""Told whenever something about a session has changed."""


@dataclass(slots=True, kw_only=True)
class Sampling:
    """One session, and who is behind its numbers."""

    session: Session
    header: Header
    urls: Sequence[str]
    """Of the members, in the keyset's order; after them, of other nodes that may help."""
    members: int
    """How many of the addresses are the members'."""
    asker: Asker
    controls: Controls
    pace: Pace
    chance: random.Random
    """The system's own, so that no order says anything."""
    together: bool
    """Fast mode: what is asked of one node at one time is one request."""
    watch: Watch = lambda session: None
    held: dict[int, Verified] = field(default_factory=dict)
    """What was served and holds, by item."""
    _tasks: dict[asyncio.Task[Heard | None], tuple[Ask, ...]] = field(default_factory=dict)
    _surveying: asyncio.Task[None] | None = None

    @property
    def _blob_id(self) -> BlobId:
        return self.header.blob_id

    async def run(self) -> None:
        """Until the session has come to a conclusion."""
        try:
            while not self.session.is_over:
                self._refresh_controls()
                for asks in self._requests(self.session.begin_due(self.pace.clock())):
                    self._tasks[asyncio.create_task(self._ask(asks))] = asks
                if self.session.wants_sources and self._surveying is None:
                    self._surveying = asyncio.create_task(self._survey())
                await self._wait()
                self.watch(self.session)
        finally:
            left = [*self._tasks, *([self._surveying] if self._surveying else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _requests(self, asks: list[Ask]) -> list[tuple[Ask, ...]]:
        """One request for each, in random order; or in the fast mode one for each node."""
        if not self.together:
            self.chance.shuffle(asks)
            return [(ask,) for ask in asks]
        groups: dict[int, list[Ask]] = {}
        alone: list[tuple[Ask, ...]] = []
        for ask in asks:
            # Of a round each attempt is one for itself, or a control could not stand beside it.
            if ask.round is None:
                groups.setdefault(ask.source, []).append(ask)
            else:
                alone.append((ask,))
        return alone + [
            tuple(group[start : start + MOST_TOGETHER])
            for group in groups.values()
            for start in range(0, len(group), MOST_TOGETHER)
        ]

    async def _wait(self) -> None:
        """Until something comes back, or something is due."""
        wakes_at = self.session.wakes_at()
        if wakes_at is None:
            return
        wait_s = max(0.0, wakes_at - self.pace.clock())
        if not self._tasks:
            await self.pace.sleep(wait_s)
            return
        done, _ = await asyncio.wait(
            self._tasks, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            asks = self._tasks.pop(task)
            self._tell(asks, task.result())

    def _tell(self, asks: tuple[Ask, ...], heard: Heard | None) -> None:
        now_s = self.pace.clock()
        if heard is not None and asks[0].item is not None:
            self.held |= heard.held
        for ask in asks:
            if heard is None:
                outcome, detail, is_busy = Outcome.TIMEOUT, "nothing is known to be served", False
            elif ask.item is None:
                # A control is held if all of it is.
                lost = [one for one in heard.outcomes.values() if one is not Outcome.HELD]
                outcome = lost[0] if lost else Outcome.HELD
                detail, is_busy = heard.detail, heard.is_busy
            else:
                outcome = heard.outcomes[ask.item]
                detail, is_busy = heard.detail, heard.is_busy
            self.session.ended(
                ask,
                outcome,
                now_s=now_s,
                detail="" if outcome is Outcome.HELD else detail,
                is_busy=is_busy,
            )

    async def _ask(self, asks: tuple[Ask, ...]) -> Heard | None:
        first = asks[0]
        url = self.urls[first.source]
        if first.item is None:
            size_bytes = item_bytes(self.session.plan.unit, self.header.row_count)
            control = self.controls.control(url, self._blob_id, size_bytes)
            if control is None:
                return None
            return await self.asker.ask(
                url, control.header, Unit.POINTS, control.points, timeout_s=first.timeout_s
            )
        items = [ask.item for ask in asks if ask.item is not None]
        return await self.asker.ask(
            url, self.header, self.session.plan.unit, items, timeout_s=first.timeout_s
        )

    def _refresh_controls(self) -> None:
        own = self.urls[: self.members]
        having = set(self.controls.having(own, self._blob_id))
        self.session.allow_controls(i for i, url in enumerate(own) if url in having)

    async def _survey(self) -> None:
        """Ask every node once what it keeps: some may have rebuilt what others fail to give."""

        async def one(source: int, url: str) -> None:
            columns = await self.asker.columns_held(url, self.header, timeout_s=SURVEY_S)
            if columns and not self.session.is_over:
                self.session.learn(source, columns, now_s=self.pace.clock())

        await asyncio.gather(*(one(source, url) for source, url in enumerate(self.urls)))
