"""What clients write into queries and header fields, parsed within bounds. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from da_node.errors import IndexOutOfRange, MalformedRequest, RepeatedIndex

LABEL_BYTES: Final = 64
"""Longest label, in bytes of UTF-8."""
FEED_LIMIT: Final = 1000
"""Most events of one feed page."""
FEED_DEFAULT: Final = 100
"""Events of a feed page that names no limit."""
CURSOR_BOUND: Final = (1 << 63) - 1
"""Largest cursor."""

_NUMBER: Final = re.compile(r"[0-9]{1,19}")
"""Enough digits for every cursor."""
_SHOWN: Final = 100
"""Characters of an offending value that go into the answer."""


def single(values: Sequence[str], field: str) -> str | None:
    """The parameter's one value, None if absent. Raises MalformedRequest if given twice."""
    if len(values) > 1:
        raise MalformedRequest(field=field, value=", ".join(values)[:_SHOWN], expected="given once")
    return values[0] if values else None


def number(text: str, field: str, *, least: int, most: int) -> int:
    """A decimal number within its bounds. Raises MalformedRequest."""
    if _NUMBER.fullmatch(text) and least <= int(text) <= most:
        return int(text)
    raise MalformedRequest(
        field=field, value=text[:_SHOWN], expected=f"a number from {least} to {most}"
    )


def indices(text: str | None, unit: str, *, count: int, most: int) -> list[int]:
    """The indices of columns or points, in the order asked.

    `count` is how many there are, `most` how many one request may name. Raises MalformedRequest,
    IndexOutOfRange, RepeatedIndex.
    """
    expected = f"1 to {most} indices, separated by commas"
    parts = text.split(",") if text else []
    if not 1 <= len(parts) <= most:
        shown = (text or "")[:_SHOWN]
        raise MalformedRequest(field=unit, value=shown, expected=expected)
    found: dict[int, None] = {}
    for part in parts:
        if not _NUMBER.fullmatch(part):
            raise MalformedRequest(field=unit, value=part[:_SHOWN], expected=expected)
        index = int(part)
        if index >= count:
            raise IndexOutOfRange(unit=unit, value=index, bound=count - 1)
        if index in found:
            raise RepeatedIndex(unit=unit, value=index)
        found[index] = None
    return list(found)


def label(text: str | None, field: str) -> str:
    """A label, empty if absent. Raises MalformedRequest."""
    if not text:
        return ""
    # Bytes of a field that are not UTF-8 arrive as lone surrogates, which are not printable.
    if not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > LABEL_BYTES:
        raise MalformedRequest(
            field=field,
            value=text.encode("ascii", "backslashreplace").decode()[:_SHOWN],
            expected=f"at most {LABEL_BYTES} bytes of printable UTF-8",
        )
    return text
