"""Curve points by `py_ecc`, an independent library, encoded as EIP-2537 has them."""

from __future__ import annotations

from typing import Any

import py_ecc_oracle  # before the rest of py_ecc: it puts the recursion limit back
from py_ecc.bls.point_compression import decompress_G1, decompress_G2
from py_ecc.optimized_bls12_381 import FQ, FQ2, b, b2, curve_order, is_inf, multiply, normalize
from py_ecc_oracle import modular_squareroot_in_FQ2

assert py_ecc_oracle
P = FQ.field_modulus


def encoded_g1(point: Any) -> bytes:
    return b"".join(c.n.to_bytes(64, "big") for c in normalize(point))


def encoded_g2(point: Any) -> bytes:
    return b"".join(int(c).to_bytes(64, "big") for xy in normalize(point) for c in xy.coeffs)


def decompressed_g1(data: bytes) -> bytes:
    return encoded_g1(decompress_G1(int.from_bytes(data, "big")))


def decompressed_g2(data: bytes) -> bytes:
    halves = int.from_bytes(data[:48], "big"), int.from_bytes(data[48:], "big")
    return encoded_g2(decompress_G2(halves))


def negated_g1(point: bytes) -> bytes:
    """−P of an encoded P."""
    return point[:64] + (P - int.from_bytes(point[64:], "big")).to_bytes(64, "big")


def g1_outside() -> bytes:
    """A point of the curve outside the subgroup."""
    for x in range(100):
        square = FQ(x) ** 3 + b
        root = square ** ((P + 1) // 4)
        point = (FQ(x), root, FQ(1))
        if root * root == square and not is_inf(multiply(point, curve_order)):
            return encoded_g1(point)
    raise AssertionError("the cofactor is not 1")


def g2_outside() -> bytes:
    """The same of the other curve."""
    for x in range(100):
        abscissa = FQ2([x, 1])
        root = modular_squareroot_in_FQ2(abscissa**3 + b2)
        if root is not None and not is_inf(multiply((abscissa, root, FQ2.one()), curve_order)):
            return encoded_g2((abscissa, root, FQ2.one()))
    raise AssertionError("the cofactor is not 1")
