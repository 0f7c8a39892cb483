"""Text of other machines on a terminal: in logs, results and tables. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with everything that could steer a terminal made visible.

    Labels, details and URLs come from other machines.
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
