"""The numbers of the scheme (CODING.md §1), each derived from the ones before it."""

from typing import Final

MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""Order of BLS12-381's scalar field."""

ELEMENT_BYTES: Final = 32
PIECE_BYTES: Final = 31
"""Payload bytes in one element; the top byte is zero, so the element is below the modulus."""

DATA_POINTS: Final = 4096
"""Points of a row before extension: EIP-4844's FIELD_ELEMENTS_PER_BLOB."""
POINTS: Final = 2 * DATA_POINTS
POINTS_PER_COLUMN: Final = 64
"""EIP-7594's FIELD_ELEMENTS_PER_CELL."""
COLUMNS: Final = POINTS // POINTS_PER_COLUMN
DATA_COLUMNS: Final = DATA_POINTS // POINTS_PER_COLUMN

MAX_ROWS: Final = 1024
MAX_PAYLOAD_BYTES: Final = MAX_ROWS * DATA_POINTS * PIECE_BYTES

HASH_BYTES: Final = 32
COMMITMENT_BYTES: Final = 48
PROOF_BYTES: Final = 48
CELL_BYTES: Final = POINTS_PER_COLUMN * ELEMENT_BYTES
ROW_BYTES: Final = DATA_POINTS * ELEMENT_BYTES
"""One row's data points, as EIP-4844 lays out a blob."""

POINT_PATH_HASHES: Final = POINTS.bit_length() - 1
COLUMN_PATH_HASHES: Final = COLUMNS.bit_length() - 1

VERSION: Final = 1
HEADER_BYTES: Final = 2 + 8 + HASH_BYTES + COMMITMENT_BYTES

# The relations that other modules lean on. A column is a subtree: its height and the path above
# it make a point's path. 31 bytes are always below the modulus.
if 2 ** (POINT_PATH_HASHES - COLUMN_PATH_HASHES) != POINTS_PER_COLUMN:
    raise ImportError("a column's points are not one subtree")
if 256**PIECE_BYTES >= MODULUS:
    raise ImportError("a payload piece does not fit an element")
if (MAX_PAYLOAD_BYTES, HEADER_BYTES) != (130_023_424, 90):
    raise ImportError("the derived numbers are not those of CODING.md")


def row_count_of(payload_length: int) -> int:
    """Rows m of a payload of that many bytes (1 … MAX_PAYLOAD_BYTES): never transmitted."""
    pieces = -(-payload_length // PIECE_BYTES)
    return -(-pieces // DATA_POINTS)


def leaf_bytes(rows: int) -> int:
    """Bytes of one point of a blob of that many rows."""
    return ELEMENT_BYTES * rows


def column_leaves_bytes(rows: int) -> int:
    """Bytes of a column's 64 leaves."""
    return POINTS_PER_COLUMN * leaf_bytes(rows)


def column_bytes(rows: int) -> int:
    """Bytes of a serialised column: index, leaves, path, proof."""
    return 1 + column_leaves_bytes(rows) + COLUMN_PATH_HASHES * HASH_BYTES + PROOF_BYTES


def point_bytes(rows: int) -> int:
    """Bytes of a serialised point: index, leaf, path, aggregate cell, proof."""
    return 2 + leaf_bytes(rows) + POINT_PATH_HASHES * HASH_BYTES + CELL_BYTES + PROOF_BYTES
