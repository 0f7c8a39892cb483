"""Figures as people read them. Pure."""

from __future__ import annotations

from typing import Final

_NAMES: Final = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"), (1.0, ""))
_UNKNOWN: Final = 0.5
"""From here on a bound says nothing."""


def chance_text(error: float) -> str:
    """`1 in 1.05 million`; `unknown` from one half on."""
    if error <= 0:
        return "none"
    if error >= _UNKNOWN:
        return "unknown"
    odds = 1 / error
    unit, name = next(one for one in _NAMES if odds >= 0.9995 * one[0] or one[0] == 1.0)
    figure = odds / unit
    digits = 2 if name and figure < 10 else 1 if name and figure < 100 else 0
    text = f"{figure:,.{digits}f}"
    return f"1 in {text.rstrip('0').rstrip('.') if '.' in text else text}{name}"


def seconds_text(span_s: float) -> str:
    """`72 ms`, `13.3 s`, `12 min`, `3 h`, `18 d`; negative ones are 0."""
    if span_s < 1:
        return f"{max(0, round(span_s * 1000))} ms"
    if span_s < 100:
        return f"{span_s:.1f} s"
    if span_s < 5400:
        return f"{round(span_s / 60)} min"
    return f"{round(span_s / 3600)} h" if span_s < 172_800 else f"{round(span_s / 86_400)} d"


def bytes_text(count: int) -> str:
    """`1.9 MiB`, `16 MiB`, `293 KiB`: rounded, unlike sizes in settings."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.{1 if count < 10 * unit else 0}f} {name}"
    return f"{count} B"


def short_id(text: str) -> str:
    """The beginning and the end of a long hex string."""
    return text if len(text) <= 16 else f"{text[:10]}…{text[-4:]}"


def clock_text(unix_s: float) -> str:
    """Hours, minutes and seconds, UTC."""
    second = int(unix_s) % 86_400
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
