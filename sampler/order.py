"""One private random order of all items of a blob, from a secret of 32 bytes. Pure.

The whole order is fixed with its secret, before the first question; of it only as much is worked
out, and kept, as was looked at. Keeping the secret keeps the sample over a restart.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
_DOMAIN: Final = b"HOLDFAST-V1-SAMPLER-ORDER"
_WORDS: Final = 2**32


class Order:
    """The numbers 0 … count − 1, each once, in an order that looks random to whoever has not the
    secret. Every order is as likely as any other, if SHA-256 is a random function. Read-only.
    """

    __slots__ = ("_coming", "_drawn", "count", "secret")

    def __init__(self, secret: bytes, count: int) -> None:
        """`secret` comes from the system's CSPRNG, after the header is fixed, and is used for one
        blob only. ValueError unless it has 32 bytes and 1 ≤ count ≤ 2^16.
        """
        if len(secret) != SECRET_BYTES or not 1 <= count <= 2**16:
            raise ValueError(f"an order of {count} from a secret of {len(secret)} bytes")
        self.secret = secret
        self.count = count
        self._drawn: list[int] = []
        self._coming = _shuffled(_words(secret), count)

    def __iter__(self) -> Iterator[int]:
        """From the first on; what is not looked at is not worked out."""
        place = 0
        while place < self.count:
            if place == len(self._drawn):
                self._drawn.append(next(self._coming))
            yield self._drawn[place]
            place += 1

    def __repr__(self) -> str:
        return f"Order(count={self.count})"  # whoever reads a log must not learn the sample


def _shuffled(words: Iterator[int], count: int) -> Iterator[int]:
    """Fisher and Yates's shuffle that keeps only what it moved. A word beyond the last whole
    multiple of what is left is thrown away, so that each of these is as likely.
    """
    moved: dict[int, int] = {}
    for place in range(count):
        left = count - place
        limit = _WORDS - _WORDS % left
        while (word := next(words)) >= limit:
            pass
        other = place + word % left
        yield moved.pop(other, other)
        if other != place:
            moved[other] = moved.pop(place, place)


def _words(secret: bytes) -> Iterator[int]:
    """Numbers below 2^32: SHA-256 of the secret and a counter."""
    for block in itertools.count():
        digest = sha256(_DOMAIN + secret + block.to_bytes(4, "big")).digest()
        yield from struct.unpack(">8I", digest)
