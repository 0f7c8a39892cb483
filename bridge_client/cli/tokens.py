"""`holdfast bridge deposit` and `withdraw`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.errors import OtherRoot, Reverted
from bridge_client.escrow import TokenEscrow
from bridge_client.withdrawals import HASH_BYTES, Withdrawal, WithdrawalTree
from committee.cli.parameters import Hex
from committee.disk import read_file
from committee.errors import BadDocument
from committee.secp256k1 import SIGNATURE_BYTES, Address
from committee.values import HexNamed
from da_node.service import Output

_MOST_LEAVES_BYTES = 64 << 20
"""A million leaves in hex, one a line."""


class WithdrawalId(HexNamed):
    """What a withdrawal is called."""

    length = HASH_BYTES


class _Signature(HexNamed):
    length = SIGNATURE_BYTES


@click.command("deposit")
@click.argument("amount", type=click.IntRange(1))
@click.option("--target-chain", type=click.IntRange(1), required=True, help="The rollup's id.")
@click.option(
    "--sequence-nonce",
    type=click.IntRange(0),
    required=True,
    help="Of this deposit: the same one is one deposit.",
)
@bridge_command
async def deposit_command(
    session: Session, output: Output, amount: int, target_chain: int, sequence_nonce: int
) -> None:
    """Put AMOUNT of the bridge's token (its smallest unit) into escrow.

    Allows the bridge to take it first, where that is lacking. Exit codes: 0 deposited, 11 not
    confirmed in time, 1 failed, 2 wrong usage.
    """
    escrow = escrow_of(session)
    sender = await session.sender()
    receipt = await escrow.deposit(
        sender, amount, target_chain_id=target_chain, sequence_nonce=sequence_nonce
    )
    transaction = "0x" + receipt.transaction.hex()
    output.result({"transaction": transaction}, transaction)


@click.command("withdraw")
@click.argument("amount", type=click.IntRange(1))
@click.option("--id", "withdrawal_id", type=Hex(WithdrawalId), help="The withdrawal's.")
@click.option("--user", type=Hex(Address), help="Who is paid; the account if absent.")
@click.option("--signature", type=Hex(_Signature), help="Of the bridge's signer.")
@click.option("--height", type=click.IntRange(0), help="Of the final batch that contains it.")
@click.option(
    "--leaves",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with that batch's withdrawal leaves in hex, one a line, in order.",
)
@click.option("--force", metavar="KEY", help="Have it taken by the sequencer; once for a KEY.")
@bridge_command
async def withdraw_command(
    session: Session,
    output: Output,
    amount: int,
    withdrawal_id: WithdrawalId | None,
    user: Address | None,
    signature: _Signature | None,
    height: int | None,
    leaves: Path | None,
    force: str | None,
) -> None:
    """Take AMOUNT of the bridge's token out: by --signature; by proof, with --height and --leaves;
    or ask for it with --force.

    The leaves follow from the batch's payload (`holdfast get`) by the rollup's rules; a file that
    is not the batch's is refused. What has been paid already, whoever brought it, is done. Exit
    codes: 0 done, 11 not confirmed in time, 1 failed, 2 wrong
    usage.
    """
    ways = [signature is not None, height is not None and leaves is not None, force is not None]
    if sum(ways) != 1:
        raise click.UsageError("give one of --signature, --height with --leaves, --force")
    if withdrawal_id is None and force is None:
        raise click.UsageError("give the withdrawal's --id")
    escrow = escrow_of(session)
    sender = await session.sender()
    if force is not None:
        receipt = await escrow.force(sender, amount, force)
    else:
        assert withdrawal_id is not None
        withdrawal = Withdrawal(
            user=user or sender.account, amount=amount, withdrawal_id=bytes(withdrawal_id)
        )
        try:
            if signature is not None:
                receipt = await escrow.withdraw_signed(sender, withdrawal, bytes(signature))
            else:
                assert height is not None
                assert leaves is not None
                tree = await _tree(session, height, leaves)
                proof = tree.proof(escrow.leaf(withdrawal))
                receipt = await escrow.withdraw_proven(sender, withdrawal, height, proof)
        except Reverted:  # whoever brought it first, or the other way: its user has been paid
            if not await escrow.is_paid(withdrawal):
                raise
            output.result({"transaction": None}, "it has been paid already")
            return
    transaction = "0x" + receipt.transaction.hex()
    output.result({"transaction": transaction}, transaction)


async def _tree(session: Session, height: int, leaves: Path) -> WithdrawalTree:
    """The batch's tree. Raises OtherRoot, BadDocument."""
    data = await asyncio.to_thread(read_file, leaves, _MOST_LEAVES_BYTES)
    try:
        found = [bytes.fromhex(line.removeprefix("0x")) for line in data.decode().split()]
    except ValueError:
        raise BadDocument(source=str(leaves), reason="it is not hex, one leaf a line") from None
    batch = await (await session.settlement()).batch_at(height)
    tree = await asyncio.to_thread(WithdrawalTree, found)
    if tree.root != batch.withdrawals_root:
        raise OtherRoot(
            height=height,
            value="0x" + tree.root.hex(),
            expected="0x" + batch.withdrawals_root.hex(),
        )
    return tree


def escrow_of(session: Session) -> TokenEscrow:
    """The bridge of the settings. Raises BadConfiguration where there is none."""
    settings = session.settings
    return TokenEscrow(session.chain, settings.bridge_address, settings.chain_id)
