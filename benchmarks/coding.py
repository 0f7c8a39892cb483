"""The coding core beside `ckzg` and `hashlib`."""

from __future__ import annotations

import hashlib
import os
import random
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from itertools import cycle, islice

import ckzg

from benchmarks.measure import Row, at_most, faster, paired, seconds
from da_node.coding import (
    COLUMNS,
    DATA_COLUMNS,
    POINTS,
    POINTS_PER_COLUMN,
    ROW_BYTES,
    EncodedBlob,
    LocalKzg,
    _kernel,
    encode,
    leaf_bytes,
    payload_of,
    row_count_of,
    verify_columns,
)
from da_node.coding.blob import start_by_rows, threads_for
from da_node.coding.kzg import SETUP_FILE, load_setup

MIB = 1 << 20
ALL = os.cpu_count() or 1


def run() -> Iterator[Row]:
    """All rows of this file; the random payloads differ from run to run, the work does not."""
    with resources.as_file(resources.files("da_node.coding") / SETUP_FILE) as path:
        setup = load_setup(path, 8)
    prover, verifier = LocalKzg(precompute=8), LocalKzg(precompute=0)
    prover.load()
    verifier.load()
    per_blob = seconds_per_blob(setup)
    for mebibytes, bound in ((1, None), (16, 40), (64, None)):
        yield from encoding(mebibytes, bound, prover, per_blob)
    yield extending(setup)
    blob = encode(os.urandom(16 * MIB), prover, threads=ALL)
    for threads in (1, ALL):
        yield verifying(blob, verifier, threads)
        yield from recovering(blob, threads)
        yield reading(blob, verifier, threads)


def random_row() -> bytes:
    return b"".join(b"\x00" + os.urandom(31) for _ in range(ROW_BYTES // 32))


def seconds_per_blob(setup: object) -> list[float]:
    """What the per-blob scheme takes for each of the 133 blobs that 16 MiB fill."""

    def one(row: bytes) -> None:
        ckzg.blob_to_kzg_commitment(row, setup)
        ckzg.compute_cells_and_kzg_proofs(row, setup)

    rows = [random_row() for _ in range(8)]
    one(rows[0])
    return [seconds(partial(one, row)) for row in islice(cycle(rows), row_count_of(16 * MIB))]


def encoding(
    mebibytes: int, bound: float | None, kzg: LocalKzg, per_blob: list[float]
) -> Iterator[Row]:
    payload = os.urandom(mebibytes * MIB)
    blobs = row_count_of(len(payload))
    theirs = sum(islice(cycle(per_blob), blobs))
    for threads in (1, ALL):
        once = partial(encode, payload, kzg, threads=threads)
        ours = statistics.median(seconds(once) for _ in range(3))
        speed = len(payload) / MIB / ours
        yield faster(
            f"encode {mebibytes} MiB, {threads} thread(s): {speed:.0f} MiB/s",
            ours,
            f"{blobs} per-blob commitments and proofs",
            theirs,
            bound if threads == 1 else None,
        )


def extending(setup: object) -> Row:
    rows = 32
    leaves = bytearray(os.urandom(POINTS * leaf_bytes(rows)))
    for start in range(0, len(leaves), 32):
        leaves[start] = 0
    theirs_rows = [random_row() for _ in range(rows)]

    def compute_cells() -> None:
        for row in theirs_rows:
            ckzg.compute_cells(row, setup)

    ours, theirs, ratio = paired(
        lambda: _kernel.extend(leaves, rows, 0, rows),
        compute_cells,
        7,
    )
    row = faster(
        "extend one row, one thread", ours / rows, "ckzg.compute_cells", theirs / rows, 1.5
    )
    return Row(**{**vars(row), "ratio": 1 / ratio, "reached": 1 / ratio >= 1.5})


def hash_leaves(blob: EncodedBlob, columns: int) -> None:
    """SHA-256 over the bytes of that many columns, in pieces of a leaf."""
    width = leaf_bytes(blob.row_count)
    for start in range(0, columns * POINTS_PER_COLUMN * width, width):
        hashlib.sha256(blob.leaves[start : start + width]).digest()


def verifying(blob: EncodedBlob, kzg: LocalKzg, threads: int) -> Row:
    columns = [blob.column(j) for j in random.sample(range(COLUMNS), 32)]

    def limit() -> None:
        hash_leaves(blob, 32)
        kzg.verify_cells(
            [blob.header.commitment] * 32,
            [column.index for column in columns],
            [column.cell for column in columns],
            [column.proof for column in columns],
        )

    ours, theirs, ratio = paired(
        lambda: verify_columns(blob.header, columns, kzg, threads=threads), limit, 9
    )
    return at_most(
        f"verify 32 columns of 16 MiB, {threads} thread(s)",
        ours,
        "SHA-256 + one KZG batch",
        theirs,
        ratio,
        1.8,
    )


def recovering(blob: EncodedBlob, threads: int) -> Iterator[Row]:
    """Arithmetic only: the kernel over leaves of which half are known."""
    rows = blob.row_count
    leaves = bytearray(blob.leaves)

    def spread(work: Callable[[int, int], None]) -> None:
        with threads_for(threads) as pool:
            for task in start_by_rows(pool, rows, work):
                task.result()

    def extend() -> None:
        spread(lambda first, last: _kernel.extend(leaves, rows, first, last))

    def recover_random() -> None:
        known = bytearray(POINTS)
        for column in random.sample(range(COLUMNS), DATA_COLUMNS):
            start = column * POINTS_PER_COLUMN
            known[start : start + POINTS_PER_COLUMN] = b"\x01" * POINTS_PER_COLUMN
        table = bytearray(POINTS * 32)
        _kernel.locator(known, table)
        spread(lambda first, last: _kernel.recover(leaves, rows, first, last, known, table))

    def recover_parity() -> None:
        spread(lambda first, last: _kernel.extend_back(leaves, rows, first, last))

    for what, work, bound in (
        ("a random 64 of 128 columns", recover_random, 4.0),
        ("the 64 parity columns", recover_parity, 1.5),
    ):
        ours, theirs, ratio = paired(work, extend, 5)
        yield at_most(
            f"recover 16 MiB from {what}, {threads} thread(s)",
            ours,
            "our own extend",
            theirs,
            ratio,
            bound,
        )


def reading(blob: EncodedBlob, kzg: LocalKzg, threads: int) -> Row:
    columns = [blob.column(j) for j in range(DATA_COLUMNS)]

    def read() -> None:
        verified = verify_columns(blob.header, columns, kzg, threads=threads)
        payload_of(blob.header, verified)

    ours, theirs, ratio = paired(read, lambda: hash_leaves(blob, DATA_COLUMNS), 9)
    return at_most(
        f"verified read of 16 MiB from the data columns, {threads} thread(s)",
        ours,
        "SHA-256",
        theirs,
        ratio,
        4.0,
    )
