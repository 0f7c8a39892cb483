"""`holdfast committee status`: how a committee stands, asked of its members."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from committee.cli.parameters import DURATION
from committee.cli.standings import StandingView, standing_document, standing_text
from committee.disk import read_file
from committee.documents import LONGEST_DOCUMENT_BYTES, Committee
from committee.standing.polling import Watch
from committee.standing.standing import Verdict
from da_node.client.client import local_pace
from da_node.service import Output, with_output
from da_node.service.output import EXIT_FAILURE

EXIT_THIN: Final = 3
"""All works, and one more failure would end that."""
REDRAW_S: Final = 0.5
"""How often the table is drawn again, whether or not anything came."""

_EXITS: Final = {Verdict.HEALTHY: 0, Verdict.THIN: EXIT_THIN, Verdict.BROKEN: EXIT_FAILURE}


@click.command("status")
@click.option(
    "--keyset",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The keyset's file.",
)
@click.option(
    "--watch/--once",
    "watch",
    default=None,
    help="Keep asking until Ctrl-C, or ask once; watching is what a terminal gets by itself.",
)
@click.option(
    "--every",
    type=DURATION,
    default=5,
    show_default="5s",
    help="How often each member is asked, with --watch.",
)
@click.option(
    "--patience",
    type=DURATION,
    default=6,
    show_default="6s",
    help="How long one member may take to tell all.",
)
@with_output
def status_command(
    output: Output, file: Path, watch: bool | None, every: int, patience: int
) -> None:
    """Show how the members of a keyset are, and how much may still fail.

    Each member is asked on its own for its identity, readiness and metrics; a silent one delays no
    other. `lacks` counts blobs that it has not got yet, `clock` is how far its clock is from this
    machine's. With --watch and --json a line is printed after each interval.

    Exit codes with --once: 0 healthy, 3 all works but one more failure would end certificates or
    reading, 1 fewer can sign than the threshold, blobs cannot be read, or the keyset is refused,
    2 wrong usage. With --watch: 0.
    """
    for name, value in (("--every", every), ("--patience", patience)):
        if not 1 <= value <= 3600:
            raise click.UsageError(f"{name} is {value} s; it must be 1s to 1h")
    committee = Committee.parse(read_file(file, LONGEST_DOCUMENT_BYTES), str(file))
    watches = output.is_terminal and not output.json if watch is None else watch
    if watches:
        asyncio.run(_watch(output, committee, every, patience))
        return
    verdict = asyncio.run(_once(output, committee, patience))
    if _EXITS[verdict]:
        raise click.exceptions.Exit(_EXITS[verdict])


async def _once(output: Output, committee: Committee, patience_s: int) -> Verdict:
    async with Watch(committee, patience_s=patience_s, clock=time.time, pace=local_pace()) as watch:
        await watch.once()
        standing = watch.standing
    output.result(standing_document(committee, standing), standing_text(committee, standing))
    return standing.verdict


async def _watch(output: Output, committee: Committee, every_s: int, patience_s: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Watch(committee, patience_s=patience_s, clock=time.time, pace=local_pace()) as watch:
        polling = asyncio.create_task(watch.forever(every_s))
        try:
            if output.json or not output.is_terminal:
                await _print(output, committee, watch, stop, every_s)
            else:
                await _draw(output, committee, watch, stop)
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling


def _watch_of(committee: Committee, patience_s: int) -> Watch:
    return Watch(committee, patience_s=patience_s, clock=time.time, pace=local_pace())


async def _draw(output: Output, committee: Committee, watch: Watch, stop: asyncio.Event) -> None:
    with output.live() as show:
        while True:
            show(StandingView(committee, await asyncio.to_thread(lambda: watch.standing)))
            if await _over(stop, REDRAW_S):
                return


async def _print(
    output: Output, committee: Committee, watch: Watch, stop: asyncio.Event, every_s: float
) -> None:
    while not await _over(stop, every_s):
        standing = await asyncio.to_thread(lambda: watch.standing)
        output.result(
            standing_document(committee, standing), standing_text(committee, standing) + "\n"
        )


async def _over(stop: asyncio.Event, wait_s: float) -> bool:
    """Whether to stop, after that time at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), wait_s)
    return stop.is_set()
