"""Reed–Solomon over GF(256): the only module that imports `reedsolo`.

A *codeword* has up to 223 data bytes and 32 parity bytes. Codewords are handled side by side: an
array `words[position, codeword]` of bytes, so that one row is a contiguous run of a sector and one
numpy call treats the same position of thousands of codewords.

Everything a Reed–Solomon code does with known positions is linear over GF(256), so `reedsolo` is
asked for a basis only, and numpy does the bulk:

- its encoder gives the parity of each unit vector, and parity is the sum of those, looked up;
- its decoder restores each unit remainder for a given set of erased positions, and any other
  remainder is a sum of those.

What is not linear, wrong bytes at unknown positions, goes to `reedsolo`'s decoder codeword by
codeword, and only those codewords that are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import reedsolo

from da_node.archive.errors import BeyondParity

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

PARITY_ROWS: Final = 32
"""Parity bytes of a codeword: restores 32 bytes at known places, 16 at unknown ones."""

MAX_DATA_ROWS: Final = 255 - PARITY_ROWS
"""A codeword over GF(256) has at most 255 bytes."""

_LANES: Final = PARITY_ROWS // 8
"""The parity of one codeword as 64-bit words, so that it is added in four operations."""

_codec = reedsolo.RSCodec(PARITY_ROWS)


def parity_of(data: Bytes) -> Bytes:
    """The 32 parity rows, shape (32, n), of 1 to 223 data rows, shape (k, n)."""
    return np.ascontiguousarray(_combine(_parity_tables()[-len(data) :], data).T)


def restore(words: Bytes, erased: Sequence[int]) -> Bytes:
    """The codewords of `words`, shape (rows, n), with the rows `erased` taken as unknown.

    Each codeword is restored if twice its wrong bytes in other rows plus the erased rows are at
    most 32. With more wrong bytes it raises BeyondParity, but can, rarely, also take the word for a
    damaged form of another codeword: whoever calls it with unknown errors checks what comes out.
    """
    rows = len(words)
    if len(erased) > PARITY_ROWS:
        raise BeyondParity(damaged=len(erased), rows=rows)
    spare = [row for row in range(rows - PARITY_ROWS, rows) if row not in set(erased)]
    # Solving always for 32 rows makes every remainder solvable; what comes out for the rows that
    # were not erased must be what was read, or the codeword holds a wrong byte elsewhere.
    known = spare[: PARITY_ROWS - len(erased)]
    unknown = (*erased, *known)
    restored = words.copy()
    restored[list(unknown)] = 0
    restored[list(unknown)] = _combine(_erasure_tables(rows, unknown), _remainder(restored)).T
    for codeword in np.flatnonzero((restored[known] != words[known]).any(axis=0)):
        restored[:, codeword] = _decode(words[:, codeword], erased)
    return restored


def _decode(word: Bytes, erased: Sequence[int]) -> Bytes:
    """One codeword with wrong bytes at unknown places."""
    try:
        _, whole, _ = _codec.decode(bytearray(word), erase_pos=list(erased))
    except reedsolo.ReedSolomonError:
        raise BeyondParity(damaged=len(erased), rows=len(word)) from None
    return np.frombuffer(whole, np.uint8)


def _remainder(words: Bytes) -> Bytes:
    """What the parity rows would have to change by, shape (32, n); all zero for a codeword."""
    return parity_of(words[:-PARITY_ROWS]) ^ words[-PARITY_ROWS:]


def _combine(tables: Words, symbols: Bytes) -> Bytes:
    """The sum over rows r of tables[r][symbols[r]]: shapes (r, 256, 4), (r, n) → (n, 32)."""
    total = np.zeros((symbols.shape[1], _LANES), np.uint64)
    term = np.empty_like(total)
    for table, row in zip(tables, symbols, strict=True):
        # An index of one byte never leaves a table of 256; "wrap" only spares numpy the check.
        np.take(table, row, axis=0, out=term, mode="wrap")
        total ^= term
    return total.view(np.uint8)


@cache
def _parity_tables() -> Words:
    """Table r holds the parity of each value of a data byte with 222 − r data bytes after it.

    Bytes in front of a shorter message are zeros and add nothing: k rows use the last k tables.
    """
    followers = range(MAX_DATA_ROWS - 1, -1, -1)
    return _multiples([_codec.encode(b"\x01" + bytes(count))[-PARITY_ROWS:] for count in followers])


# One table is 256 KiB. Damage in one run has the same rows erased in many neighbouring stripes.
@lru_cache(maxsize=16)
def _erasure_tables(rows: int, unknown: tuple[int, ...]) -> Words:
    """Table r holds what the 32 unknown rows are, per value of row r of the remainder."""
    fills = []
    for parity_row in range(rows - PARITY_ROWS, rows):
        word = bytearray(rows)
        word[parity_row] = 1
        if parity_row not in unknown:  # else the one byte itself is the difference
            _, word, _ = _codec.decode(word, erase_pos=list(unknown))
        fills.append(bytes(word[row] for row in unknown))
    return _multiples(fills)


def _multiples(vectors: Sequence[bytes]) -> Words:
    """All 256 multiples of each vector of 32 bytes: shape (len(vectors), 256, 4)."""
    matrix = np.frombuffer(b"".join(vectors), np.uint8).reshape(-1, 1, PARITY_ROWS)
    products: Bytes = _products()[np.arange(256)[None, :, None], matrix]
    return products.view(np.uint64)


@cache
def _products() -> Bytes:
    """The multiplication table of the field, shape (256, 256)."""
    exp = np.array(_codec.gf_exp[:255], np.uint8)
    log = np.array(_codec.gf_log, np.intp)
    table: Bytes = exp[(log[:, None] + log[None, :]) % 255]
    table[0, :] = table[:, 0] = 0
    return table
