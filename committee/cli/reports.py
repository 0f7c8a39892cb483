"""How the commands print what is not text."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: int) -> str:
    """Unix seconds, and the date where there is one."""
    try:
        return f"{seconds} ({datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    except (ValueError, OverflowError, OSError):  # 64 bits reach beyond the year 9999
        return str(seconds)
