"""`holdfast bridge stake`, `leave`, `unstake` and `slash`: samplers and what they have at stake."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.registry import Registry, Standing
from bridge_client.verdicts import LONGEST_DOCUMENT_BYTES, read_verdict
from committee.cli.parameters import Hex
from committee.disk import read_file
from committee.secp256k1 import Address
from da_node.service import Output

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("stake")
@click.argument("sampler", type=Hex(Address), required=False)
@bridge_command
async def stake_command(session: Session, output: Output, sampler: Address | None) -> None:
    """Pay the stake of SAMPLER, the account if absent: from then on its verdicts count.

    The owner must have admitted it. Exit codes: 0 it counts, 11 not confirmed in time, 1 refused, 2
    wrong usage.
    """
    sender = await session.sender()
    registry = await _registry(session)
    await registry.stake(sender, sampler or sender.account)
    await _tell(registry, output, sampler or sender.account)


@click.command("leave")
@bridge_command
async def leave_command(session: Session, output: Output) -> None:
    """Count no more as a sampler; the stake stays for a while. Exit codes: 0 left, 11 not confirmed
    in time, 1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    registry = await _registry(session)
    await registry.leave(sender, sender.account)
    await _tell(registry, output, sender.account)


@click.command("unstake")
@click.argument("sampler", type=Hex(Address), required=False)
@bridge_command
async def unstake_command(session: Session, output: Output, sampler: Address | None) -> None:
    """Give SAMPLER, the account if absent, its stake back once it has left and the time is over.

    Exit codes: 0 it is back, 11 not confirmed in time, 1 refused, 2 wrong usage.
    """
    sender = await session.sender()
    registry = await _registry(session)
    await registry.take_back(sender, sampler or sender.account)
    await _tell(registry, output, sampler or sender.account)


@click.command("slash")
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@bridge_command
async def slash_command(session: Session, output: Output, first: Path, second: Path) -> None:
    """Show two verdicts of one sampler that contradict each other: half of its stake is yours.

    FIRST and SECOND are files as samplers write them. Exit codes: 0 done, 11 not confirmed in time,
    1 refused, 2 wrong usage.
    """
    said = []
    for path in (first, second):
        data = await asyncio.to_thread(read_file, path, LONGEST_DOCUMENT_BYTES)
        said.append(read_verdict(data, str(path), session.settings.chain_id)[0])
    sender = await session.sender()
    registry = await _registry(session)
    await registry.slash(sender, *said)
    await _tell(registry, output, said[0].signer)


async def _registry(session: Session) -> Registry:
    return Registry((await session.settlement()).registry)


async def _tell(registry: Registry, output: Output, address: Address) -> None:
    found = await registry.sampler(address)
    document = {
        "sampler": address.hex0x,
        "standing": found.standing.name.lower(),
        "stake_wei": str(found.stake_wei),
        "free": found.free or None,
    }
    until = f", its stake stays until {found.free}" if found.standing is Standing.LEAVING else ""
    output.result(document, f"{address.hex0x} is {document['standing']}{until}")
