"""Byte strings of fixed length, each a type of its own."""

from __future__ import annotations

from typing import Self

from da_node.coding import HASH_BYTES
from da_node.coding.values import FixedBytes
from da_node.service import MalformedRequest


class HexNamed(FixedBytes):
    """A value that people and URLs write in hex."""

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """From exactly its hex digits, with or without 0x. Raises MalformedRequest."""
        digits = text.removeprefix("0x")
        try:
            # fromhex skips white space, which a value has none of
            if len(digits) == 2 * cls.length and digits.isalnum():
                return cls(bytes.fromhex(digits))
        except ValueError:
            pass
        raise MalformedRequest(
            field=cls.__name__.lstrip("_"), value=text[:80], expected=f"{2 * cls.length} hex digits"
        )


class KeysetHash(HexNamed):
    """SHA-256 of a keyset under its domain: what a keyset is called."""

    length = HASH_BYTES


class NetworkId(HexNamed):
    """What tells one network from every other."""

    length = HASH_BYTES
