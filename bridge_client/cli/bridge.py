"""`holdfast bridge`: each sub-command is in a module of its own here."""

from __future__ import annotations

import click

from bridge_client.cli.bonds import (
    abandon_command,
    collect_command,
    dissolve_command,
    reclaim_command,
)
from bridge_client.cli.cancelling import cancel_command
from bridge_client.cli.challenges import challenge_command, respond_command, uphold_command
from bridge_client.cli.deploying import deploy_command, escrow_command
from bridge_client.cli.fallback import fallback_group
from bridge_client.cli.governing import govern_command
from bridge_client.cli.guarding import (
    disable_command,
    pause_command,
    release_command,
    veto_command,
)
from bridge_client.cli.samplers import (
    leave_command,
    slash_command,
    stake_command,
    unstake_command,
)
from bridge_client.cli.settling import (
    finalize_command,
    journal_command,
    propose_command,
    settle_command,
    status_command,
)
from bridge_client.cli.tokens import deposit_command, withdraw_command
from bridge_client.cli.watching import watch_command


@click.group()
def bridge() -> None:
    """Settle batches on L1: propose, doubt, answer, make final; tokens in and out.

    Every transaction is journalled before it is sent; a command that was stopped goes on when it is
    given again, and sends nothing twice.
    """


for command in (
    deploy_command,
    escrow_command,
    propose_command,
    settle_command,
    finalize_command,
    challenge_command,
    respond_command,
    uphold_command,
    watch_command,
    deposit_command,
    withdraw_command,
    release_command,
    abandon_command,
    reclaim_command,
    dissolve_command,
    collect_command,
    stake_command,
    leave_command,
    unstake_command,
    slash_command,
    veto_command,
    pause_command,
    disable_command,
    govern_command,
    fallback_group,
    status_command,
    journal_command,
    cancel_command,
):
    bridge.add_command(command)
