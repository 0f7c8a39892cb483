"""`holdfast sampler`: each sub-command is a module of its own here."""

from __future__ import annotations

import click

from sampler.cli.plans import plan_command
from sampler.cli.simulate import simulate_command


@click.group()
def sampler() -> None:
    """Doubt what a committee says it keeps, from a laptop."""


sampler.add_command(plan_command)
sampler.add_command(simulate_command)
