"""`holdfast node`: run a node, and look after what it keeps."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from da_node.api.serving import STORE_DIRECTORY, open_store, run_node, unix_clock
from da_node.errors import BadConfiguration, NotFound
from da_node.retention import HELD_S, disk_needed
from da_node.service import (
    NodeSettings,
    Output,
    configure_logging,
    load,
    parse_bytes,
    parse_rate,
    settings_flags,
    with_output,
)
from da_node.service.kzg_pool import KzgPool
from da_node.store import PruneReport, Store

GB: Final = 1_000_000_000

_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="The node's directory; else that of --config or HOLDFAST_NODE_DIRECTORY.",
)
_config = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file with the node's settings.",
)


@click.group()
def node() -> None:
    """Run a node, and look after what it keeps.

    One node owns one directory: prune and backup want it stopped, and say so otherwise.
    """


@node.command()
@settings_flags(NodeSettings)
@with_output
def run(output: Output, config: Path | None, **flags: Any) -> None:
    """Run a node until SIGTERM or Ctrl-C; what is under way then is finished first.

    Settings come from --config, the environment and flags, each overriding the one before.
    docs/CONFIGURATION.md lists them all. Exit codes: 0 stopped, 1 failed, 2 wrong settings.
    """
    settings = load(NodeSettings, file=config, environment=os.environ, flags=flags)
    configure_logging(settings.log_level, settings.log_json)
    asyncio.run(_run(settings))


async def _run(settings: NodeSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await run_node(settings, kzg=KzgPool(settings.kzg_workers), stop=stop)


@node.command()
@_directory
@_config
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@with_output
def prune(output: Output, directory: Path | None, config: Path | None, dry_run: bool) -> None:
    """Delete the blobs whose window is over, as a running node does by itself.

    A node that archives before it prunes is left to do so: this command deletes at once.
    """
    with _store_of(directory, config) as store:
        now = unix_clock()
        report = store.plan_prune(now) if dry_run else store.prune(now)
    output.result(_prune_document(report, dry_run), "\n".join(_prune_lines(report, dry_run)))


@node.command()
@click.option("--rate", required=True, metavar="RATE", help='Payload rate, such as "1MB/s".')
@click.option("--blob", default="1MB", show_default=True, metavar="SIZE", help="Size of a payload.")
@with_output
def size(output: Output, rate: str, blob: str) -> None:
    """Tell the disk that a node of all columns needs at a steady rate.

    Everything is kept for 18.2 days and up to three hours more, until its bucket is pruned.
    """
    rate_bytes_s = _parsed("--rate", parse_rate, rate)
    blob_bytes = _parsed("--blob", parse_bytes, blob)
    try:
        needed = disk_needed(rate_bytes_s, blob_bytes=blob_bytes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    kept = rate_bytes_s * HELD_S
    document = {
        "rate_bytes_per_s": rate_bytes_s,
        "blob_bytes": blob_bytes,
        "held_s": HELD_S,
        "payload_bytes": kept,
        "disk_bytes": needed,
    }
    text = (
        f"{needed / GB:,.1f} GB of disk for {kept / GB:,.1f} GB of payload "
        f"({needed / kept:.2f}×), kept {HELD_S / 86_400:.1f} days at most"
    )
    output.result(document, text)


@node.command()
@click.argument("target", metavar="DIR", type=click.Path(exists=False, path_type=Path))
@_directory
@_config
@with_output
def backup(output: Output, target: Path, directory: Path | None, config: Path | None) -> None:
    """Make a copy of a stopped node's store in DIR, which must not exist yet.

    On the same file system it takes no time and no room, since it shares the files. To restore,
    run a node with --directory DIR.
    """
    with _store_of(directory, config) as store:
        target.mkdir(parents=True)
        store.checkpoint(target / STORE_DIRECTORY)
        blobs = store.usage().blobs
    output.result({"directory": str(target), "blobs": blobs}, f"{blobs} blobs in {target}")


@contextmanager
def _store_of(directory: Path | None, config: Path | None) -> Iterator[Store]:
    """The store of a node that is stopped. Raises NotFound, StoreInUse, StoreFault."""
    flags = {"directory": directory}
    settings = load(NodeSettings, file=config, environment=os.environ, flags=flags)
    if not (settings.directory / STORE_DIRECTORY).is_dir():
        raise NotFound(what="store of a node", value=str(settings.directory))
    store = open_store(settings, clock=unix_clock)
    try:
        yield store
    finally:
        store.close()


def _parsed(option: str, parse: Callable[[str], int], text: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise BadConfiguration(source="command line", name=option, reason=str(error)) from None


def _prune_document(report: PruneReport, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "blobs": report.blobs,
        "bytes": report.reserved_bytes,
        "buckets": [
            {
                "expired_at": bucket.expired_at,
                "blobs": bucket.blobs,
                "bytes": bucket.reserved_bytes,
            }
            for bucket in report.buckets
        ],
    }


def _prune_lines(report: PruneReport, dry_run: bool) -> Iterator[str]:
    for bucket in report.buckets:
        expired = datetime.fromtimestamp(bucket.expired_at, UTC)
        yield f"{expired:%Y-%m-%d %H:%M} UTC  {bucket.blobs} blobs  {bucket.reserved_bytes:,} bytes"
    done = "would be deleted" if dry_run else "deleted"
    yield f"{report.blobs} blobs, {report.reserved_bytes:,} bytes {done}"
