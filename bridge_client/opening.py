"""What shows on chain that one point of a blob holds. Pure.

    opening = leaf 32·m ‖ path 13·32 ‖ proof 48        32·m + 464 bytes

The proof is one of a single point (EIP-4844), unlike that of a point as it travels, which is its
whole cell's. Making it takes the aggregate row: the values of all 4096 data points.
"""

from __future__ import annotations

from typing import Final

from da_node.coding import LocalKzg, Point
from da_node.coding.parameters import MODULUS, POINTS

_INDEX_BITS: Final = POINTS.bit_length() - 1
_OMEGA: Final = pow(7, (MODULUS - 1) // POINTS, MODULUS)
"""A primitive root of unity of order 8192."""


def evaluation_point(index: int) -> int:
    """Where the polynomial of a row has its value at point `index` (0 … 8191)."""
    reversed_index = int(f"{index:0{_INDEX_BITS}b}"[::-1], 2)
    return pow(_OMEGA, reversed_index, MODULUS)


def opening_of(point: Point, row: bytes, kzg: LocalKzg) -> bytes:
    """The opening of a point of the blob whose aggregate row (4096 elements) is at hand.

    Whether the point holds is for the contract to find out.
    """
    proof = kzg.open_at(row, evaluation_point(point.index))
    return bytes(point.leaf) + point.path + proof
