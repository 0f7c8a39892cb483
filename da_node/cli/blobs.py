"""`holdfast put`, `get`, `status`, `list`, `verify`: payloads and nodes, from a shell."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final

import click

from da_node.cli.arguments import BLOB_ID, RangeType, reaching_nodes
from da_node.cli.reports import (
    StatusAnswer,
    event_document,
    event_row,
    examination_document,
    finding_row,
    receipt_document,
    receipt_words,
)
from da_node.cli.whole_file import write_whole
from da_node.client import (
    Client,
    Examination,
    Receipt,
    examine,
)
from da_node.coding import COLUMNS, MAX_PAYLOAD_BYTES, BlobId, column_bytes
from da_node.errors import HoldfastError, PayloadTooLarge, RangeNotSatisfiable
from da_node.service import Output, Progress, table, with_output
from da_node.service.output import EXIT_FAILURE

FEED_LIMIT: Final = 1000
"""Most blobs of one page of the feed."""
EVENT_HEADINGS: Final = ("cursor", "blob id", "bytes", "kept until", "label")
MOST_POINTS: Final = 256
"""Most points that `verify` asks a node for: one request."""


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--label", metavar="NAME", help="Label it for the feed; at most 64 bytes.")
@click.option(
    "--no-check",
    is_flag=True,
    help="Believe the node that its header commits to this payload.",
)
@reaching_nodes
@with_output
def put(
    output: Output,
    file: BinaryIO,
    label: str | None,
    no_check: bool,
    nodes: Sequence[str],
    timeout: float,
) -> None:
    """Post FILE (- for standard input) as one blob, and print its id.

    It is on the node's disk when this returns. Posting the same bytes again gives the same id.
    Of several nodes the first that takes it is used.
    """
    payload = file.read(MAX_PAYLOAD_BYTES + 1)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(value=len(payload), bound=MAX_PAYLOAD_BYTES)

    async def post() -> Receipt:
        with output.progress("sending", len(payload)) as bar:
            async with Client(nodes, operation_s=timeout) as client:
                return await client.post(payload, label, check=not no_check, progress=_upload(bar))

    receipt = asyncio.run(post())
    output.result(receipt_document(receipt), receipt_words(receipt))


@click.command()
@click.argument("blob_id", type=BLOB_ID, metavar="ID")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, whole or not at all; standard output otherwise.",
)
@click.option(
    "--range",
    "span",
    type=RangeType(),
    metavar="A-B",
    help="Only bytes A to B, both included; A- for all from A on.",
)
@reaching_nodes
@with_output
def get(
    output: Output,
    blob_id: BlobId,
    path: Path | None,
    span: tuple[int, int | None] | None,
    nodes: Sequence[str],
    timeout: float,
) -> None:
    """Read the payload of blob ID.

    Every byte is verified against the ID before it is written. Data columns are read where they
    can be had, else the payload is recovered from any 64 columns, or from points.
    """
    if path is None and output.json:
        raise click.UsageError("--json needs -o: the payload goes to standard output without it")
    if path is None and sys.stdout.isatty():
        raise click.UsageError("a payload is binary: name a file with -o, or use a pipe")

    async def read() -> bytearray:
        with output.progress("reading", 0) as bar:
            async with Client(nodes, operation_s=timeout) as client:
                return await _read(client, blob_id, span, bar)

    payload = asyncio.run(read())
    if path is None:
        sys.stdout.buffer.write(payload)
        return
    write_whole(path, payload)
    document = {
        "blob_id": blob_id.hex0x,
        "bytes": len(payload),
        "sha256": "0x" + hashlib.sha256(payload).hexdigest(),
        "output": str(path),
    }
    output.result(document, f"{len(payload):,} bytes verified, in {path}")


@click.command()
@click.argument("blob_id", type=BLOB_ID, metavar="ID")
@reaching_nodes
@with_output
def status(output: Output, blob_id: BlobId, nodes: Sequence[str], timeout: float) -> None:
    """Ask each node what it holds of blob ID.

    This is the nodes' own word; `holdfast verify` checks it. Fails if no node has the blob.
    """

    async def ask() -> list[StatusAnswer]:
        async with Client(nodes, operation_s=timeout) as client:
            return await asyncio.gather(*(_status(client, blob_id, node) for node in client.nodes))

    answers = asyncio.run(ask())
    if len(answers) == 1 and answers[0].error is not None:
        raise answers[0].error
    output.result(
        {"blob_id": blob_id.hex0x, "nodes": [answer.document() for answer in answers]},
        table(
            "node",
            "state",
            "columns",
            "kept until",
            "label",
            rows=[answer.row() for answer in answers],
        ),
    )
    if all(answer.error is not None for answer in answers):
        raise click.exceptions.Exit(EXIT_FAILURE)


@click.command("list")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    metavar="CURSOR",
    help="Only what was stored after this cursor.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, FEED_LIMIT),
    default=100,
    show_default=True,
    help="Most blobs to print.",
)
@click.option("--label", metavar="NAME", help="Only blobs with this label.")
@click.option(
    "--follow",
    is_flag=True,
    help="Print blobs as they are stored, from --after or from now on, until interrupted.",
)
@reaching_nodes
@with_output
def list_blobs(
    output: Output,
    after: int | None,
    limit: int,
    label: str | None,
    follow: bool,
    nodes: Sequence[str],
    timeout: float,
) -> None:
    """List the blobs in a node's feed, oldest first.

    Each has a cursor: the last one, given to --after, continues the list. Cursors belong to one
    node, so of several nodes the first is asked.
    """
    if follow:
        asyncio.run(_follow(output, nodes, after, label))
    else:
        asyncio.run(_page(output, nodes, timeout, after or 0, limit, label))


@click.command()
@click.argument("blob_id", type=BLOB_ID, metavar="ID")
@click.option(
    "--points",
    "point_count",
    type=click.IntRange(0, MOST_POINTS),
    default=16,
    show_default=True,
    help="Random points to ask each node for.",
)
@reaching_nodes
@with_output
def verify(
    output: Output,
    blob_id: BlobId,
    point_count: int,
    nodes: Sequence[str],
    timeout: float,
) -> None:
    """Fetch all that each node holds of blob ID, and say what does not hold.

    Asks every node for all 128 columns and some random points, and verifies each against the ID.
    Fails if a node fails or serves anything false, or if the columns that hold are too few to
    give the payload.
    """

    async def examination() -> Examination:
        with output.progress("verifying", 0) as bar:
            async with Client(nodes, operation_s=timeout) as client:
                header = await client.header(blob_id)
                bar.expect(len(client.nodes) * COLUMNS * column_bytes(header.row_count))
                return await examine(client, header, point_count=point_count, progress=bar.advance)

    found = asyncio.run(examination())
    rows = [finding_row(finding) for finding in found.findings]
    output.result(
        examination_document(found),
        table("node", "columns hold", "points hold", "wrong", rows=rows),
    )
    if not found.sound:
        if not found.recoverable:
            output.complain(f"{len(found.columns)} columns hold; 64 are needed for the payload")
        raise click.exceptions.Exit(EXIT_FAILURE)


async def _status(client: Client, blob_id: BlobId, node: str) -> StatusAnswer:
    try:
        return StatusAnswer(node=node, status=await client.status(blob_id, node=node))
    except HoldfastError as error:
        return StatusAnswer(node=node, error=error)


async def _read(
    client: Client, blob_id: BlobId, span: tuple[int, int | None] | None, bar: Progress
) -> bytearray:
    if span is None:
        return await client.get(blob_id, progress=bar.reach)
    header = await client.header(blob_id)
    start, last = span
    if start >= header.payload_length:
        raise RangeNotSatisfiable(value=f"{start}-", bound=header.payload_length)
    stop = header.payload_length if last is None else min(last + 1, header.payload_length)
    return await client.get_range(header, start, stop, progress=bar.reach)


async def _page(
    output: Output,
    nodes: Sequence[str],
    timeout_s: float,
    after: int,
    limit: int,
    label: str | None,
) -> None:
    async with Client(nodes, operation_s=timeout_s) as client:
        events = await client.list(after, limit, label)
    output.result(
        {"blobs": [event_document(event) for event in events]},
        table(*EVENT_HEADINGS, rows=[event_row(event) for event in events]),
    )


async def _follow(
    output: Output, nodes: Sequence[str], after: int | None, label: str | None
) -> None:
    async with Client(nodes) as client, aclosing(client.events(after, label)) as events:
        async for event in events:
            output.line(event_document(event), "  ".join(event_row(event)).rstrip())


def _upload(bar: Progress) -> Callable[[int, int], None]:
    """Show how much of the payload is sent, and that the node works on it after that."""

    def reach(sent: int, total: int) -> None:
        bar.reach(sent, total)
        if sent == total:
            bar.describe("encoding and storing")

    return reach
