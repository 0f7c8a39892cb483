"""`holdfast devnet`: a whole network on this machine, each part a process, and a look at it."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from da_node.errors import BadConfiguration
from da_node.service import Output, printable, with_output
from da_node.service.network import Network, Part, Ports, SettingValue, State
from da_node.service.network.errors import PartNotReady
from da_node.service.network.extension import Contribution, Ground, Observer, extensions

FIRST_PORT: Final = 8900
REDRAW_S: Final = 0.5
READY_S: Final = 120.0
"""Time for all parts together to be ready; four members on two cores take about 8 s."""
POLL_S: Final = 0.1
SHORT: Final = 100
"""Characters of a log's line that are shown."""


def _run(
    output: Output, directory: Path | None, port: int, settings: Sequence[str], **options: Any
) -> None:
    """Run a network on this machine until Ctrl-C, and show what happens in it.

    Every part is a process of this command, on loopback, and none outlives it. Without --directory
    everything is deleted at the end; with it, keys, ports and blobs are found again the next time.
    docs/DEVNET.md says more. Exit codes: 0 stopped, 1 a part did not start, 2 wrong usage.
    """
    with ExitStack() as stack:
        if directory is None:
            made = tempfile.TemporaryDirectory(prefix="holdfast-devnet-")
            directory = Path(stack.enter_context(made))
        directory.mkdir(parents=True, exist_ok=True)
        directory = directory.resolve()
        ports = stack.enter_context(Ports(directory / "ports.json", first=port or None))
        more = _more(settings)
        ground = Ground(directory=directory, ports=ports, options=options, more=more)
        contributions = [extension.contribute(ground) for extension in extensions()]
        parts = [part for one in contributions for part in one.parts]
        _require_known(more, parts)
        network = stack.enter_context(Network(directory, parts))
        asyncio.run(_watch(output, network, contributions))


def _made() -> click.Command:
    """The command, with the options of every extension."""
    command = click.command("devnet")(with_output(_run))
    own = [
        click.Option(
            ["--directory"],
            type=click.Path(file_okay=False, path_type=Path),
            help="Keep everything here, and go on with what is here.",
        ),
        click.Option(
            ["--port"],
            type=click.IntRange(0, 65_535),
            default=FIRST_PORT,
            show_default=True,
            help="The first port, the disperser's; the others follow. 0 takes any free ones. A "
            "directory that was used before keeps its own.",
        ),
        click.Option(
            ["--set", "settings"],
            multiple=True,
            metavar="PART.SETTING=VALUE",
            help="A setting of one part, or of every member (member.SETTING); may be repeated.",
        ),
    ]
    added = [option for extension in extensions() for option in extension.options]
    command.params = [*own, *added, *command.params]
    return command


def _more(settings: Iterable[str]) -> dict[str, dict[str, SettingValue]]:
    """Settings by part. Raises BadConfiguration."""
    more: dict[str, dict[str, SettingValue]] = {}
    for text in settings:
        target, equals, value = text.partition("=")
        part, dot, name = target.partition(".")
        if not (part and dot and name and equals):
            reason = f"{text!r} is not PART.SETTING=VALUE"
            raise BadConfiguration(source="command line", name="--set", reason=reason)
        more.setdefault(part, {})[name.replace("-", "_")] = value
    return more


def _require_known(more: Iterable[str], parts: Iterable[Part]) -> None:
    """Every setting is some part's: of one, or of all whose names go on with a number."""
    names = {part.name for part in parts}
    known = names | {name.rpartition("-")[0] for name in names if name[-1].isdecimal()}
    for name in more:
        if name not in known:
            reason = f"no part is called {name}; there are {', '.join(sorted(known))}"
            raise BadConfiguration(source="command line", name="--set", reason=reason)


# ---------------------------------------------------------------- while it runs


async def _watch(output: Output, network: Network, contributions: Sequence[Contribution]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    output.note(f"starting {', '.join(process.part.name for process in network)} …")
    for process in network:
        process.start()
    if await _ready(network, stop):
        for line in [line for one in contributions for line in (*one.usage, "")]:
            output.line({"usage": line}, line)
        observers = [one.observe(network) for one in contributions]
        watching = [asyncio.create_task(observer.watch()) for observer in observers]
        try:
            await _show(output, network, observers, stop)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
    output.note("stopping …")
    await asyncio.to_thread(network.stop)


async def _ready(network: Network, stop: asyncio.Event) -> bool:
    """Wait until every part is ready; False where it is to stop before that. Raises PartEnded,
    PartNotReady.
    """
    deadline = time.monotonic() + READY_S
    for process in network:
        while not stop.is_set():
            process.require_running()
            if await asyncio.to_thread(process.is_ready):
                break
            if time.monotonic() > deadline:
                raise PartNotReady(name=process.part.name, bound_s=READY_S, log=str(process.log))
            await _over(stop, POLL_S)
    return not stop.is_set()


async def _show(
    output: Output, network: Network, observers: Sequence[Observer], stop: asyncio.Event
) -> None:
    if output.is_terminal and not output.json:
        with output.live() as show:
            while not await _over(stop, REDRAW_S):
                show(_picture(network, observers))
        return
    told: set[str] = set()
    while not await _over(stop, REDRAW_S):
        losses = set(_losses(network))
        news = [line for observer in observers for line in observer.news()]
        for line in [*news, *sorted(losses - told)]:
            output.line({"news": line}, line)
        told = losses


def _picture(network: Network, observers: Sequence[Observer]) -> RenderableType:
    panels = [panel for observer in observers for panel in observer.panels()]
    losses = [
        Text(line, style="red", no_wrap=True, overflow="ellipsis") for line in _losses(network)
    ]
    spaced = [one for panel in panels for one in (panel, Text(""))]
    return Group(*spaced, *losses, Text("Ctrl-C stops everything", style="dim"))


def _losses(network: Network) -> Iterator[str]:
    """The parts that have ended, each with what it said last."""
    for process in network:
        if process.state is State.ENDED:
            code, said = process.exit_code, _readable(process.last_line())
            how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
            yield printable(f"{process.part.name} has ended ({how}), having said last: {said}")


def _readable(line: str) -> str:
    """A line of a log, for a person: of an event its name, and what is wrong."""
    try:
        event = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return line[:SHORT]
    return " ".join(str(event[key]) for key in ("event", "reason") if key in event)[:SHORT]


async def _over(stop: asyncio.Event, wait_s: float) -> bool:
    """Whether to stop, after that time at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), wait_s)
    return stop.is_set()


devnet = _made()
