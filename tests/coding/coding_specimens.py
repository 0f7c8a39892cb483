"""Blobs to test with, each encoded once a process."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from random import Random
from typing import Final

from hypothesis import settings
from kzg_doubles import FrugalKzg, RememberingKzg

from da_node.coding import Column, EncodedBlob, Point, VerifiedPoint, encode, local_prover
from da_node.coding.parameters import POINTS
from da_node.coding.vectors import blob_from

CURVE: Final = FrugalKzg(local_prover())
"""The real thing."""
DOUBLE: Final = RememberingKzg()
"""Where the curve does not matter."""

ONE_ROW: Final = 126_976
THREE_ROWS: Final = 380_900
LENGTHS: Final = (ONE_ROW, THREE_ROWS)
"""Payloads of one and of three rows with something in every element: no two points are equal."""

few = settings(deadline=None, max_examples=20)
"""For properties that take tens of milliseconds an example."""
many = settings(deadline=None, max_examples=120)


def payload_of_length(length: int) -> bytes:
    return Random(length).randbytes(length)


@functools.cache
def real_blob(length: int) -> EncodedBlob:
    """Proven on the curve."""
    return encode(payload_of_length(length), CURVE)


@functools.cache
def blob(length: int) -> EncodedBlob:
    """Proven by DOUBLE."""
    return encode(payload_of_length(length), DOUBLE)


@functools.cache
def points(length: int) -> tuple[VerifiedPoint, ...]:
    """All 8192 points of `blob(length)`."""
    return tuple(blob(length).point(index) for index in range(POINTS))


@functools.cache
def dishonest_blob(length: int, void_columns: frozenset[int]) -> EncodedBlob:
    """Of an encoder that committed to other leaves in some columns; proven by DOUBLE."""
    vector = {
        "payload": {"length": length, "seed": "dishonest"},
        "void_columns": void_columns,
        "void_leaf": "01" * 32,
    }
    return blob_from(vector, DOUBLE)


def received(item: Column | Point, source: EncodedBlob) -> Column | Point:
    """The item as it comes from the network: nothing about it is known."""
    cls = Column if isinstance(item, Column) else Point
    return cls.parse(item.serialize(), source.header)


def received_columns(source: EncodedBlob, indices: Iterable[int]) -> list[Column]:
    """Some of the columns as they come from the network."""
    return [Column.parse(source.column(j).serialize(), source.header) for j in indices]


def received_point(source: EncodedBlob, index: int) -> Point:
    """A point as it comes from the network."""
    return Point.parse(source.point(index).serialize(), source.header)
