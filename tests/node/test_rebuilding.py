"""Columns that are lacking: served by others, rebuilt from 64, void, or neither can be shown."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from functools import partial

import pytest

from da_node.coding import (
    EncodedBlob,
    Header,
    VerifiedColumn,
    column_bytes,
    local_prover,
    recover,
)
from da_node.coding.vectors import blob_from
from da_node.node.rebuilding import Rebuilding, Rebuilt
from da_node.node.workers import Workers

ARC = range(32, 64)


@functools.cache
def blob(*void: int) -> EncodedBlob:
    """Of an encoder that committed to something else in those columns."""
    vector = {
        "payload": {"length": 5000, "seed": "rebuilding"},
        "void_columns": void,
        "void_leaf": "01" * 32,
    }
    return blob_from(vector, local_prover())


def columns(of: EncodedBlob, indices: Iterable[int]) -> list[VerifiedColumn]:
    return [of.column(index) for index in indices]


class Others:
    """Other nodes that hold some columns of a blob; remembers what was asked."""

    def __init__(self, of: EncodedBlob, held: Iterable[int]) -> None:
        self._blob = of
        self._held = set(held)
        self.asked: list[tuple[tuple[int, ...], int]] = []

    async def fetch(
        self, header: Header, indices: Collection[int], *, enough: int
    ) -> list[VerifiedColumn]:
        assert header == self._blob.header
        self.asked.append((tuple(indices), enough))
        served = [index for index in indices if index in self._held]
        return columns(self._blob, served[:enough])


@pytest.fixture
async def rebuilding() -> AsyncIterator[Rebuilding]:
    workers = Workers(encodes_at_once=1)
    yield Rebuilding(recover=partial(recover, kzg=local_prover()), workers=workers)
    workers.close()


async def bring(
    rebuilding: Rebuilding,
    others: Others,
    of: EncodedBlob,
    lacking: Sequence[int] = ARC,
    here: Iterable[int] = (),
) -> Rebuilt:
    return await rebuilding.columns(of.header, columns(of, here), lacking, others)


async def test_what_somebody_serves_is_taken_as_it_is(rebuilding: Rebuilding) -> None:
    others = Others(blob(), ARC)
    found = await bring(rebuilding, others, blob())
    assert [column.index for column in found.columns] == list(ARC)
    assert (found.served, found.void, found.unproven) == (32, frozenset(), frozenset())
    assert found.received_bytes == 32 * column_bytes(1)
    assert len(others.asked) == 1


async def test_what_nobody_serves_is_rebuilt_from_no_more_than_64(rebuilding: Rebuilding) -> None:
    others = Others(blob(), set(range(128)) - set(ARC))
    found = await bring(rebuilding, others, blob(), [40, 41], here=range(42, 64))
    assert {column.index: column.serialize() for column in found.columns} == {
        index: blob().column(index).serialize() for index in (40, 41)
    }
    assert others.asked[0] == ((40, 41), 2)
    assert others.asked[1][1] == 42
    assert found.received_bytes == 42 * column_bytes(1)
    assert (found.at_hand, found.served, found.is_short) == (64, 0, False)


async def test_with_63_nothing_is_rebuilt_and_what_is_served_is_kept(
    rebuilding: Rebuilding,
) -> None:
    others = Others(blob(), [32, *range(64, 126)])
    found = await bring(rebuilding, others, blob())
    assert [column.index for column in found.columns] == [32]
    assert (found.at_hand, found.is_short) == (63, True)
    assert found.unproven == set(ARC) - {32}


async def test_a_column_whose_neighbour_names_another_root_is_void(
    rebuilding: Rebuilding,
) -> None:
    crooked = blob(41)
    others = Others(crooked, set(range(128)) - set(ARC))
    found = await bring(rebuilding, others, crooked, [41], here=set(ARC) - {41})
    assert (found.void, found.unproven, found.columns) == ({41}, frozenset(), [])


async def test_columns_beside_a_void_one_are_rebuilt_once_more_is_known(
    rebuilding: Rebuilding,
) -> None:
    """From the 64 data columns alone no parity column can be shown to climb: none of their paths
    is known, and the subtree over them holds a void one.
    """
    crooked = blob(127)
    others = Others(crooked, set(range(96)))
    found = await bring(rebuilding, others, crooked, range(96, 128))
    assert not found.columns
    assert found.unproven == set(range(96, 128)), "nobody has a path into their quarter"

    others = Others(crooked, {*range(96), 100, 126})
    found = await bring(rebuilding, others, crooked, [*range(96, 100), *range(101, 126), 127])
    assert found.void == {127}
    assert found.unproven == frozenset()
    assert [len(asked) for asked, _ in others.asked] == [30, 98, 34]
    assert len(found.columns) == 29
