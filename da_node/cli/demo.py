"""`holdfast demo`: what Holdfast does, shown on this machine.

Each package shows its part as an act, an entry point of the group "holdfast.demo" named so that
their order is the order of play: a function that takes a `Stage`.
"""

from __future__ import annotations

import tempfile
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from da_node.errors import HoldfastError
from da_node.service.output import EXIT_FAILURE, error_line
from da_node.service.stage import Act, Failed, Stage

GROUP: Final = "holdfast.demo"
SAMPLE: Final = "op-channel.zlib"


@click.command()
def demo() -> None:
    """Show the main job on this machine: a real batch in, damaged and healed, certified, sampled.

    Uses temporary directories and loopback only; takes about two minutes.
    """
    console = Console()
    batch = (resources.files("da_node.cli") / "sample" / SAMPLE).read_bytes()
    acts = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for entry in acts:
        act: Act = entry.load()
        with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as directory:
            try:
                act(
                    Stage(
                        directory=Path(directory), console=console, batch=batch, batch_name=SAMPLE
                    )
                )
            except Failed as failure:
                console.print(f"[red]the demonstration failed:[/] {failure}")
                raise click.exceptions.Exit(EXIT_FAILURE) from failure
            except HoldfastError as error:
                console.print(error_line(error), markup=False)
                raise click.exceptions.Exit(EXIT_FAILURE) from error
    console.print("\n[bold green]done.[/] Next: `.venv/bin/holdfast --help`, and README.md.")
