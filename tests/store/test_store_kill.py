"""SIGKILL at random moments: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from put_until_killed import expiry_in, quarry
from store_specimens import EXPIRY, Clock, Notes

from da_node.coding import EncodedBlob
from da_node.errors import UnknownBlob
from da_node.store import Store
from da_node.store.database import RocksDatabase
from da_node.store.door import Database
from da_node.store.ledger import undo_unfinished

LINES_OF_A_ROUND = 20
"""About what a child says when it is not killed: writes and acknowledgements."""

HELD = set(range(0, 128, 2))


@pytest.mark.parametrize("rounds", [5, pytest.param(60, marks=pytest.mark.crash)])
def test_after_a_kill_everything_acknowledged_is_there_and_whole(
    tmp_path: Path, blobs: list[EncodedBlob], rounds: int
) -> None:
    (tmp_path / "quarry").write_bytes(pickle.dumps(quarry(blobs)))
    acknowledged: dict[int, int] = {}
    moments = random.Random(rounds)
    for round_number in range(rounds):
        said = killed_child(tmp_path, round_number, moments.randrange(LINES_OF_A_ROUND))
        for line in said:
            if line.startswith("ack"):
                _, number, expires_at = line.split()
                acknowledged[int(number)] = int(expires_at)
        check(tmp_path / "store", blobs, acknowledged, expiry_in(round_number))
    assert acknowledged


def killed_child(directory: Path, round_number: int, lines: int) -> list[str]:
    """Start a child, kill it when it has said so many lines; returns all that it had said."""
    script = Path(__file__).with_name("put_until_killed.py")
    command = [sys.executable, script, directory / "store", directory / "quarry"]
    with subprocess.Popen(
        [*map(str, command), str(round_number)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = [line for _, line in zip(range(lines), child.stdout, strict=False)]
        child.kill()
        said += child.stdout
        # It may have been done before the kill; it must not have failed.
        assert child.wait() in (0, -signal.SIGKILL)
    return said


def check(
    directory: Path, blobs: list[EncodedBlob], acknowledged: dict[int, int], newest: int
) -> None:
    notes = Notes()
    store = Store.open(directory, clock=Clock(), headroom_bytes=0, observer=notes)
    reserved = 0
    for number, blob in enumerate(blobs):
        try:
            record = store.record(blob.blob_id)
        except UnknownBlob:
            assert number not in acknowledged
            continue
        assert acknowledged.get(number, EXPIRY) <= record.expires_at <= newest
        assert set(record.columns) == HELD
        for index in record.columns:
            column = store.read_column(record, index)
            assert column is not None
            assert column.serialize() == blob.column(index).serialize()
        reserved += record.reserved_bytes
    assert store.usage().bytes_reserved == reserved
    assert notes.damaged == []
    store.close()
    assert_nothing_unfinished(directory)


def assert_nothing_unfinished(directory: Path) -> None:
    database: Database = RocksDatabase(directory)
    assert undo_unfinished(database) == 0
    database.close()
