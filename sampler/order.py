"""One private random order of all items of a blob, from a secret of 32 bytes. Pure.

The whole order is fixed with its secret, before the first question; of it only as much is worked
out, and kept, as was looked at. Keeping the secret keeps the sample over a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
_DOMAIN: Final = b"HOLDFAST-V1-SAMPLER-ORDER"
_WORD_BYTES: Final = 4


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
    """Fisher and Yates's shuffle that keeps only what it moved."""
    moved: dict[int, int] = {}
    for place in range(count):
        other = place + _below(count - place, words)
        yield moved.pop(other, other)
        if other != place:
            moved[other] = moved.pop(place, place)


def _below(bound: int, words: Iterator[int]) -> int:
    """Uniform in 0 … bound − 1: a word beyond the last whole multiple of `bound` is thrown away."""
    limit = 2 ** (8 * _WORD_BYTES) // bound * bound
    return next(word for word in words if word < limit) % bound


def _words(secret: bytes) -> Iterator[int]:
    block = 0
    while True:
        digest = sha256(_DOMAIN + secret + block.to_bytes(4, "big")).digest()
        for start in range(0, len(digest), _WORD_BYTES):
            yield int.from_bytes(digest[start : start + _WORD_BYTES], "big")
        block += 1
