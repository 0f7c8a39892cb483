"""The first act of the demonstration: one node, one real batch, one damaged disk."""

from __future__ import annotations

import asyncio
import secrets
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from da_node.client import Client, Receipt
from da_node.coding import (
    COLUMNS,
    DATA_COLUMNS,
    POINTS,
    BlobId,
    Column,
    LocalKzg,
    Point,
    verify_columns,
    verify_points,
)
from da_node.service.network import Network, Part, Ports, SettingValue
from da_node.service.stage import Failed, Stage, require
from da_node.store import Location, Store

HEALED_S: Final = 60
FLIPPED_BYTES: Final = 16


def act(stage: Stage) -> None:
    """Start a node, post, read back, verify; damage its disk, and see it notice and heal."""
    payload = stage.batch
    directory = stage.directory / "data"
    with Ports() as ports:
        settings: dict[str, SettingValue] = {"directory": directory, "port": ports.of("node")}
        part = Part(name="node", command=("node", "run"), port=ports.of("node"), settings=settings)
        with running_node(stage, part) as url:
            receipt = asyncio.run(post_and_read(stage, url, payload))
        victim, location = show_and_damage(stage, directory, receipt.blob_id)
        with running_node(stage, part) as url:
            asyncio.run(read_again(stage, url, receipt, payload, victim))
    healed = locate(directory, receipt.blob_id, victim)
    stage.fact("now lies in", f"{healed.path.name} at byte {healed.offset:,}")
    require(healed != location, "the rebuilt column should lie somewhere else on disk")


# ------------------------------------------------------------------ the node as a process


@contextmanager
def running_node(stage: Stage, part: Part) -> Iterator[str]:
    """`holdfast node run`, ready; stopped with SIGTERM, and cleanly."""
    stage.scene(f"start a node: holdfast node run --directory … --port {part.port}")
    with Network(stage.directory, [part]) as network:
        with stage.timed("ready after"):
            network.start()
        node = network[part.name]
        yield node.url
        stage.scene("stop it (SIGTERM)")
        node.terminate()
        stage.fact("exit code", code := node.wait())
        require(code == 0, "the node should stop with exit code 0")


def fetch(url: str) -> str:
    """A small text from the node. Raises OSError."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
    return body.decode()


# ------------------------------------------------------------------ scenes


async def post_and_read(stage: Stage, url: str, payload: bytes) -> Receipt:
    """The main job: a batch goes in, and comes back from columns that are verified."""
    verifier = LocalKzg()
    with stage.timed("setup loaded"):  # else the first verification would take that much longer
        verifier.load()
    async with Client(url, kzg=verifier) as client:
        stage.scene(f"post {stage.batch_name}, a real OP Stack channel of {len(payload):,} bytes")
        with stage.timed("took"):
            receipt = await client.post(payload, label="demo")
        header = receipt.header
        stage.fact("blob id", receipt.blob_id.hex0x)
        stage.fact("commitment", header.commitment.hex0x)
        stage.fact("merkle root", header.merkle_root.hex0x)
        stage.fact("shape", f"{header.row_count} rows × {POINTS} points = {COLUMNS} columns")
        stage.fact("kept until", datetime.fromtimestamp(receipt.expires_at, UTC).isoformat())

        stage.scene("read it back: 64 data columns, each verified against the id")
        with stage.timed("took"):
            found = await client.get(receipt.blob_id)
        require(found == payload, "the payload should come back")
        stage.fact("payload", f"{len(found):,} bytes, equal to what was posted")

        column = secrets.randbelow(COLUMNS)
        indices = sorted(secrets.SystemRandom().sample(range(POINTS), 3))
        stage.scene(f"verify column {column} and the random points {indices} against the id")
        columns = await client.columns(receipt.blob_id, [column])
        points = await client.points(receipt.blob_id, indices)
        # The client has verified them already; this is what a verifier does with the bytes alone.
        received = Column.parse(columns[0].serialize(), header)
        verify_columns(header, [received])
        verify_points(header, [Point.parse(point.serialize(), header) for point in points])
        sizes = f"{received.byte_length:,} bytes; {points[0].byte_length:,} bytes a point"
        stage.fact("all hold", f"column: {sizes}")
        return receipt


def show_and_damage(stage: Stage, directory: Path, blob_id: BlobId) -> tuple[int, Location]:
    """Where the columns lie, and bytes of one flipped in the file itself."""
    stage.scene("where the columns lie")
    victim = secrets.randbelow(DATA_COLUMNS)
    with opened_store(directory) as store:
        record = store.record(blob_id)
        found = [store.locate(record, index) for index in range(COLUMNS)]
    locations = [location for location in found if location is not None]
    require(len(locations) == COLUMNS, "all columns should be on disk")
    for path, count in Counter(location.path for location in locations).items():
        stage.fact(f"{count} columns", f"{path.relative_to(directory.parent)}, RocksDB's own file")
    chosen = locations[victim]
    stage.scene(f"flip {FLIPPED_BYTES} bytes of data column {victim} in that file, past the store")
    with chosen.path.open("r+b") as file:
        file.seek(chosen.offset)
        before = file.read(FLIPPED_BYTES)
        file.seek(chosen.offset)
        file.write(bytes(byte ^ 0xFF for byte in before))
    stage.fact("file", f"{chosen.path.name} at byte {chosen.offset:,}")
    return victim, chosen


async def read_again(stage: Stage, url: str, receipt: Receipt, payload: bytes, victim: int) -> None:
    """The damage is noticed, the payload comes back all the same, and the column is healed."""
    async with Client(url) as client:
        stage.scene("read the payload again")
        with stage.timed("took"):
            found = await client.get(receipt.blob_id)
        require(found == payload, "the payload should come back from a damaged disk")
        stage.fact("payload", f"{len(found):,} bytes, equal to what was posted")
        stage.scene("what the node noticed")
        damaged, healed = await wait_until_healed(url)
        stage.fact("damaged", f"{damaged:.0f} column noticed")
        stage.fact("healed", f"{healed:.0f} column rebuilt from the others and stored")
        await client.columns(receipt.blob_id, [victim])
        stage.fact("verified", f"column {victim} holds again")


async def wait_until_healed(url: str) -> tuple[float, float]:
    """The node's own counters of damaged and healed columns, once it has healed some."""
    for _ in range(HEALED_S * 10):
        metrics = await asyncio.to_thread(read_metrics, url)
        damaged = metrics["holdfast_damaged_columns_total"]
        healed = metrics["holdfast_healed_columns_total"]
        if damaged and healed:
            break
        await asyncio.sleep(0.1)
    require(bool(damaged and healed), "the node should notice the damage and heal it")
    return damaged, healed


def read_metrics(url: str) -> dict[str, float]:
    """The node's metrics, those without labels."""
    families = text_string_to_metric_families(fetch(f"{url}/metrics"))
    samples = (sample for family in families for sample in family.samples)
    return {sample.name: sample.value for sample in samples if not sample.labels}


@contextmanager
def opened_store(directory: Path) -> Iterator[Store]:
    """The store of a node that is not running."""
    store = Store.open(directory / "store", clock=lambda: int(time.time()))
    try:
        yield store
    finally:
        store.close()


def locate(directory: Path, blob_id: BlobId, index: int) -> Location:
    """Where a column of a node that is not running lies. Raises Failed where it does not."""
    with opened_store(directory) as store:
        location = store.locate(store.record(blob_id), index)
    if location is None:
        raise Failed(f"column {index} is not on disk")
    return location
