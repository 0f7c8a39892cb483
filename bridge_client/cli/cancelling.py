"""`holdfast bridge cancel`."""

from __future__ import annotations

from typing import Final

import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.errors import NotCancelled
from bridge_client.life import State
from da_node.service import Output

_LONGEST_NONCE: Final = 20
"""Digits: 64 bits."""


@click.command("cancel")
@click.argument("which", metavar="PURPOSE|NONCE")
@bridge_command
async def cancel_command(session: Session, output: Output, which: str) -> None:
    """Replace a transaction that is stuck by one of its nonce that does nothing and pays more; so
    too one that was confirmed and that a deep reorganisation undid.

    `journal` has purposes and nonces. Which of the two is mined is found out before this ends. Exit
    codes: 0 cancelled, 1 it happened all the same or nothing is under way, 11 neither is confirmed
    in time: the same command goes on, 2 wrong usage.
    """
    sender = await session.sender(resumes=False)
    is_nonce = which.isdecimal() and len(which) <= _LONGEST_NONCE
    ended = await sender.cancel(int(which) if is_nonce else which)
    if ended.state is not State.CANCELLED:
        raise NotCancelled(
            purpose=ended.purpose, nonce=ended.nonce, outcome=ended.state.name.lower()
        )
    document = {
        "purpose": ended.purpose,
        "nonce": ended.nonce,
        "transaction": "0x" + ended.last.signed.hash.hex(),
        "state": ended.state.name.lower(),
    }
    output.result(document, f"{ended.purpose} is cancelled, nonce {ended.nonce} did nothing")
