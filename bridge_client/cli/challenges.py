"""`holdfast bridge challenge`, `respond` and `uphold`."""

from __future__ import annotations

import click

from bridge_client.answering import openings
from bridge_client.cli.session import Session, bridge_command
from bridge_client.errors import Reverted
from bridge_client.sending import Sender
from bridge_client.settlement import MOST_POINTS, Challenge
from bridge_client.settling import Settlement
from da_node.client import Client
from da_node.coding import POINTS, LocalKzg, local_verifier
from da_node.service import Output


@click.command("challenge")
@click.argument("height", type=click.IntRange(0))
@click.option(
    "--point",
    "points",
    multiple=True,
    type=click.IntRange(0, POINTS - 1),
    help="Point to show; may be given 16 times.",
)
@click.option(
    "--drawn", type=click.IntRange(1, MOST_POINTS), help="So many points that the chain draws."
)
@bridge_command
async def challenge_command(
    session: Session, output: Output, height: int, points: tuple[int, ...], drawn: int | None
) -> None:
    """Doubt that points of the batch at HEIGHT can be had, with a bond for each.

    Exit codes: 0 open, 11 not confirmed in time, 1 failed, 2 wrong usage.
    """
    if bool(points) == (drawn is not None):
        raise click.UsageError("give either --point or --drawn")
    sender = await session.sender()
    settlement = await session.settlement()
    batch = await settlement.batch_at(height)
    if drawn is None:
        made = await settlement.challenge(sender, batch, points)
    else:
        made = await settlement.challenge_drawn(sender, batch, drawn)
    named = ", ".join(map(str, made.points))
    output.result(
        _document(made),
        f"challenge {made.number} asks for points {named}; to be answered by {made.deadline}",
    )


@click.command("respond")
@click.argument("number", metavar="CHALLENGE", type=click.IntRange(1))
@bridge_command
async def respond_command(session: Session, output: Output, number: int) -> None:
    """Answer CHALLENGE with points read from --nodes.

    Points that somebody else answers first are left. Exit codes: 0 all are answered, 11 not
    confirmed in time, 1 failed, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    async with Client(session.settings.node_urls) as client:
        answered = await answer(
            settlement, sender, await settlement.challenge_of(number), client, local_verifier()
        )
    text = f"{answered} points of challenge {number} answered"
    output.result({"challenge": number, "answered": answered}, text)


@click.command("uphold")
@click.argument("number", metavar="CHALLENGE", type=click.IntRange(1))
@bridge_command
async def uphold_command(session: Session, output: Output, number: int) -> None:
    """Have the batch fall whose CHALLENGE was not answered in time.

    Exit codes: 0 it fell, 11 not confirmed in time, 1 failed, 2 wrong usage.
    """
    sender = await session.sender()
    settlement = await session.settlement()
    challenge = await settlement.challenge_of(number)
    await settlement.uphold(sender, challenge)
    text = f"batch {challenge.batch} is void"
    output.result({"challenge": number, "batch": challenge.batch}, text)


async def answer(
    settlement: Settlement, sender: Sender, challenge: Challenge, client: Client, kzg: LocalKzg
) -> int:
    """Answer all that is unanswered of a challenge; how many points that were. One that somebody
    else answers first has its bond, and the batch stands as well: on to the next.
    """
    if not challenge.unanswered:
        return 0
    batch = await settlement.batch(challenge.batch)
    header = await client.header(batch.blob_id)
    wanted = [challenge.points[position] for position in challenge.unanswered]
    made = await openings(client, header, wanted, kzg)
    count = 0
    for position in challenge.unanswered:
        opening = made[challenge.points[position]]
        try:
            await settlement.respond(sender, challenge, position, header, opening)
        except Reverted:
            now = await settlement.challenge_of(challenge.number)
            if position in now.unanswered:
                raise
        else:
            count += 1
    return count


def _document(challenge: Challenge) -> dict[str, object]:
    return {
        "challenge": challenge.number,
        "batch": challenge.batch,
        "points": list(challenge.points),
        "deadline": challenge.deadline,
    }
