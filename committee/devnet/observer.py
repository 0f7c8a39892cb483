"""What happens in a local committee, as tables and as lines: who looks on."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from rich.console import RenderableType

from committee.devnet.parts import DISPERSER, member_name
from committee.devnet.tables import (
    Posts,
    Seat,
    blobs_table,
    disperser_line,
    members_table,
    verdict_line,
)
from committee.documents import Committee
from committee.standing.members import Row, State
from committee.standing.polling import Watch
from da_node.client.client import local_pace
from da_node.service import printable
from da_node.service.network import Network

POLL_S: Final = 1.0
PATIENCE_S: Final = 2.0
"""How long one member may take to tell how it is."""
UNTOLD: Final = 1000
"""Lines that wait to be told; older ones are dropped."""


class CommitteeObserver:
    """Asks the members how they are, and reads what the disperser logs."""

    def __init__(self, network: Network, committee: Committee) -> None:
        self._committee = committee
        self._members = [network[member_name(i)] for i in range(committee.keyset.size)]
        self._disperser = network[DISPERSER]
        self._log = self._disperser.tail()
        self._posts = Posts()
        self._untold: deque[str] = deque(maxlen=UNTOLD)
        self._watch: Watch | None = None
        self._answered_s: dict[int, float] = {}
        self._states: dict[int, State] = {}

    async def watch(self) -> None:
        """Look on until cancelled."""
        async with Watch(
            self._committee, patience_s=PATIENCE_S, clock=time.time, pace=local_pace()
        ) as watch:
            self._watch = watch
            async with asyncio.TaskGroup() as group:
                group.create_task(watch.forever(POLL_S))
                group.create_task(self._follow(watch))

    async def _follow(self, watch: Watch) -> None:
        while True:
            for event in self._log.read():
                if (line := self._posts.take(event)) is not None:
                    self._untold.append(line)
            for row in watch.standing.rows:
                self._notice(row)
            await asyncio.sleep(POLL_S / 2)

    def _notice(self, row: Row) -> None:
        if row.state not in (State.SILENT, State.UNASKED):
            self._answered_s[row.index] = time.monotonic()
        before, self._states[row.index] = self._states.get(row.index), row.state
        if before not in (None, State.UNASKED, row.state):
            why = f": {row.reasons[0]}" if row.reasons else ""
            self._untold.append(printable(f"{row.name} is {row.state.value}{why}"))

    def news(self) -> Sequence[str]:
        """What has happened since the last call."""
        told = list(self._untold)
        self._untold.clear()
        return told

    def panels(self) -> Sequence[RenderableType]:
        """Members, disperser, blobs."""
        if self._watch is None:
            return []
        standing, now_s = self._watch.standing, time.monotonic()
        seats = [
            Seat(
                name=row.name,
                state=row.state,
                lacks=row.lacks,
                columns=str(self._committee.keyset.arcs[row.index]),
                process=process.state,
                pid=process.pid,
                figures={} if heard is None else heard.figures,
                unheard_s=None
                if (last := self._answered_s.get(row.index)) is None
                else now_s - last,
            )
            for row, process, heard in zip(
                standing.rows, self._members, self._watch.heard, strict=True
            )
        ]
        return [
            members_table(seats),
            verdict_line(standing),
            disperser_line(self._disperser.state, self._disperser.pid, self._posts),
            blobs_table(list(self._posts.recent), self._committee.keyset.size),
        ]
