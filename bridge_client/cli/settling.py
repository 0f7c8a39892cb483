"""`holdfast bridge propose`, `settle`, `finalize`, `status` and `journal`."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.gate import Gate, GivenSource, SamplerSource, Source, certified
from bridge_client.samplers import SamplerService
from bridge_client.settlement import Batch, BatchState
from bridge_client.settling import Proposal, Settlement
from bridge_client.verdicts import LONGEST_DOCUMENT_BYTES, read_verdict
from committee.cli.parameters import Hex
from committee.disk import read_file
from committee.values import HexNamed
from da_node.client import Client
from da_node.coding import BlobId
from da_node.service import Output, table

MOST_PROOF_BYTES: Final = 127 * 1024
"""Nodes pass no transaction on beyond 128 KiB, and a kilobyte of it is the call and its
signature."""


class Root(HexNamed):
    """A state root or a withdrawals root."""

    length = 32


class _Id(HexNamed):
    length = BlobId.length


@click.command("propose")
@click.argument("blob_id", metavar="ID", type=Hex(_Id))
@click.option("--state-root", required=True, type=Hex(Root), help="After the batch.")
@click.option("--withdrawals-root", required=True, type=Hex(Root), help="Of its withdrawal tree.")
@click.option("--height", type=click.IntRange(0), help="The next one if absent.")
@click.option("--previous-root", type=Hex(Root), help="That of the batch before if absent.")
@bridge_command
async def propose_command(
    session: Session,
    output: Output,
    blob_id: _Id,
    state_root: Root,
    withdrawals_root: Root,
    height: int | None,
    previous_root: Root | None,
) -> None:
    """Propose the batch whose payload is the blob ID, once it is certified.

    Waits for a certificate under one of --keysets that the settlement takes. With --height and
    --previous-root the command can be repeated after a crash, and is one batch. Exit codes: 0
    proposed, 11 not certified or not confirmed in time, 1 failed, 2 wrong usage.
    """
    keysets = await asyncio.to_thread(session.keysets)
    sender = await session.sender()
    settlement = await session.settlement()
    async with Client(session.settings.node_urls) as client:
        certificate = await certified(client, settlement, BlobId(blob_id), keysets, session.clock())
    length, _ = await settlement.lengths()
    proposal = Proposal(
        height=length if height is None else height,
        previous_root=bytes(previous_root or await settlement.tip()),
        state_root=bytes(state_root),
        withdrawals_root=bytes(withdrawals_root),
        certificate=certificate,
    )
    batch = await settlement.propose(sender, proposal)
    output.result(_document(batch), f"batch {batch.number} stands at height {batch.height}")


@click.command("settle")
@click.argument("height", type=click.IntRange(0))
@click.option(
    "--verdict",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a sampler's signed verdict as JSON; may be given several times.",
)
@bridge_command
async def settle_command(
    session: Session, output: Output, height: int, files: tuple[Path, ...]
) -> None:
    """Make the batch at HEIGHT final, once the settlement's rules allow it.

    Asks --samplers for verdicts, brings those that count to the L1, waits out the challenge period,
    and finalizes. Exit codes for scripts: 0 final, 10 it will not be (void, or samplers
    object), 11 not yet: the same command goes on waiting, 1 failed, 2 wrong usage.
    """
    chain_id = session.settings.chain_id
    given = []
    for path in files:
        data = await asyncio.to_thread(read_file, path, LONGEST_DOCUMENT_BYTES)
        given.append(read_verdict(data, str(path), chain_id)[0])
    sender = await session.sender()
    settlement = await session.settlement()
    batch = await settlement.batch_at(height)
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(aiohttp.ClientSession())
        asked: list[Source] = [
            SamplerSource(service=SamplerService(url=url, chain_id=chain_id, session=web))
            for url in session.settings.sampler_urls
        ]
        gate = Gate(
            settlement=settlement,
            sender=sender,
            sources=[*asked, GivenSource(given=given)],
            clock=session.clock(),
        )
        done = await gate.run(batch)
    output.result(_document(done), f"batch {done.number} at height {height} is final")


@click.command("finalize")
@click.argument("height", type=click.IntRange(0))
@click.option(
    "--proof",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a validity proof, as the settlement's verifier takes it.",
)
@bridge_command
async def finalize_command(
    session: Session, output: Output, height: int, file: Path | None
) -> None:
    """Make the batch at HEIGHT final now, or say what the contract says.

    With --proof the challenge period is not waited for; verdicts are needed all the same. A
    settlement without a verifier of proofs says NoStateVerifier. Exit codes: 0 final, 11 not
    confirmed in time, 1 refused, 2 wrong usage.
    """
    proof = None if file is None else await asyncio.to_thread(read_file, file, MOST_PROOF_BYTES)
    sender = await session.sender()
    settlement = await session.settlement()
    batch = await settlement.batch_at(height)
    if proof is None:
        await settlement.finalize(sender, batch)
    else:
        await settlement.finalize_proven(sender, batch, proof)
    done = await settlement.batch(batch.number)
    output.result(_document(done), f"batch {done.number} at height {height} is final")


@click.command("status")
@click.option("--last", type=click.IntRange(1, 1000), default=10, show_default=True)
@bridge_command
async def status_command(session: Session, output: Output, last: int) -> None:
    """The last batches, and what keeps each from being final."""
    settlement = await session.settlement()
    length, final_length = await settlement.lengths()
    batches = [await settlement.batch_at(i) for i in range(max(0, length - last), length)]
    documents = [await _hindered(settlement, batch) for batch in batches]
    rows = [
        (
            str(one["height"]),
            str(one["batch"]),
            str(one["state"]),
            str(one["blob_id"]),
            ", ".join(one["hindrances"]),
        )
        for one in documents
    ]
    document = {"length": length, "final_length": final_length, "batches": documents}
    text = table("height", "batch", "state", "blob", "hindered by", rows=rows)
    output.result(document, text if rows else "no batch yet")


@click.command("journal")
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True)
@bridge_command
async def journal_command(session: Session, output: Output, last: int) -> None:
    """The last transactions that were meant to be sent, the newest first."""
    found = await session.journal.run(session.journal.steps.newest, last)
    documents = [
        {
            "nonce": one.nonce,
            "state": one.state.name.lower(),
            "attempts": len(one.attempts),
            "transaction": "0x" + one.last.signed.hash.hex(),
            "purpose": one.purpose,
        }
        for one in found
    ]
    rows = [[str(value) for value in one.values()] for one in documents]
    text = table("nonce", "state", "attempts", "transaction", "purpose", rows=rows)
    output.result({"intents": documents}, text)


async def _hindered(settlement: Settlement, batch: Batch) -> dict[str, Any]:
    is_pending = batch.state is BatchState.PENDING
    found = await settlement.hindrances(batch) if is_pending else ()
    return _document(batch) | {"hindrances": [one.value for one in found]}


def _document(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.number,
        "height": batch.height,
        "state": batch.state.name.lower(),
        "blob_id": batch.blob_id.hex0x,
        "keyset_hash": batch.keyset_hash.hex0x,
        "previous_root": "0x" + batch.previous_root.hex(),
        "state_root": "0x" + batch.state_root.hex(),
        "withdrawals_root": "0x" + batch.withdrawals_root.hex(),
        "proposer": batch.proposer.hex0x,
        "proposed_at": batch.proposed_at,
        "expires_at": batch.expires_at,
    }
