"""A row is extended exactly as EIP-7594 extends a blob: the reference library is the oracle."""

from __future__ import annotations

from random import Random
from typing import Any

import ckzg
import slow

from da_node.coding import POINTS, ROW_BYTES, LocalKzg, _kernel, local_verifier
from da_node.coding.parameters import ELEMENT_BYTES


def test_extension_is_compute_cells_row_by_row() -> None:
    setup = _setup()
    source = Random(9)
    rows = [
        b"".join(source.randrange(slow.MODULUS).to_bytes(32, "big") for _ in range(4096))
        for _ in range(9)
    ]
    rows += [bytes(ROW_BYTES), (slow.MODULUS - 1).to_bytes(32, "big") * 4096]
    count = len(rows)
    leaves = bytearray(POINTS * ELEMENT_BYTES * count)
    for number, row in enumerate(rows):
        _place(leaves, count, number, row)
    _kernel.extend(leaves, count, 0, count)
    for number, row in enumerate(rows):
        assert _row(leaves, count, number) == b"".join(ckzg.compute_cells(row, setup)), number


def test_the_twin_extends_as_compute_cells_does() -> None:
    source = Random(10)
    row = [source.randrange(slow.MODULUS) for _ in range(4096)]
    cells = ckzg.compute_cells(b"".join(y.to_bytes(32, "big") for y in row), _setup())
    assert b"".join(y.to_bytes(32, "big") for y in slow.extend(row)) == b"".join(cells)


def _setup() -> Any:
    """The verifier's, which other tests have loaded already: it takes longer than all of these."""
    kzg = local_verifier()
    assert isinstance(kzg, LocalKzg)
    kzg.load()
    return kzg._setup


def _place(leaves: bytearray, count: int, number: int, row: bytes) -> None:
    for point in range(len(row) // 32):
        start = 32 * (point * count + number)
        leaves[start : start + 32] = row[32 * point : 32 * point + 32]


def _row(leaves: bytearray, count: int, number: int) -> bytes:
    return b"".join(
        leaves[32 * (point * count + number) : 32 * (point * count + number) + 32]
        for point in range(POINTS)
    )
