"""`holdfast bridge deploy` and `escrow`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import click

from bridge_client.cli.session import EXIT_NOT_YET, Session, bridge_command
from bridge_client.deploying import addresses, deploy, deploy_bridge
from bridge_client.plans import EscrowPlan, Plan
from committee.cli.parameters import DURATION, Hex
from committee.secp256k1 import Address
from da_node.service import Output

DAY_S: Final = 86_400
TO_GET_OUT_S: Final = 2 * DAY_S
"""By what a delay should be longer than the challenge period: forcing a withdrawal takes up to a
day, and another where the sequencer is silent."""


@click.command("deploy")
@click.option("--label", default="1", show_default=True, help="Another one deploys once more.")
@click.option("--sequencer", "sequencers", multiple=True, metavar="ADDRESS", help="May propose.")
@click.option("--sampler", "sampled_by", multiple=True, metavar="ADDRESS", help="Is admitted.")
@click.option(
    "--guardian",
    metavar="ADDRESS",
    help="Disables keysets, pauses and vetoes; the account if absent.",
)
@click.option(
    "--timelock-delay",
    type=DURATION,
    help="Of the owner; the challenge period and two days if absent, 0 for no timelock.",
)
@click.option("--challenge-period", type=DURATION, default="7d", show_default=True)
@click.option("--response-window", type=DURATION, default="1d", show_default=True)
@click.option("--margin", type=DURATION, default="1d", show_default=True)
@click.option("--verdict-lifetime", type=DURATION, default="1d", show_default=True)
@click.option("--quorum", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--objectors", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--strict", is_flag=True, help="Verdicts *available* only by rule 0.")
@click.option("--proposal-bond", type=click.IntRange(0), default=4 * 10**18, show_default=True)
@click.option("--point-bond", type=click.IntRange(0), default=10**16, show_default=True)
@click.option("--row-bond", type=click.IntRange(0), default=10**14, show_default=True)
@click.option("--forced-fee", type=click.IntRange(1), default=10**15, show_default=True)
@click.option("--stake", type=click.IntRange(0), default=10**18, show_default=True)
@click.option("--exit-delay", type=DURATION, default="30d", show_default=True)
@click.option("--token", metavar="ADDRESS", help="With a bridge for it; another one adds a bridge.")
@click.option("--signer", metavar="ADDRESS", help="Signs withdrawals; the account if absent.")
@click.option("--daily-limit", type=click.IntRange(0), help="Of signatures; needed with --token.")
@click.option("--withdrawal-delay", type=DURATION, default="2d", show_default=True)
@click.option(
    "--bridge-delay",
    type=DURATION,
    help="Of the bridge's owner, above the challenge period; --timelock-delay if absent.",
)
@click.option("--bare", is_flag=True, help="The signer owns the bridge: as safe as one key.")
@bridge_command
async def deploy_command(
    session: Session,
    output: Output,
    label: str,
    sequencers: tuple[str, ...],
    sampled_by: tuple[str, ...],
    guardian: str | None,
    timelock_delay: int | None,
    challenge_period: int,
    response_window: int,
    margin: int,
    verdict_lifetime: int,
    quorum: int,
    objectors: int,
    strict: bool,
    proposal_bond: int,
    point_bond: int,
    row_bond: int,
    forced_fee: int,
    stake: int,
    exit_delay: int,
    token: str | None,
    signer: str | None,
    daily_limit: int | None,
    withdrawal_delay: int,
    bridge_delay: int | None,
    bare: bool,
) -> None:
    """Put verifier, sampler registry and settlement on the L1, with --keysets registered, and with
    --token a bridge.

    Bonds, fee and stake are in wei, --daily-limit in the token's smallest unit. With
    --timelock-delay 0 the account owns everything but the bridge, which is for development chains.
    Else a timelock does, and what it must do is scheduled: give the same command again after the
    delay. In the end what lies there is compared with what was asked for. Exit codes: 0 complete,
    11 scheduled, 1 failed, 2 wrong usage.
    """
    if token is not None and daily_limit is None:
        raise click.UsageError("--token needs --daily-limit")
    keysets = await asyncio.to_thread(session.keysets)
    sender = await session.sender()
    owner_delay = challenge_period + TO_GET_OUT_S if timelock_delay is None else timelock_delay
    plan = Plan(
        keysets=tuple(keysets),
        sequencers=addresses(sequencers) or (sender.account,),
        samplers=addresses(sampled_by),
        guardian=addresses([guardian])[0] if guardian else sender.account,
        timelock_delay_s=owner_delay,
        challenge_period_s=challenge_period,
        response_window_s=response_window,
        margin_s=margin,
        verdict_lifetime_s=verdict_lifetime,
        quorum=quorum,
        objectors=objectors,
        strict_only=strict,
        proposal_bond_wei=proposal_bond,
        point_bond_wei=point_bond,
        row_bond_wei=row_bond,
        forced_fee_wei=forced_fee,
        stake_wei=stake,
        exit_delay_s=exit_delay,
        escrow=None
        if token is None or daily_limit is None
        else EscrowPlan(
            token=Address.from_hex(token),
            signer=Address.from_hex(signer) if signer else sender.account,
            owner_delay_s=owner_delay if bridge_delay is None else bridge_delay,
            daily_limit=daily_limit,
            delay_s=withdrawal_delay,
            is_bare=bare,
        ),
    )
    made = await deploy(sender, plan, label)
    document = {
        "chain_id": session.settings.chain_id,
        "owner": made.owner.hex0x,
        "verifier": made.verifier.hex0x,
        "samplers": made.samplers.hex0x,
        "settlement": made.settlement.hex0x,
        "bridge": made.bridge and made.bridge.hex0x,
        "bridge_owner": made.bridge_owner and made.bridge_owner.hex0x,
        "first_block": made.first_block,
        "waiting_until": made.waiting_until,
    }
    output.result(document, _lines(document))
    if made.waiting_until is not None:
        raise click.exceptions.Exit(EXIT_NOT_YET)


def _lines(document: Mapping[str, object]) -> str:
    return "\n".join(f"{name:<14} {value}" for name, value in document.items() if value is not None)


@click.command("escrow")
@click.argument("token", type=Hex(Address))
@click.option("--label", default="1", show_default=True, help="Another one deploys once more.")
@click.option("--signer", type=Hex(Address), help="Signs withdrawals; the account if absent.")
@click.option("--guardian", type=Hex(Address), help="Pauses and vetoes; the account if absent.")
@click.option("--daily-limit", type=click.IntRange(0), required=True, help="Of signatures.")
@click.option("--withdrawal-delay", type=DURATION, default="2d", show_default=True)
@click.option(
    "--bridge-delay",
    type=DURATION,
    help="Of its owner; the settlement's challenge period and two days if absent.",
)
@click.option("--bare", is_flag=True, help="The signer owns the bridge: as safe as one key.")
@bridge_command
async def escrow_command(
    session: Session,
    output: Output,
    token: Address,
    label: str,
    signer: Address | None,
    guardian: Address | None,
    daily_limit: int,
    withdrawal_delay: int,
    bridge_delay: int | None,
    bare: bool,
) -> None:
    """Put a bridge for TOKEN beside the --settlement, whoever deployed that.

    A timelock of its own owns it, with a --bridge-delay above the challenge period. Exit codes: 0
    there, and as asked for, 11 not confirmed in time, 1 failed, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    advised = settlement.terms.challenge_period_s + TO_GET_OUT_S
    escrow = EscrowPlan(
        token=token,
        signer=signer or sender.account,
        owner_delay_s=advised if bridge_delay is None else bridge_delay,
        daily_limit=daily_limit,
        delay_s=withdrawal_delay,
        is_bare=bare,
    )
    made = await deploy_bridge(sender, settlement, escrow, guardian or sender.account, label)
    document = {"bridge": made.bridge.hex0x, "bridge_owner": made.owner.hex0x}
    output.result(document, _lines(document))
