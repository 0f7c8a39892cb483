"""Byte ranges and conditions of a GET (RFC 9110 §13, §14). Pure.

Blobs never change, so a strong entity tag, the id itself, is all the validation there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from da_node.errors import MalformedRequest, RangeNotSatisfiable

_DIGITS: Final = 18
"""Longest number read: past any payload's length, and cheap to convert."""
_SPEC: Final = re.compile(rf"bytes\s*=\s*([0-9]{{0,{_DIGITS}}})\s*-\s*([0-9]{{0,{_DIGITS}}})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """A non-empty part of a payload, or all of it."""

    start: int
    """First byte."""
    stop: int
    """One past the last byte."""
    length: int
    """The whole payload's, in bytes."""

    @property
    def content_range(self) -> str:
        """Value of the Content-Range field of a 206."""
        return f"bytes {self.start}-{self.stop - 1}/{self.length}"


def parse_range(value: str | None, length: int) -> ByteRange | None:
    """The one range that a Range field asks for, of a payload of `length` bytes.

    None means: answer the whole. That is so without the field, for a unit other than bytes, and for
    several ranges at once, which a server may ignore. Raises MalformedRequest,
    RangeNotSatisfiable.
    """
    if value is None:
        return None
    unit, _, specs = value.partition("=")
    if unit.strip().lower() != "bytes" or "," in specs:
        return None
    match = _SPEC.fullmatch("bytes=" + specs)
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        raise MalformedRequest(field="Range", value=value[:100], expected="bytes=FIRST-LAST")
    if not first:
        start, stop = max(0, length - int(last)), length
    else:
        start = int(first)
        stop = min(length, int(last) + 1) if last else length
        if last and int(last) < start:
            raise MalformedRequest(field="Range", value=value[:100], expected="in ascending order")
    if start >= length:
        raise RangeNotSatisfiable(value=value[:100], bound=length)
    return ByteRange(start=start, stop=stop, length=length)


def entity_tag(blob_id: str) -> str:
    """The strong entity tag of a blob's payload."""
    return f'"{blob_id}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match says that the client has it already (weak comparison)."""
    if if_none_match is None:
        return False
    listed = (item.strip() for item in if_none_match.split(","))
    return any(item == "*" or item.removeprefix("W/") == tag for item in listed)


def range_applies(if_range: str | None, tag: str) -> bool:
    """Whether If-Range lets the Range field stand (strong comparison; a date never matches)."""
    return if_range is None or if_range.strip() == tag
