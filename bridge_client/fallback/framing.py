"""How a payload lies on L1, in parts that one transaction takes. Pure.

As **blobs**: an Ethereum blob is a row of the blob. Both are 4096 elements in the same order
(CODING.md §1), so there is nothing to frame: length and padding are those of the scheme, every
element is below the modulus, and how many rows there are follows from the header, which stands in
the call. A part is up to six rows in a row.

As **call data**: a part is a stretch of the payload itself.

The id is bound by the header, whose hash it is, and by encoding the payload that was put together:
it must give this id again. A dishonest encoder's id, which no payload encodes to (CODING.md §2), is
therefore not found here.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge_client.sidecar import MOST_BLOBS
from bridge_client.transactions import MOST_GAS
from da_node.coding import (
    DATA_POINTS,
    ELEMENT_BYTES,
    ROW_BYTES,
    EncodedBlob,
    row_count_of,
)
from da_node.service import Bug

POOL_BYTES: Final = 128 * 1024
"""Of a transaction without blobs, above which nodes do not pass it on."""
AROUND_BYTES: Final = 1024
"""Of such a transaction beside the part: 356 of call data, 31 of padding, 200 of fields at most."""
PART_BYTES: Final = POOL_BYTES - AROUND_BYTES
"""Most payload in one transaction's call data."""
TRANSACTION_GAS: Final = 21_000
FLOOR_BYTE_GAS: Final = 40
"""Of a byte of call data that is not zero, where little else is done (EIP-7623)."""

if TRANSACTION_GAS + FLOOR_BYTE_GAS * POOL_BYTES > MOST_GAS:
    raise ImportError("the gas of a transaction does not suffice for a part of call data")


class Form(enum.Enum):
    """How a payload lies on L1."""

    BLOBS = "blobs"
    CALL_DATA = "calldata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one transaction takes of a payload."""

    form: Form
    first: int
    """A row (blobs), or a byte (call data)."""
    count: int
    """Rows, or bytes; 1 at least."""


def units_of(payload_length: int, form: Form) -> int:
    """How many rows, or bytes, make the whole payload."""
    return row_count_of(payload_length) if form is Form.BLOBS else payload_length


def parts_of(payload_length: int, form: Form) -> tuple[Part, ...]:
    """All parts of a payload, in order: one to 171 as blobs, one to 1000 as call data."""
    most = MOST_BLOBS if form is Form.BLOBS else PART_BYTES
    whole = units_of(payload_length, form)
    return tuple(
        Part(form=form, first=first, count=min(most, whole - first))
        for first in range(0, whole, most)
    )


def rows_of(blob: EncodedBlob, part: Part) -> list[bytes]:
    """The rows of a part, 131,072 bytes each. Element `p` of row `i` is element `i` of leaf `p`."""
    leaves = np.frombuffer(blob.leaves, np.uint8, blob.row_count * ROW_BYTES)
    matrix = leaves.reshape(DATA_POINTS, blob.row_count, ELEMENT_BYTES)
    return [matrix[:, row].tobytes() for row in range(part.first, part.first + part.count)]


def payload_of_rows(rows: Sequence[bytes], payload_length: int) -> bytes:
    """The payload of all rows in order, whatever the top bytes of their elements are."""
    if len(rows) != row_count_of(payload_length) or any(len(row) != ROW_BYTES for row in rows):
        raise Bug(reason=f"{len(rows)} rows are not those of {payload_length} bytes")
    shape = (len(rows), DATA_POINTS, ELEMENT_BYTES)
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(shape)
    return matrix.transpose(1, 0, 2)[:, :, 1:].tobytes()[:payload_length]
