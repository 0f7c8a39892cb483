"""The scheme once more, slow and obvious: plain integers, lists and recursion.

Written from the scheme's text alone; it shares no code with `da_node`, and imports none of it.
"""

from __future__ import annotations

from hashlib import sha256

MODULUS = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
DATA_POINTS = 4096
POINTS = 8192
ROOT = pow(7, (MODULUS - 1) // POINTS, MODULUS)
"""EIP-7594's primitive 8192nd root of unity; 7 generates the multiplicative group."""


# ---------------------------------------------------------------- payload, rows, leaves


def pack(payload: bytes) -> list[list[int]]:
    """Rows of 4096 integers: piece e stands at point e // m of row e % m."""
    pieces = [payload[start : start + 31] for start in range(0, len(payload), 31)]
    rows = -(-len(pieces) // DATA_POINTS)
    elements = [int.from_bytes(piece.ljust(31, b"\x00"), "big") for piece in pieces]
    elements += [0] * (rows * DATA_POINTS - len(elements))
    return [elements[row::rows] for row in range(rows)]


def unpack(rows: list[list[int]], length: int) -> bytes:
    """The low 31 bytes of the data points' elements, in order."""
    low = (row[point] % 256**31 for point in range(DATA_POINTS) for row in rows)
    return b"".join(element.to_bytes(31, "big") for element in low)[:length]


def leaves_of(rows: list[list[int]]) -> list[bytes]:
    """Point p of every row, concatenated."""
    return [b"".join(y.to_bytes(32, "big") for y in point) for point in zip(*rows, strict=True)]


# ---------------------------------------------------------------- the code


def evaluate(coefficients: list[int], root: int) -> list[int]:
    """The polynomial's values at root^0, root^1, …: as many as it has coefficients."""
    if len(coefficients) == 1:
        return coefficients
    even = evaluate(coefficients[::2], root * root % MODULUS)
    odd = evaluate(coefficients[1::2], root * root % MODULUS)
    power, twisted = 1, []
    for value in odd:
        twisted.append(power * value % MODULUS)
        power = power * root % MODULUS
    sums = [(a + b) % MODULUS for a, b in zip(even, twisted, strict=True)]
    return sums + [(a - b) % MODULUS for a, b in zip(even, twisted, strict=True)]


def interpolate(values: list[int], root: int) -> list[int]:
    """Coefficients of the polynomial with these values at root^0, root^1, …"""
    scaled = evaluate(values, pow(root, -1, MODULUS))
    by = pow(len(values), -1, MODULUS)
    return [value * by % MODULUS for value in scaled]


def exponent_of(point: int) -> int:
    """Point p lies at ROOT to the power of p with its 13 bits reversed (EIP-7594)."""
    return int(f"{point:013b}"[::-1], 2)


def extend(data: list[int]) -> list[int]:
    """All 8192 points of the row of degree below 4096 that has these first 4096."""
    values = [0] * DATA_POINTS
    for point, value in enumerate(data):
        values[exponent_of(point) // 2] = value
    coefficients = interpolate(values, ROOT * ROOT % MODULUS)
    everywhere = evaluate(coefficients + [0] * DATA_POINTS, ROOT)
    return [everywhere[exponent_of(point)] for point in range(POINTS)]


def combine(rows: list[list[int]], gamma: int) -> list[int]:
    """The aggregate row: at each point the sum of gamma^i times row i."""
    return [
        sum(pow(gamma, i, MODULUS) * y for i, y in enumerate(point)) % MODULUS
        for point in zip(*rows, strict=True)
    ]


# ---------------------------------------------------------------- tree


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 over a power of two of leaves."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = len(leaves) // 2
    left, right = merkle_root(leaves[:half]), merkle_root(leaves[half:])
    return sha256(b"\x01" + left + right).digest()


def merkle_path(leaves: list[bytes], index: int, size: int = 1) -> bytes:
    """Siblings of the `index`-th subtree of `size` leaves, from the bottom up."""
    if len(leaves) == size:
        return b""
    half = len(leaves) // 2
    left, right = leaves[:half], leaves[half:]
    if index * size < half:
        return merkle_path(left, index, size) + merkle_root(right)
    return merkle_path(right, index - half // size, size) + merkle_root(left)


# ---------------------------------------------------------------- challenge, header, id


def challenge(length: int, root: bytes) -> int:
    """RFC 9380 hash_to_field: 48 bytes are two blocks of expand_message_xmd."""
    domain = b"HOLDFAST-V1-CHALLENGE-SHA256"
    suffix = domain + bytes([len(domain)])
    message = b"\x00\x01" + length.to_bytes(8, "big") + root
    b0 = sha256(bytes(64) + message + b"\x00\x30" + b"\x00" + suffix).digest()
    b1 = sha256(b0 + b"\x01" + suffix).digest()
    mixed = (int.from_bytes(b0, "big") ^ int.from_bytes(b1, "big")).to_bytes(32, "big")
    b2 = sha256(mixed + b"\x02" + suffix).digest()
    return int.from_bytes((b1 + b2)[:48], "big") % MODULUS


def header(length: int, root: bytes, commitment: bytes) -> bytes:
    """The 90 bytes."""
    return b"\x00\x01" + length.to_bytes(8, "big") + root + commitment


def blob_id(header_bytes: bytes) -> bytes:
    """What the blob is called."""
    return sha256(b"HOLDFAST-V1-BLOB-ID" + header_bytes).digest()
