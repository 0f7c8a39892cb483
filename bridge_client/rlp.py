"""Recursive Length Prefix, as far as transactions are put together here. Pure.

An item is a string of bytes or a list of items; both carry their length in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_STRING, _LIST = 0x80, 0xC0
_LONGEST_SHORT: Final = 55
"""Bytes whose length fits the first byte; of longer ones that byte says how long the length is."""


def string(data: bytes) -> bytes:
    """A string, encoded."""
    if len(data) == 1 and data[0] < _STRING:
        return data
    return _head(_STRING, len(data)) + data


def number(value: int) -> bytes:
    """A number: its bytes without leading zeros."""
    return string(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def listed(items: Iterable[bytes]) -> bytes:
    """A list of items that are encoded already."""
    body = b"".join(items)
    return _head(_LIST, len(body)) + body


def items(data: bytes) -> Iterator[memoryview]:
    """The items of one list, each still encoded. Raises ValueError where it is not one list."""
    view = memoryview(data)
    if not data or data[0] < _LIST:
        raise ValueError("it is no list")
    start, end = _extent(view, 0)
    if end != len(view):
        raise ValueError(f"the list ends at {end} of {len(view)} bytes")
    while start < end:
        _, stop = _extent(view, start)
        yield view[start:stop]
        start = stop


def _head(kind: int, length: int) -> bytes:
    if length <= _LONGEST_SHORT:
        return bytes((kind + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((kind + _LONGEST_SHORT + len(size),)) + size


def _extent(view: memoryview, at: int) -> tuple[int, int]:
    """Where the content of the item at a place begins and ends. Raises ValueError."""
    first = view[at]
    if first < _STRING:
        return at, at + 1
    kind = _LIST if first >= _LIST else _STRING
    length, start = first - kind, at + 1
    if length > _LONGEST_SHORT:
        start += length - _LONGEST_SHORT
        length = int.from_bytes(view[at + 1 : start], "big")
    if start + length > len(view):
        raise ValueError(f"an item of {length} bytes at {start} of {len(view)}")
    return start, start + length
