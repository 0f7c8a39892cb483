"""Points of BLS12-381 as the chain's precompiles take them (EIP-2537): uncompressed. Pure.

There is no cheap decompression on chain, so it is done here. A field element is 64 bytes, one of
the quadratic extension its two coefficients, the constant one first; infinity is all zeros, and no
value of `committee.bls` is infinity. Python's own integers are fast enough: 1 ms a point.
"""

from __future__ import annotations

from typing import Final

from committee.bls import PossessionProof, PublicKey, Signature

G1_BYTES: Final = 128
"""x ‖ y."""
G2_BYTES: Final = 256
"""x's two coefficients ‖ y's."""
FIELD_BYTES: Final = 48
"""Of a coordinate in a compressed point."""

_PADDED_BYTES: Final = 64
_P: Final = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
    "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)
_IS_COMPRESSED: Final = 0x80
_IS_LARGER: Final = 0x20
"""Flag of a compressed point whose y is the larger of the two roots."""
_COORDINATE_BITS: Final = 0x1F

_Fp2 = tuple[int, int]
"""c0 + c1·u, u² = −1."""


def uncompressed_g1(key: PublicKey) -> bytes:
    """A public key's 128 bytes."""
    x = _coordinate(key[:FIELD_BYTES])
    y = _sqrt(x**3 + 4)
    if (y > (_P - 1) // 2) != bool(key[0] & _IS_LARGER):
        y = _P - y
    return _padded(x) + _padded(y)


def uncompressed_g2(point: Signature | PossessionProof) -> bytes:
    """A signature's or proof's 256 bytes."""
    x = (_coordinate(point[FIELD_BYTES:]), _coordinate(point[:FIELD_BYTES]))
    cube = _product(_product(x, x), x)
    y = _sqrt_fp2((cube[0] + 4, cube[1] + 4))
    if _is_larger(y) != bool(point[0] & _IS_LARGER):
        y = (-y[0] % _P, -y[1] % _P)
    return b"".join(map(_padded, (*x, *y)))


def compressed_g2(point: bytes) -> bytes:
    """The 96 bytes of a point's 256; whether it lies on the curve is for whoever reads them to find
    out. ValueError for infinity, and for bytes that are no coordinates.
    """
    if len(point) != G2_BYTES or not any(point):
        raise ValueError(f"{len(point)} bytes are no point of G2 but infinity")
    padded = [point[start : start + _PADDED_BYTES] for start in range(0, G2_BYTES, _PADDED_BYTES)]
    x0, x1, y0, y1 = (int.from_bytes(one, "big") for one in padded)
    if max(x0, x1, y0, y1) >= _P:
        raise ValueError("a coordinate is not below the field's modulus")
    flags = _IS_COMPRESSED | (_IS_LARGER if _is_larger((y0, y1)) else 0)
    data = x1.to_bytes(FIELD_BYTES, "big") + x0.to_bytes(FIELD_BYTES, "big")
    return bytes((data[0] | flags,)) + data[1:]


def _coordinate(data: bytes) -> int:
    return int.from_bytes(bytes((data[0] & _COORDINATE_BITS,)) + data[1:], "big")


def _padded(value: int) -> bytes:
    return value.to_bytes(_PADDED_BYTES, "big")


def _is_larger(y: _Fp2) -> bool:
    """Whether y is larger than −y: by the coefficient of u, or where that is 0 by the other."""
    return (y[1] or y[0]) > (_P - 1) // 2


def _product(a: _Fp2, b: _Fp2) -> _Fp2:
    return (a[0] * b[0] - a[1] * b[1]) % _P, (a[0] * b[1] + a[1] * b[0]) % _P


def _sqrt(square: int) -> int:
    """A root of a square; p is 3 modulo 4."""
    return pow(square, (_P + 1) // 4, _P)


def _sqrt_fp2(square: _Fp2) -> _Fp2:
    """A root of a square: its constant coefficient t solves t² = (c0 ± √(c0² + c1²)) / 2."""
    c0, c1 = square[0] % _P, square[1] % _P
    norm = _sqrt(c0 * c0 + c1 * c1)
    half = pow(2, -1, _P)
    t_squared = (c0 + norm) * half % _P
    t = _sqrt(t_squared)
    if t * t % _P != t_squared:
        t = _sqrt((c0 - norm) * half)
    if t == 0:  # the root is a multiple of u
        return 0, _sqrt(-c0)
    return t, c1 * pow(2 * t, -1, _P) % _P
