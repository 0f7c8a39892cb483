"""`holdfast sampler watch`: a running sampler, looked at."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Final

import click
import msgspec

from da_node.client.addresses import node_urls
from da_node.client.client import local_pace
from da_node.service import HoldfastError, Output, PeerUnreachable, with_output
from sampler.live.following import Following
from sampler.live.terminal import View, overview_text, verdict_text

REDRAW_S: Final = 0.25
FIRST_S: Final = 10.0
"""Time in which the sampler must have answered once."""


@click.command("watch")
@click.argument("url", metavar="URL", default="http://127.0.0.1:9000", envvar="HOLDFAST_SAMPLER")
@click.option("--once", is_flag=True, help="Print how it is now, and end.")
@with_output
def watch_command(output: Output, url: str, once: bool) -> None:
    """Look at the sampler at URL: what it asks, how sure it is by now, who answers, its verdicts.

    Draws until Ctrl-C on a terminal; elsewhere, and with --json, prints each verdict as it comes,
    the last ones first. The same is a page, at URL in a browser. Sessions under way are shown at
    the sampler's own machine, unless it shows them to everybody. Exit codes: 0 stopped, or printed;
    1 the sampler does not answer; 2 wrong usage.
    """
    (address,) = node_urls(url)
    asyncio.run(_watch(output, address, once))


async def _watch(output: Output, url: str, once: bool) -> None:
    stop = asyncio.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    following = Following(url, pace=local_pace())
    running = asyncio.create_task(following.run())
    try:
        await _first(following, stop)
        if stop.is_set():
            return
        if once:
            _print_all(output, following)
        elif output.is_terminal and not output.json:
            await _draw(output, following, stop)
        else:
            await _print(output, following, stop)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _first(following: Following, stop: asyncio.Event) -> None:
    """Wait until there is something to be seen. Raises what is in the way."""
    waits = [asyncio.create_task(following.news.wait()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waits, timeout=FIRST_S, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if stop.is_set():
        return
    if following.trouble is not None:
        raise following.trouble
    if following.mirror.overview is None:
        raise PeerUnreachable(url=following.url, reason=f"no update within {FIRST_S:g} s")


def _print_all(output: Output, following: Following) -> None:
    mirror = following.mirror
    assert mirror.overview is not None
    document = {
        "overview": mirror.overview,
        "sessions": list(mirror.sessions.values()),
        "verdicts": mirror.verdicts,
    }
    lines = [overview_text(mirror.overview), *map(verdict_text, mirror.verdicts)]
    output.result(msgspec.to_builtins(document), "\n".join(lines))


async def _draw(output: Output, following: Following, stop: asyncio.Event) -> None:
    with output.live() as show:
        while True:
            show(View(following.mirror, following.now_s, _trouble(following.trouble)))
            if await _over(stop, REDRAW_S):
                return


async def _print(output: Output, following: Following, stop: asyncio.Event) -> None:
    told = 0
    while True:
        for line in following.mirror.verdicts:
            if line.cursor > told:
                output.line(msgspec.to_builtins(line), verdict_text(line))
                told = line.cursor
        if await _over(stop, REDRAW_S):
            return


def _trouble(error: HoldfastError | None) -> str:
    return "" if error is None else f"no longer followed: {error}"


async def _over(stop: asyncio.Event, wait_s: float) -> bool:
    """Whether to stop, after that time at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), wait_s)
    return stop.is_set()
