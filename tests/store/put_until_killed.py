"""Put blobs from several threads until killed. Run by test_store_kill.py.

Arguments: the store's directory, a pickle of `quarry`, the round. Says on standard output, one
line each: a write to the database, and an acknowledgement as `ack NUMBER EXPIRY`.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from store_specimens import EXPIRY, Clock

from da_node.coding import BlobId, EncodedBlob, Header, Proof, VerifiedColumn, readmit_column
from da_node.retention import HOUR_S
from da_node.store import Store
from da_node.store.database import RocksDatabase
from da_node.store.door import Step

THREADS = 3

Quarry = list[tuple[bytes, bytes, list[tuple[bytes, ...]]]]


def quarry(blobs: list[EncodedBlob]) -> Quarry:
    """Blobs as bytes, so that a child need not encode them again."""
    return [
        (
            blob.header.serialize(),
            blob.blob_id,
            [
                (bytes(c.leaves), c.path, c.proof, c.leaf_hashes, c.cell)
                for c in (blob.column(index) for index in range(0, 128, 2))
            ],
        )
        for blob in blobs
    ]


def hewn(stones: Quarry) -> list[tuple[Header, list[VerifiedColumn]]]:
    """The verified columns of each, every other one of the blob's."""
    blobs = []
    for header_bytes, blob_id, columns in stones:
        header = Header.parse_trusted(header_bytes, BlobId(blob_id))
        blobs.append(
            (
                header,
                [
                    readmit_column(header, 2 * n, leaves, path, Proof(proof), hashes, cell)
                    for n, (leaves, path, proof, hashes, cell) in enumerate(columns)
                ],
            )
        )
    return blobs


def expiry_in(round_number: int) -> int:
    """Each round moves all blobs to a later hour."""
    return EXPIRY + round_number * HOUR_S


class Telling(RocksDatabase):
    """Tells of each write before it is made, so that it can be killed in the middle of many."""

    def write(self, steps: Sequence[Step]) -> None:
        say("write")
        super().write(steps)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(directory: Path, stones: Path, round_number: int) -> None:
    blobs = hewn(pickle.loads(stones.read_bytes()))
    store = Store(Telling(directory), clock=Clock(), headroom_bytes=0)

    def put(number: int) -> None:
        header, columns = blobs[number]
        stored = store.put_blob(header, columns, expires_at=expiry_in(round_number))
        say(f"ack {number} {stored.expires_at}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(put, range(len(blobs))))
    store.prune(expiry_in(round_number - 1) + 2 * HOUR_S)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
