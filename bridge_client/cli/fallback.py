"""`holdfast bridge fallback`: payloads that no committee certifies, on L1 itself."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from bridge_client.cli.session import Session, bridge_command
from bridge_client.fallback.beacon import BeaconNode
from bridge_client.fallback.costs import Cost, cheapest
from bridge_client.fallback.dispersal import certified_or_posted
from bridge_client.fallback.framing import Form
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.posting import Posted, post, quote
from bridge_client.fallback.reading import read
from bridge_client.l1.answers import HASH_BYTES
from committee.certificate import VerifiedCertificate
from committee.cli.parameters import Hex
from committee.disk import create_file
from committee.secp256k1 import Address
from committee.values import HexNamed
from da_node.client import Client
from da_node.coding import MAX_PAYLOAD_BYTES, BlobId, local_verifier
from da_node.service import Output, table

_ETHER = 10**18


class _Id(HexNamed):
    length = BlobId.length


class _TransactionHash(HexNamed):
    length = HASH_BYTES


@click.group("fallback")
def fallback_group() -> None:
    """Where no committee certifies: a payload on L1 itself, and how readers find it there."""


@fallback_group.command("deploy")
@click.option("--label", default="1", show_default=True, help="Another one deploys once more.")
@bridge_command
async def deploy_command(session: Session, output: Output, label: str) -> None:
    """Put the inbox on the L1, once for a label. Nobody owns it, and one serves everybody.

    Exit codes: 0 done, 11 not confirmed in time, 1 failed, 2 wrong usage.
    """
    inbox = await Inbox.deployed(await session.sender(), label)
    address = inbox.contract.address.hex0x
    output.result({"inbox": address}, address)


@fallback_group.command("quote")
@click.argument("file", type=click.File("rb"))
@bridge_command
async def quote_command(session: Session, output: Output, file: BinaryIO) -> None:
    """What posting FILE costs now, in each form."""
    payload = await asyncio.to_thread(_payload, file)
    found = await quote(session.chain, payload)
    document = {form.value: _cost(cost) for form, cost in found.items()}
    output.result(document | {"cheapest": cheapest(found).value}, _costs(found))


@fallback_group.command("post")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--as",
    "form",
    type=click.Choice([form.value for form in Form]),
    help="How it lies there; if absent, how it was begun, or what costs least now.",
)
@click.option(
    "--unless-certified",
    is_flag=True,
    help="Post it to --nodes first, and here only if none of --keysets certifies it.",
)
@click.option("--label", default="1", show_default=True, help="Another one posts once more.")
@bridge_command
async def post_command(
    session: Session,
    output: Output,
    file: BinaryIO,
    form: str | None,
    unless_certified: bool,
    label: str,
) -> None:
    """Post FILE (- for standard input) to --inbox, and print its id.

    It is there, and buried, when this returns. The same command goes on after a crash, and posts
    nothing twice. Exit codes: 0 posted, or certified; 11 not confirmed in time, 1 failed, 2 wrong
    usage.
    """
    payload = await asyncio.to_thread(_payload, file)
    inbox = Inbox(session.chain, session.settings.inbox_address)
    sender = await session.sender()
    chosen = None if form is None else Form(form)

    async def to_l1() -> Posted:
        return await post(inbox, sender, payload, local_verifier(), chosen, label=label)

    if not unless_certified:
        output.result(*_posted(await to_l1()))
        return
    keysets = await asyncio.to_thread(session.keysets)
    async with Client(session.settings.node_urls) as client:
        made = await certified_or_posted(client, payload, keysets, to_l1)
    output.result(*(_posted(made) if isinstance(made, Posted) else _certified(made)))


@fallback_group.command("get")
@click.argument("blob_id", metavar="ID", type=Hex(_Id))
@click.option("--poster", type=Hex(Address), help="Only what this account posted.")
@click.option(
    "--transaction",
    "transactions",
    multiple=True,
    type=Hex(_TransactionHash),
    help="Only what this transaction posted; may be given several times.",
)
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this new file; standard output otherwise.",
)
@bridge_command
async def get_command(
    session: Session,
    output: Output,
    blob_id: _Id,
    poster: Address | None,
    transactions: tuple[_TransactionHash, ...],
    path: Path | None,
) -> None:
    """Read the payload of blob ID from --inbox, from --first-block on, the newest first.

    What lies there as blobs is read from --beacon. All is verified against the ID.
    """
    if path is None and output.json:
        raise click.UsageError("--json needs -o: the payload goes to standard output without it")
    if path is None and sys.stdout.isatty():
        raise click.UsageError("a payload is binary: name a file with -o, or use a pipe")
    if path is not None:
        await asyncio.to_thread(_require_new, path)
    settings = session.settings
    inbox = Inbox(session.chain, settings.inbox_address)
    async with AsyncExitStack() as stack:
        url = settings.beacon_url
        beacon = None if url is None else await stack.enter_async_context(BeaconNode(url))
        found = await read(
            inbox,
            BlobId(blob_id),
            local_verifier(),
            beacon=beacon,
            first_block=settings.first_block,
            poster=poster,
            transactions=transactions,
            oldest=time.time() - settings.max_lag_s,
        )
    if path is None:
        await asyncio.to_thread(sys.stdout.buffer.write, found.payload)
        return
    await asyncio.to_thread(create_file, path, found.payload, 0o666)
    document = {
        "blob_id": blob_id.hex0x,
        "bytes": len(found.payload),
        "sha256": "0x" + hashlib.sha256(found.payload).hexdigest(),
        "as": found.whole.form.value,
        "poster": found.whole.poster.hex0x,
        "transactions": ["0x" + one.transaction.hex() for one, _ in found.whole.parts],
        "output": str(path),
    }
    output.result(document, f"{len(found.payload):,} bytes verified, in {path}")


def _require_new(path: Path) -> None:
    """Before up to 124 MiB are read for it. Raises OSError."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, "is there already and is not replaced", str(path))
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is no directory", str(path.parent))


def _payload(file: BinaryIO) -> bytes:
    """One byte more than a payload may have, at most: encoding it says so."""
    return file.read(MAX_PAYLOAD_BYTES + 1)


def _posted(made: Posted) -> tuple[dict[str, Any], str]:
    transactions = ["0x" + one.transaction.hex() for one in made.receipts]
    document = {
        "blob_id": made.blob_id.hex0x,
        "as": made.form.value,
        "gas": sum(one.gas_used for one in made.receipts),
        "first_block": made.receipts[0].block_number,
        "transactions": transactions,
    }
    text = f"{made.blob_id.hex0x} lies as {made.form.value} in {len(transactions)} transactions"
    return document, text


def _certified(certificate: VerifiedCertificate) -> tuple[dict[str, Any], str]:
    name = certificate.header.blob_id.hex0x
    document = {"blob_id": name, "as": "certified", "expires_at": certificate.expires_at}
    return document, f"{name} is certified until {certificate.expires_at}"


def _cost(cost: Cost) -> dict[str, Any]:
    return asdict(cost) | {"form": cost.form.value, "wei": str(cost.wei)}


def _costs(found: Mapping[Form, Cost]) -> str:
    rows = [
        (
            form.value,
            f"{cost.transactions:,}",
            f"{cost.gas:,}",
            f"{cost.blob_gas:,}",
            f"{cost.wei / _ETHER:.9f}",
            "cheapest" if form is cheapest(found) else "",
        )
        for form, cost in found.items()
    ]
    return table("as", "transactions", "gas", "blob gas", "ETH", "", rows=rows)
