"""`holdfast bridge abandon`, `reclaim`, `dissolve` and `collect`: whoever put a bond down takes it
back.
"""

from __future__ import annotations

import click

from bridge_client.cli.session import Session, bridge_command
from committee.cli.parameters import Hex
from committee.secp256k1 import Address
from da_node.service import Output


@click.command("abandon")
@click.argument("height", type=click.IntRange(0))
@bridge_command
async def abandon_command(session: Session, output: Output, height: int) -> None:
    """Give the batch at HEIGHT up, and all after it: its proposer at any time, anybody once it can
    not become final.

    Before that half of the bond is lost. Exit codes: 0 void, 11 not confirmed in time,
    1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    batch = await settlement.batch_at(height)
    await settlement.abandon(sender, batch)
    output.result({"batch": batch.number, "state": "void"}, f"batch {batch.number} is void")


@click.command("reclaim")
@click.argument("number", metavar="BATCH", type=click.IntRange(1))
@bridge_command
async def reclaim_command(session: Session, output: Output, number: int) -> None:
    """Make the bond of BATCH due to its proposer, once it fell with one before it; `collect` pays
    it out. Exit codes: 0 due, 11 not confirmed in time, 1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    batch = await settlement.batch(number)
    await settlement.reclaim(sender, batch)
    output.result({"batch": number, "state": "void"}, f"the bond of batch {number} is due")


@click.command("dissolve")
@click.argument("number", metavar="CHALLENGE", type=click.IntRange(1))
@bridge_command
async def dissolve_command(session: Session, output: Output, number: int) -> None:
    """Make the bonds of CHALLENGE due to its challenger, once another one brought the batch down;
    `collect` pays them out. Exit codes: 0 due, 11 not confirmed in time, 1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    await settlement.dissolve(sender, await settlement.challenge_of(number))
    output.result({"challenge": number}, f"the bonds of challenge {number} are due")


@click.command("collect")
@click.argument("account", type=Hex(Address), required=False)
@bridge_command
async def collect_command(session: Session, output: Output, account: Address | None) -> None:
    """Pay out what the settlement owes to ACCOUNT, the keystore's if absent: bonds, and rewards.

    Exit codes: 0 paid, or nothing was due, 11 not confirmed in time, 1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    whose = account or sender.account
    due = await settlement.due(whose)
    receipt = await settlement.collect(sender, whose)
    transaction = None if receipt is None else "0x" + receipt.transaction.hex()
    document = {"account": whose.hex0x, "wei": str(due), "transaction": transaction}
    output.result(document, f"{due} wei for {whose.hex0x}, {transaction or 'nothing was due'}")
