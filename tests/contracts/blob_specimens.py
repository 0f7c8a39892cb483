"""Blobs whose points are opened on chain, each encoded once a process."""

from __future__ import annotations

import functools
from random import Random

from bridge_client.opening import opening_of
from da_node.coding import EncodedBlob, LocalKzg, Point, encode
from da_node.coding.merkle import levels_above, path_in
from da_node.coding.parameters import POINTS_PER_COLUMN, ROW_BYTES, leaf_bytes
from da_node.coding.vectors import blob_from

KZG = LocalKzg()
ROW_OF_PAYLOAD = 4096 * 31


def payload_of(rows: int) -> bytes:
    """As long as so many rows take, the last element cut short."""
    return Random(rows).randbytes(rows * ROW_OF_PAYLOAD - 17)


@functools.cache
def blob_of(rows: int) -> EncodedBlob:
    return encode(payload_of(rows), KZG, threads=2)


@functools.cache
def dishonest_blob(void_column: int) -> EncodedBlob:
    """Of an encoder that committed to other leaves in one column; everything else holds."""
    return blob_from(
        {
            "payload": {"length": 2 * ROW_OF_PAYLOAD, "seed": "dishonest"},
            "void_columns": [void_column],
            "void_leaf": "01" * 32,
        },
        KZG,
    )


@functools.cache
def blob_with_top_byte() -> EncodedBlob:
    """One row, whose first element begins with 0x35 instead of zero."""
    return blob_from(
        {
            "payload": {"length": ROW_OF_PAYLOAD, "seed": "top byte"},
            "element_0": "0x35" + "77" * 31,
        },
        KZG,
    )


def committed_point(blob: EncodedBlob, index: int) -> Point:
    """A point with the path that its leaf has, whether or not its column is on the codeword."""
    width = leaf_bytes(blob.row_count)
    column = index // POINTS_PER_COLUMN
    return Point(
        index=index,
        leaf=bytes(blob.leaves[index * width : (index + 1) * width]),
        path=path_in(levels_above(blob.leaf_hashes), index),
        cell=blob.aggregate[column * 2048 : (column + 1) * 2048],
        proof=blob.proofs[column],
    )


@functools.cache
def opening(rows: int, index: int) -> bytes:
    """Of a point of `blob_of(rows)`."""
    return opening_in(blob_of(rows), index)


def opening_in(blob: EncodedBlob, index: int) -> bytes:
    return opening_of(committed_point(blob, index), blob.aggregate[:ROW_BYTES], KZG)
