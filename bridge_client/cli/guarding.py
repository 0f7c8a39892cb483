"""`holdfast bridge release`, `veto`, `pause` and `disable`: withdrawals that wait, and who guards.

A guardian stops and never enables: what it stopped only the owner sets going (`govern`).
"""

from __future__ import annotations

import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.cli.tokens import WithdrawalId, escrow_of
from committee.cli.parameters import Hex
from committee.values import KeysetHash
from da_node.service import Output


@click.command("release")
@click.argument("withdrawal_id", metavar="ID", type=Hex(WithdrawalId))
@bridge_command
async def release_command(session: Session, output: Output, withdrawal_id: WithdrawalId) -> None:
    """Have the signed withdrawal ID paid, which was above the limit, once its delay is over.

    Exit codes: 0 paid, 11 not confirmed in time, 1 refused, 2 wrong usage.
    """
    escrow = escrow_of(session)
    sender = await session.sender()
    receipt = await escrow.release(sender, bytes(withdrawal_id))
    transaction = "0x" + receipt.transaction.hex()
    output.result({"transaction": transaction}, transaction)


@click.command("veto")
@click.argument("withdrawal_id", metavar="ID", type=Hex(WithdrawalId))
@bridge_command
async def veto_command(session: Session, output: Output, withdrawal_id: WithdrawalId) -> None:
    """As the bridge's guardian, keep the delayed withdrawal ID from being paid. A proof still pays
    it, if a final batch contains it. Exit codes: 0 vetoed, 11 not confirmed in time, 1 refused, 2
    wrong usage.
    """
    escrow = escrow_of(session)
    sender = await session.sender()
    receipt = await escrow.veto(sender, bytes(withdrawal_id))
    transaction = "0x" + receipt.transaction.hex()
    output.result({"transaction": transaction}, transaction)


@click.command("pause")
@bridge_command
async def pause_command(session: Session, output: Output) -> None:
    """As the bridge's guardian, stop deposits and signed withdrawals; proven ones go on.

    The owner sets them going again: `govern unpause`. Exit codes: 0 paused, 11 not confirmed in
    time, 1 refused, 2 wrong usage.
    """
    escrow = escrow_of(session)
    sender = await session.sender()
    await escrow.pause(sender)
    output.result({"is_paused": True}, "paused")


@click.command("disable")
@click.argument("keyset_hash", metavar="KEYSET", type=Hex(KeysetHash))
@bridge_command
async def disable_command(session: Session, output: Output, keyset_hash: KeysetHash) -> None:
    """As the verifier's guardian, disable KEYSET at once and for good: nothing under it is proposed
    or becomes final any more. Exit codes: 0 disabled, 11 not confirmed in time, 1 refused, 2 wrong
    usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    await settlement.disable_keyset(sender, keyset_hash)
    document = {"keyset_hash": keyset_hash.hex0x, "state": "disabled"}
    output.result(document, f"keyset {keyset_hash.hex0x} is disabled")
