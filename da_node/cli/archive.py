"""`holdfast archive`: files that keep blobs after the network has pruned them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from da_node.archive import (
    ArchiveEntry,
    ArchiveSummary,
    EntrySummary,
    read_archive,
    repair_archive,
    verify_archive,
    write_archive,
)
from da_node.archive.errors import OtherEncoding
from da_node.client import Client
from da_node.coding import BlobId, Header
from da_node.errors import FalseAnswer, UnknownBlob
from da_node.service import Output, format_bytes, printable, with_output
from da_node.service.output import EXIT_FAILURE, error_line

_THREADS: Final = os.cpu_count() or 1

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_nodes = click.option(
    "--node",
    "nodes",
    multiple=True,
    envvar="HOLDFAST_NODE",
    default=("http://127.0.0.1:8800",),
    show_default=True,
    metavar="URL",
    help="Node to talk to; may be given several times.",
)


@click.group()
def archive() -> None:
    """Keep blobs in files of their own, beyond the 18.2 days.

    An archive file holds one blob or many, and parity: bytes flipped anywhere, lost sectors and a
    missing end are repaired from the file itself. docs/ARCHIVE.md says how much it survives.
    `verify`, `repair` and `extract` need no node.
    """


@archive.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if there is one.")
@_nodes
@with_output
def export(
    output: Output, ids: tuple[str, ...], file: Path, force: bool, nodes: tuple[str, ...]
) -> None:
    """Fetch the blobs ID..., verify them, and write them to the archive FILE.

    FILE appears complete or not at all. Exit codes: 0 written, 1 a blob could not be fetched or
    FILE not be written, 2 wrong usage, FILE being there already included.
    """
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force replaces it")
    wanted = list(dict.fromkeys(map(BlobId.from_hex, ids)))
    summary = asyncio.run(_export(output, nodes, wanted, file))
    _show(output, summary, f"{len(wanted)} blobs written")


@archive.command()
@_file
@with_output
def verify(output: Output, file: Path) -> None:
    """Check every byte of the archive FILE by its hashes, and list its blobs.

    Exit codes: 0 undamaged, 1 damaged (it says how badly) or not an archive, 2 wrong usage.
    """
    with output.progress("verifying", 0) as progress:
        summary = verify_archive(file, progress=progress)
    _show(output, summary, "undamaged")


@archive.command()
@_file
@with_output
def repair(output: Output, file: Path) -> None:
    """Restore the archive FILE to exactly what was written, from its own parity.

    An undamaged FILE is not touched; one that is damaged beyond its parity stays as it is.
    Exit codes: 0 undamaged now, 1 beyond repair or not an archive, 2 wrong usage.
    """
    with output.progress("repairing", 0) as progress:
        report = repair_archive(file, progress=progress)
    repaired = {
        "repaired_sectors": report.repaired_sectors,
        "removed_bytes": report.removed_bytes,
    }
    changed = report.repaired_sectors or report.removed_bytes
    verdict = (
        f"{report.repaired_sectors} sectors restored, {report.removed_bytes} foreign bytes removed"
        if changed
        else "undamaged, not touched"
    )
    _show(output, report.archive, verdict, repaired)


@archive.command()
@_file
@click.argument("blob_id", metavar="ID")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="OUT",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write; - for standard output.",
)
@with_output
def extract(output: Output, file: Path, blob_id: str, target: str) -> None:
    """Write the payload of blob ID in the archive FILE to OUT, without any node.

    The payload is encoded again; if it has another id, ID was encoded dishonestly, which is said,
    and the payload written all the same.
    Exit codes: 0 written, 1 FILE is damaged or does not hold the blob, 2 wrong usage.
    """
    wanted = BlobId.from_hex(blob_id)
    with output.progress("reading", 0) as progress:
        held = (
            entry
            for entry in read_archive(file, progress=progress)
            if entry.header.blob_id == wanted
        )
        entry = next(held, None)
    if entry is None:
        raise UnknownBlob(blob_id=wanted.hex0x)
    document = _entry_document(entry.summary) | _verdict(output, entry)
    with click.open_file(target, "wb", atomic=True) as stream:
        stream.write(entry.payload)
    if target != "-":
        output.result(document, f"{len(entry.payload)} bytes written to {target}")


@archive.command("import")
@_file
@_nodes
@with_output
def import_(output: Output, file: Path, nodes: tuple[str, ...]) -> None:
    """Post the blobs of the archive FILE again, each after encoding it to its own id.

    A blob whose payload encodes to another id was encoded dishonestly; it is left out and named,
    and stays in FILE (`extract`). A repetition posts nothing twice.
    Exit codes: 0 all blobs are kept again, 1 not all, or FILE is damaged, 2 wrong usage.
    """
    outcomes = asyncio.run(_import(output, nodes, file))
    lines = [f"{document['blob_id']}  {document['outcome']}" for document in outcomes]
    output.result({"file": str(file), "blobs": outcomes}, "\n".join(lines))
    if any(document["outcome"] == OtherEncoding.code for document in outcomes):
        raise click.exceptions.Exit(EXIT_FAILURE)


async def _export(
    output: Output, nodes: tuple[str, ...], ids: list[BlobId], file: Path
) -> ArchiveSummary:
    loop = asyncio.get_running_loop()
    async with Client(nodes) as client:
        headers = [await client.header(blob_id) for blob_id in ids]
        total = sum(header.payload_length for header in headers)
        with output.progress("fetching", total) as progress:

            def entries() -> Iterator[ArchiveEntry]:  # runs in the writing thread
                for header in headers:
                    fetching = asyncio.run_coroutine_threadsafe(_entry(client, header), loop)
                    yield fetching.result()
                    progress.advance(header.payload_length)

            return await asyncio.to_thread(write_archive, file, entries())


async def _entry(client: Client, header: Header) -> ArchiveEntry:
    status = await client.status(header.blob_id)
    payload = await client.get(header)
    return ArchiveEntry(
        header=header, payload=payload, expires_at=status.expires_at, label=status.label
    )


async def _import(output: Output, nodes: tuple[str, ...], file: Path) -> list[dict[str, Any]]:
    outcomes = []
    async with Client(nodes) as client:
        with output.progress("importing", 0) as progress:
            entries = read_archive(file, progress=progress)
            while (entry := await asyncio.to_thread(next, entries, None)) is not None:
                outcomes.append(await _post(output, client, entry))
    return outcomes


async def _post(output: Output, client: Client, entry: ArchiveEntry) -> dict[str, Any]:
    verdict = await asyncio.to_thread(_verdict, output, entry)
    document = _entry_document(entry.summary) | verdict
    if verdict["encodes_to"] != entry.header.blob_id.hex0x:
        return document | {"outcome": OtherEncoding.code}
    receipt = await client.post(entry.payload, label=entry.label or None)
    if receipt.blob_id != entry.header.blob_id:
        reason = f"{receipt.blob_id.hex0x} for blob {entry.header.blob_id.hex0x}"
        raise FalseAnswer(url=receipt.node, what="receipt", reason=reason)
    outcome = "stored" if receipt.created else "already_kept"
    return document | {"outcome": outcome, "expires_at": receipt.expires_at}


def _verdict(output: Output, entry: ArchiveEntry) -> dict[str, str]:
    """The id that the payload really has; a note if it is not the entry's."""
    try:
        entry.verify_encoding(threads=_THREADS)
    except OtherEncoding as error:
        output.note(error_line(error))
        return {"encodes_to": error.expected}
    return {"encodes_to": entry.header.blob_id.hex0x}


def _show(
    output: Output, summary: ArchiveSummary, verdict: str, extra: dict[str, Any] | None = None
) -> None:
    layout = summary.layout
    document = {
        "file": str(summary.path),
        "file_bytes": layout.file_bytes,
        "reach_bytes": layout.reach_bytes,
        "blobs": [_entry_document(entry) for entry in summary.entries],
    }
    output.note(
        f"{summary.path}: {verdict}; {format_bytes(layout.file_bytes)}, of which any "
        f"{format_bytes(layout.reach_bytes)} at the end may be lost"
    )
    # Lines, since a table would shorten the ids where it is piped into something.
    lines = [
        f"{entry.blob_id.hex0x}  {entry.header.payload_length}  {printable(entry.label)}".rstrip()
        for entry in summary.entries
    ]
    output.result(document | (extra or {}), "\n".join(lines))


def _entry_document(entry: EntrySummary) -> dict[str, Any]:
    return {
        "blob_id": entry.blob_id.hex0x,
        "payload_bytes": entry.header.payload_length,
        "stored_at": entry.stored_at,
        "expires_at": entry.expires_at,
        "label": entry.label,
    }
