"""`holdfast sampler`: each sub-command is a module of its own here."""

from __future__ import annotations

import click

from sampler.cli.checks import audit_command, check_command, evidence_command
from sampler.cli.plans import plan_command
from sampler.cli.running import keygen_command, run_command
from sampler.cli.simulate import simulate_command
from sampler.cli.watching import watch_command


@click.group()
def sampler() -> None:
    """Doubt what a committee says it keeps, from a laptop."""


sampler.add_command(plan_command)
sampler.add_command(simulate_command)
sampler.add_command(run_command)
sampler.add_command(check_command)
sampler.add_command(evidence_command)
sampler.add_command(audit_command)
sampler.add_command(keygen_command)
sampler.add_command(watch_command)
