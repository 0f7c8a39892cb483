"""Damage that a member cannot heal from its own columns is mended from the others, behind reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from member_specimens import EXPIRES_AT, ME, my_arc, small_blob
from neighbours import Network, held, metrics_of, wanted

from committee.member.catching_up import GRACE_S
from committee.member.member import Member
from da_node.coding import EncodedBlob
from da_node.node.bounds import MEND_REST_S
from da_node.service import NotEnough
from da_node.store.door import Delete, Put
from da_node.store.layout import SIDE_PART, piece_key

ARC = tuple(my_arc())
BLOB = 1


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    network = Network(tmp_path)
    for index in range(4):
        await network.start(index, scrub_bytes_per_s=1 << 40)
        network.keep(index, small_blob(BLOB))
    yield network
    await network.close()


def damage(member: Member, blob: EncodedBlob, *columns: int, lose: bool = False) -> None:
    """Flip a byte of each column as it is stored, or remove it."""
    database, record = member.node.store._database, member.node.store.record(blob.blob_id)
    for column in columns:
        key = piece_key(record.bucket, record.blob_id, column, SIDE_PART + 1)
        (value,) = database.get_many([key])
        assert value is not None
        database.write([Delete(key) if lose else Put(key, bytes([value[0] ^ 1]) + value[1:])])


async def read(network: Network, *columns: int) -> tuple[int, str | None]:
    """Status, and which columns are named as missing."""
    url = f"{network.urls[ME]}/v1/blobs/{small_blob(BLOB).blob_id.hex0x}/columns"
    query = {"index": ",".join(map(str, columns))}
    async with aiohttp.ClientSession() as session, session.get(url, params=query) as response:
        return response.status, response.headers.get("Holdfast-Missing")


@pytest.mark.parametrize("lose", [False, True], ids=["damaged", "lost"])
async def test_what_a_read_finds_damaged_is_missing_and_then_mended(
    network: Network, lose: bool
) -> None:
    me, blob = network.members[ME], small_blob(BLOB)
    damage(me, blob, 32, 40, lose=lose)
    assert await read(network, 32, 33) == (200, "32")
    await me.node.recovering.settle()
    assert held(me, blob) == ARC, "both, though one was asked for"
    assert await read(network, 32, 33) == (200, None)
    assert "holdfast_healed_columns_total 2.0" in metrics_of(me)


async def test_the_scrub_mends_before_anybody_asks(network: Network) -> None:
    me, blob = network.members[ME], small_blob(BLOB)
    damage(me, blob, *ARC)
    await me.node.scrubbing.once()
    assert held(me, blob) == ARC
    assert "holdfast_healed_columns_total 32.0" in metrics_of(me)
    assert "holdfast_scrubbed_columns_total 32.0" in metrics_of(me)


async def test_a_column_is_taken_from_whoever_serves_it(network: Network) -> None:
    me, blob = network.members[ME], small_blob(BLOB)
    expires_at = me.node.store.record(blob.blob_id).expires_at
    network.members[3].node.store.put_blob(blob.header, [blob.column(35)], expires_at=expires_at)
    for index in (0, 2):
        await network.stop(index)
    damage(me, blob, 35)
    await me.node.scrubbing.once()
    assert held(me, blob) == ARC


async def test_two_that_are_damaged_do_not_wait_for_each_other(network: Network) -> None:
    """A question for columns is answered from what is there, and asks nobody else."""
    me, other, blob = network.members[ME], network.members[2], small_blob(BLOB)
    damage(me, blob, 32)
    damage(other, blob, 64, 65)
    await me.node.scrubbing.once()
    assert held(me, blob) == ARC
    await other.node.recovering.settle()
    await other.node.scrubbing.once()
    assert len(held(other, blob)) == 32


async def test_what_cannot_be_mended_now_is_left_for_later(network: Network) -> None:
    me, blob = network.members[ME], small_blob(BLOB)
    for index in (0, 2):
        await network.stop(index)
    damage(me, blob, 32)
    with pytest.raises(NotEnough):
        await me.node.scrubbing.blob(me.node.store.record(blob.blob_id))
    await me.node.scrubbing.once()
    assert await read(network, 32) == (503, None)
    await me.node.recovering.settle()
    assert 'holdfast_background_failures_total{work="mend"} 1.0' in metrics_of(me)
    assert 'holdfast_background_failures_total{work="scrub"} 1.0' in metrics_of(me)
    assert await read(network, 32) == (503, None)
    await me.node.recovering.settle()
    assert 'holdfast_background_failures_total{work="mend"} 1.0' in metrics_of(me), (
        f"tried again after {MEND_REST_S} s only"
    )
    network.time.now += 1000
    await network.start(0)
    await me.node.scrubbing.once()
    assert held(me, blob) == ARC


async def test_damage_that_moves_to_a_later_expiry_is_mended_on_the_way(network: Network) -> None:
    me, blob, later = network.members[ME], small_blob(BLOB), EXPIRES_AT + 3600
    damage(me, blob, 32, 40)
    data = await network.certify(blob, 0, 2, 3, expires_at=later)
    assert (await me.take_certificate(blob.blob_id, data)).wanted
    network.time.now += GRACE_S
    await me.catching_up.bring()
    assert me.node.store.record(blob.blob_id).expires_at == later
    assert held(me, blob) == ARC
    assert wanted(me) == set()
