"""The routes on which a person's page, or terminal, follows a sampler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from aiohttp import hdrs, web

from da_node.service import TooManyRequests, encode_comment, encode_event
from da_node.service.http import parameters
from da_node.service.http.answers import NOT_CACHED, json_answer
from da_node.service.http.deadlines import Timers, Watch
from da_node.service.http.pacing import Pace
from da_node.service.http.routes import EVENTS, JSON, Guard, Parameter, Route
from sampler.live.board import Board
from sampler.live.locality import is_at_this_machine
from sampler.live.updates import Overview, Place, Update

TICK_S: Final = 0.25
"""What has changed is sent so often at most."""
HEARTBEAT_S: Final = 15.0
"""A quiet stream is broken by a comment so often."""
MOST_READERS: Final = 64
"""Streams at once: 4 updates a second of 2 MB at worst, and an eighth of one in general."""
LAST_EVENT_ID: Final = "Last-Event-ID"


class Live:
    """The board, and those who look at it. Used from one event loop."""

    def __init__(
        self,
        board: Board,
        *,
        overview: Callable[[], Overview],
        clock: Callable[[], float],
        timers: Timers,
        transfer_pace: Callable[[], Pace],
        shows_all: bool = False,
        tick_s: float = TICK_S,
    ) -> None:
        """`clock` gives unix seconds. `shows_all`: whoever asks sees what is being asked."""
        self.board: Final = board
        self.readers = 0
        """Streams that are open."""
        self._overview = overview
        self._clock = clock
        self._timers = timers
        self._transfer_pace = transfer_pace
        self._shows_all = shows_all
        self._tick_s = tick_s
        self._refreshed_s = -tick_s
        """When the pictures were taken last, however many look."""
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End the streams; their readers come back to whoever is there then."""
        self._closing.set()

    async def get_live(self, request: web.Request) -> web.Response:
        """Everything there is to be seen now."""
        update = self._update(None, is_whole=self.shows_whole(request))
        return json_answer(update, headers={"Holdfast-Place": str(self.board.place)})

    async def get_events(self, request: web.Request) -> web.StreamResponse:
        """Everything, or what has changed since Last-Event-ID, and then what changes."""
        text = parameters.single(request.headers.getall(LAST_EVENT_ID, []), LAST_EVENT_ID)
        place = None if text is None else Place.parse(text, LAST_EVENT_ID)
        if self.readers >= MOST_READERS:
            raise TooManyRequests(what="readers of what goes on", bound=MOST_READERS)
        self.readers += 1
        try:
            return await self._stream(request, place)
        finally:
            self.readers -= 1

    def shows_whole(self, request: web.Request) -> bool:
        """Whether its sender may see what is being asked."""
        return self._shows_all or is_at_this_machine(
            request.remote,
            request.headers.get(hdrs.HOST),
            is_forwarded=hdrs.X_FORWARDED_FOR in request.headers or "Forwarded" in request.headers,
        )

    async def _stream(self, request: web.Request, place: Place | None) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: EVENTS,
                hdrs.CACHE_CONTROL: NOT_CACHED,
                "X-Accel-Buffering": "no",
            }
        )
        is_whole = self.shows_whole(request)
        await response.prepare(request)
        await self._write(request, response, encode_comment("holdfast"))
        quiet_s = 0.0
        while not self._closing.is_set():
            update = self._update(place, is_whole=is_whole)
            if update is not None:
                place = self.board.place
                data = msgspec.json.encode(update).decode()
                await self._write(request, response, encode_event(data, id=str(place)))
                quiet_s = 0.0
            elif quiet_s >= HEARTBEAT_S:
                await self._write(request, response, encode_comment())
                quiet_s = 0.0
            quiet_s += self._tick_s
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._tick_s)
        return response

    def _update(self, place: Place | None, *, is_whole: bool) -> Update | None:
        now_s = self._clock()
        if self._timers.time() >= self._refreshed_s + self._tick_s:
            self._refreshed_s = self._timers.time()
            self.board.refresh(self._overview(), now_s)
        return self.board.update(place, now_s, is_whole=is_whole)

    async def _write(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        """Send; a reader that does not take it in its time is cut off."""

        def cut_off() -> None:
            if request.transport is not None:
                request.transport.abort()

        with Watch(self._timers, self._transfer_pace(), progress=lambda: 0, expire=cut_off):
            await response.write(data)


def live_routes(live: Live) -> list[Route]:
    """What goes on, once and as a stream."""
    return [
        Route(
            method="GET",
            path="/v1/live",
            handler=live.get_live,
            summary="What goes on: sessions, members, the last verdicts.",
            answers={200: JSON},
            problems=(429,),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/live/events",
            handler=live.get_events,
            summary="The same, and then what changes in it, as server-sent events.",
            parameters=(
                Parameter(
                    name=LAST_EVENT_ID,
                    place="header",
                    meaning="Place up to which everything is known.",
                    schema={"type": "string"},
                ),
            ),
            answers={200: EVENTS},
            problems=(400, 429),
            timed=False,
        ),
    ]
