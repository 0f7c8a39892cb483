"""A payload, or a range of it, from columns (CODING.md §2: decoding is total)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from da_node.coding import _kernel
from da_node.coding.column import Column, VerifiedColumn
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg
from da_node.coding.parameters import (
    DATA_COLUMNS,
    ELEMENT_BYTES,
    PIECE_BYTES,
    POINTS_PER_COLUMN,
)
from da_node.coding.recovery import admit_columns, recovered_leaves
from da_node.errors import RangeNotSatisfiable


def payload_of(
    header: Header, columns: Iterable[Column], kzg: Kzg | None = None, *, threads: int = 1
) -> bytearray:
    """The payload: straight from the 64 data columns, or decoded from any 64.

    Columns not verified yet are verified first. Raises NotEnough, and what verify_columns raises.
    """
    verified = admit_columns(header, columns, kzg, threads=threads)
    return _read(header, verified, 0, header.payload_length, threads=threads)


def decode_range(
    header: Header,
    columns: Iterable[Column],
    start: int,
    stop: int,
    kzg: Kzg | None = None,
    *,
    threads: int = 1,
) -> bytearray:
    """Payload bytes start … stop-1, from just the data columns that hold them or from any 64.

    Columns not verified yet are verified first. Raises RangeNotSatisfiable, NotEnough, and what
    verify_columns raises.
    """
    needed = columns_of_range(header, start, stop)
    verified = admit_columns(header, columns, kzg, threads=threads) if needed else []
    return _read(header, verified, start, stop, threads=threads)


def columns_of_range(header: Header, start: int, stop: int) -> range:
    """The data columns that hold payload bytes start … stop-1. Raises RangeNotSatisfiable."""
    if not 0 <= start <= stop <= header.payload_length:
        raise RangeNotSatisfiable(value=f"{start}-{stop}", bound=header.payload_length)
    if start == stop:
        return range(0)
    width = payload_bytes_per_column(header)
    return range(start // width, (stop - 1) // width + 1)


def payload_bytes_per_column(header: Header) -> int:
    """Payload bytes that one data column holds; column j holds the j-th such slice."""
    return POINTS_PER_COLUMN * header.row_count * PIECE_BYTES


def _read(
    header: Header, columns: Sequence[VerifiedColumn], start: int, stop: int, *, threads: int
) -> bytearray:
    out = bytearray(stop - start)
    width = payload_bytes_per_column(header)
    slices = data_leaves(header, columns, columns_of_range(header, start, stop), threads=threads)
    for index, leaves in slices.items():
        first, last = max(start, index * width), min(stop, (index + 1) * width)
        part = memoryview(out)[first - start : last - start]
        _unpack_part(leaves, first - index * width, part)
    return out


def data_leaves(
    header: Header, columns: Sequence[VerifiedColumn], wanted: range, *, threads: int = 1
) -> dict[int, memoryview]:
    """Leaves of the wanted data columns: those held, or decoded from any 64. Raises NotEnough."""
    held = {
        column.index: memoryview(column.leaves) for column in columns if column.index < DATA_COLUMNS
    }
    if all(index in held for index in wanted):
        return {index: held[index] for index in wanted}
    leaves = memoryview(recovered_leaves(header, columns, threads=threads))
    width = len(leaves) // (2 * DATA_COLUMNS)
    return {index: leaves[index * width : (index + 1) * width] for index in wanted}


def _unpack_part(leaves: memoryview, offset: int, out: memoryview) -> None:
    """Payload bytes from `offset` on of one column's leaves."""
    skipped, inside = divmod(offset, PIECE_BYTES)
    if inside == 0:
        _kernel.unpack(leaves[skipped * ELEMENT_BYTES :], out)
        return
    whole = bytearray(inside + len(out))
    _kernel.unpack(leaves[skipped * ELEMENT_BYTES :], whole)
    out[:] = whole[inside:]
