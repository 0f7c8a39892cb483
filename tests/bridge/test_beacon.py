"""A beacon node is believed as far as its blobs have the hashes that the chain names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from flat_kzg import FlatKzg
from msgspec import convert

from bridge_client.errors import BeaconFalseAnswer, BeaconLacksBlobs, BeaconUnreachable
from bridge_client.fallback import beacon as beacon_module
from bridge_client.fallback.beacon import BeaconNode
from bridge_client.settings import BridgeSettings
from bridge_client.sidecar import versioned_hash
from da_node.coding import ROW_BYTES
from da_node.service import BadConfiguration

GENESIS = 1_606_824_023
KZG = FlatKzg()
BLOBS = [bytes((i,)) * ROW_BYTES for i in range(3)]
HASHES = [versioned_hash(KZG.commit(one)) for one in BLOBS]


@asynccontextmanager
async def node(
    blobs: Any = None, *, genesis: Any = str(GENESIS), status: int = 200
) -> AsyncIterator[tuple[BeaconNode, list[str]]]:
    """One that answers every question for blobs with these (bytes of JSON as they are)."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/genesis"):
            return web.json_response({"data": {"genesis_time": genesis}})
        asked.append(request.path_qs)
        if isinstance(blobs, bytes):
            return web.Response(body=blobs, status=status)
        data = ["0x" + one.hex() for one in blobs or ()]
        return web.json_response({"data": data}, status=status)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with BeaconNode(f"http://127.0.0.1:{runner.addresses[0][1]}") as made:
            yield made, asked
    finally:
        await runner.cleanup()


async def test_blobs_come_by_the_slot_of_their_block_in_the_order_asked() -> None:
    """Also of a node that gives more than it is asked for, and of a hash that comes twice."""
    async with node(BLOBS) as (beacon, asked):
        wanted = [HASHES[2], HASHES[0], HASHES[2]]
        found = await beacon.blobs(GENESIS + 12 * 77 + 11, wanted, KZG)
    assert found == [BLOBS[2], BLOBS[0], BLOBS[2]]
    assert asked == [
        f"/eth/v1/beacon/blobs/77?versioned_hashes=0x{one.hex()}" for one in (HASHES[2], HASHES[0])
    ]


@pytest.mark.parametrize(("blobs", "status"), [([], 200), (b"", 404), (b"{}", 410)])
async def test_blobs_that_are_gone_are_not_there_any_more(blobs: Any, status: int) -> None:
    async with node(blobs, status=status) as (beacon, _):
        with pytest.raises(BeaconLacksBlobs, match="of slot 1"):
            await beacon.blobs(GENESIS + 12, HASHES[:1], KZG)


FALSE: dict[str, tuple[Any, str]] = {
    "other blobs": (BLOBS[1:], "none of 2 blobs of slot 1 has hash"),
    "a blob that is cut": ([BLOBS[0][:-1]], "131071 bytes, not 131072"),
    "no JSON": (b"<html>", "malformed"),
    "no hex": (json.dumps({"data": ["yes"]}).encode(), "'yes' is no data"),
    "no list": (json.dumps({"data": 5}).encode(), "Expected `array`"),
    "nesting": (b"[" * 100_000, "."),
}


@pytest.mark.parametrize("lie", FALSE)
async def test_a_false_answer_is_named(lie: str) -> None:
    blobs, said = FALSE[lie]
    async with node(blobs) as (beacon, _):
        with pytest.raises(BeaconFalseAnswer, match=said):
            await beacon.blobs(GENESIS + 12, HASHES[:1], KZG)


@pytest.mark.parametrize("genesis", ["soon", "-5", "9" * 40, str(GENESIS + 100)])
async def test_a_genesis_that_cannot_be_is_named(genesis: str) -> None:
    async with node(BLOBS, genesis=genesis) as (beacon, _):
        with pytest.raises(BeaconFalseAnswer, match=r"genesis|begins after"):
            await beacon.blobs(GENESIS + 12, HASHES[:1], KZG)


async def test_an_answer_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beacon_module, "LONGEST_ANSWER_BYTES", 1000)
    async with node(BLOBS) as (beacon, _):
        with pytest.raises(BeaconFalseAnswer, match="more than 1000 bytes"):
            await beacon.blobs(GENESIS + 12, HASHES[:1], KZG)


async def test_a_node_that_fails_or_is_away_is_no_proof_of_anything() -> None:
    async with node(b"no", status=500) as (beacon, _):
        with pytest.raises(BeaconUnreachable, match="HTTP status 500"):
            await beacon.blobs(GENESIS + 12, HASHES[:1], KZG)
    async with BeaconNode(beacon.url) as away:
        with pytest.raises(BeaconUnreachable, match="does not answer"):
            await away.blobs(GENESIS + 12, HASHES[:1], KZG)


async def test_one_that_is_gone_is_named_without_its_secrets() -> None:
    async with BeaconNode("http://127.0.0.1:9/secret") as one:
        with pytest.raises(BeaconUnreachable, match=r"node http://127\.0\.0\.1:9 does") as raised:
            await one.blobs(GENESIS, HASHES[:1], KZG)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["beacon", "nodes", "samplers"])
def test_an_address_that_is_none_is_told_by_its_setting(name: str) -> None:
    with pytest.raises(BadConfiguration, match="'nowhere' is not an address") as raised:
        convert({name: "nowhere"}, BridgeSettings).check()
    assert (raised.value.source, raised.value.name) == ("settings", name)
