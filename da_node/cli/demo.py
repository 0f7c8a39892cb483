"""`holdfast demo`: what Holdfast does, shown on this machine.

Each package shows its part as an act, an entry point of the group "holdfast.demo" named so that
their order is the order of play: a function that takes a `Stage`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from da_node.errors import HoldfastError
from da_node.service.output import EXIT_FAILURE, error_line

GROUP: Final = "holdfast.demo"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where an act is played: a place for its files and a way to say what happens."""

    directory: Path
    """Empty, and deleted afterwards."""
    console: Console

    def scene(self, text: str) -> None:
        """What comes next."""
        self.console.print(f"\n[bold cyan]▸ {text}[/]")

    def fact(self, name: str, value: object) -> None:
        """One thing that was found."""
        self.console.print(f"    {name:<14} ", end="")
        self.console.print(str(value), markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Say how long the body took."""
        start = time.perf_counter()
        yield
        self.fact(name, f"{(time.perf_counter() - start) * 1e3:.0f} ms")


class Failed(Exception):
    """Something that the demonstration promises did not happen."""


def require(holds: bool, promise: str) -> None:
    """A demonstration that shows nothing must not pass for one. Raises Failed."""
    if not holds:
        raise Failed(promise)


Act = Callable[[Stage], None]


@click.command()
def demo() -> None:
    """Show the main job on this machine: a real batch in, read back, damaged, healed.

    Uses a temporary directory and loopback only; takes about half a minute.
    """
    console = Console()
    acts = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for entry in acts:
        act: Act = entry.load()
        with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as directory:
            try:
                act(Stage(directory=Path(directory), console=console))
            except Failed as failure:
                console.print(f"[red]the demonstration failed:[/] {failure}")
                raise click.exceptions.Exit(EXIT_FAILURE) from failure
            except HoldfastError as error:
                console.print(error_line(error), markup=False)
                raise click.exceptions.Exit(EXIT_FAILURE) from error
    console.print("\n[bold green]done.[/] Next: `.venv/bin/holdfast --help`, and README.md.")
