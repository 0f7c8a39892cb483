"""Sizes, rates and durations as people write them. Pure.

Sizes: bytes, or a number with kB MB GB TB (powers of 1000) or KiB MiB GiB TiB (powers of 1024).
Rates: a size per second. Durations: seconds, or a number with ms s m h d.
"""

from __future__ import annotations

import math
import re
from typing import Final

_SIZES: Final = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}
_DURATIONS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_QUANTITY: Final = re.compile(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_bytes(text: str) -> int:
    """A size in bytes, rounded down. Raises ValueError with the accepted forms."""
    return int(_quantity(text, _SIZES, 'a size such as 4096, "16MiB" or "2GB"'))


def parse_rate(text: str) -> int:
    """Bytes per second, rounded down; the "/s" may be left out. Raises ValueError."""
    size = text.strip().removesuffix("/s")
    return int(_quantity(size, _SIZES, 'a rate such as 4096, "16KiB/s" or "1MB/s"'))


def parse_seconds(text: str) -> float:
    """A duration in seconds. Raises ValueError with the accepted forms."""
    return _quantity(text, _DURATIONS, 'a duration such as 30, "500ms", "30s" or "5m"')


def format_bytes(size_bytes: int) -> str:
    """The size exactly, in the largest binary unit that it is a whole number of."""
    for name, unit in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{name}"
    return str(size_bytes)


def _quantity(text: str, units: dict[str, int] | dict[str, float], expected: str) -> float:
    match = _QUANTITY.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not {expected}")
    number = match[1].replace("_", "")
    # Sizes stay exact and have no bound; a duration is a float anyway.
    exact = number.isdecimal() and isinstance(factor, int)
    value = int(number) * factor if exact else float(number) * factor
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{text!r} is not {expected}")
    return value
