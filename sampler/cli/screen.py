"""A blob being sampled by another process, shown while that goes on: drawn on a terminal, elsewhere
a line for each turn that it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from rich.console import Console
from rich.live import Live
from rich.padding import Padding

from da_node.client.client import local_pace
from da_node.coding import BlobId
from sampler.live.following import Following
from sampler.live.picture import SessionPicture
from sampler.live.terminal import SessionView
from sampler.live.wording import chance_text, seconds_text

REDRAW_S: Final = 0.1
LAST_S: Final = 2.0
"""Time in which the last picture comes once there is a verdict; a stream tells 4 times a second."""
_INDENT: Final = 4

T = TypeVar("T")
Draw = Callable[[SessionPicture, float], None]


class Screen:
    """Shows what one sampler does. Made by `screen`."""

    def __init__(self, console: Console, following: Following) -> None:
        self._console = console
        self._following = following

    async def show(self, blob_id: BlobId, verdict: asyncio.Task[T]) -> T:
        """Show the blob until there is a verdict; gives that."""
        if not self._console.is_terminal:
            return await self._follow(blob_id, verdict, _Lines(self._console))
        with Live(console=self._console, auto_refresh=False) as live:

            def draw(picture: SessionPicture, now_s: float) -> None:
                view = SessionView(picture, now_s)
                live.update(Padding(view, (0, 0, 0, _INDENT)), refresh=True)

            return await self._follow(blob_id, verdict, draw)

    async def _follow(self, blob_id: BlobId, verdict: asyncio.Task[T], draw: Draw) -> T:
        while not verdict.done():
            await asyncio.wait([verdict], timeout=REDRAW_S)
            self._draw(blob_id, draw)
        for _ in range(round(LAST_S / REDRAW_S)):
            picture = self._draw(blob_id, draw)
            if picture is not None and picture.is_over:
                break
            await asyncio.sleep(REDRAW_S)
        return await verdict

    def _draw(self, blob_id: BlobId, draw: Draw) -> SessionPicture | None:
        """The blob's latest session, where one is known."""
        sessions = self._following.mirror.sessions.values()
        own = [one for one in sessions if one.blob_id == blob_id.hex0x]
        picture = max(own, key=lambda one: one.key, default=None)
        if picture is not None:
            draw(picture, self._following.now_s)
        return picture


class _Lines:
    """A line whenever a session goes on to something else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: tuple[str, list[int]] | None = None

    def __call__(self, picture: SessionPicture, now_s: float) -> None:
        turn = (picture.stage, picture.left_out)
        if turn == self._told:
            return
        self._told = turn
        at_s = (picture.ended_at or now_s) - picture.began_at
        without = ", ".join(map(str, picture.left_out))
        text = (
            f"{picture.stage}: {picture.needed_held} of {picture.needed} {picture.unit} held"
            f"{f', without members {without}' if without else ''}, "
            f"wrong with {chance_text(picture.error)}, {seconds_text(at_s)}"
        )
        self._console.print(" " * _INDENT + text, markup=False, highlight=False, soft_wrap=True)


@asynccontextmanager
async def screen(console: Console, url: str) -> AsyncIterator[Screen]:
    """Follow the sampler at `url`, and show what it does on this console."""
    following = Following(url, pace=local_pace())
    running = asyncio.create_task(following.run())
    try:
        yield Screen(console, following)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
