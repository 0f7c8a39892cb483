"""One keyset takes the place of another, and nothing that was ever certified is lost by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from disperser_specimens import NOW, PAYLOAD, keyset, keyset_of, kzg
from real_network import RealNetwork

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.errors import DispersalFailed
from committee.keyset import VerifiedKeyset
from committee.succession import OVERLAP_S
from da_node.client import Client, Receipt, RetryPolicy
from da_node.coding import BlobId
from da_node.service import BadConfiguration

TURN = NOW + 100
OLD = keyset()
NEW = keyset_of((1, 4, 2, 3), not_before=TURN)
"""0 leaves, 4 joins, and 1 moves from the second arc to the first."""
OLD_ARC, NEW_ARC = range(32, 64), range(32)
"""Those of 1."""


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[RealNetwork]:
    async with AsyncExitStack() as stack:
        network = RealNetwork(tmp_path, stack)
        for seed in range(5):
            await network.start_member(seed, OLD, NEW)
        yield network


def client_of(url: str | list[str]) -> Client:
    return Client(url, kzg=kzg(), policy=RetryPolicy(attempts=1))


async def posted(url: str, payload: bytes = PAYLOAD) -> Receipt:
    async with client_of(url) as rollup:
        return await rollup.post(payload)


async def read(url: str | list[str], blob_id: BlobId) -> bytes:
    async with client_of(url) as reader:
        whole = await reader.get(blob_id)
        assert await reader.get_range(blob_id, 100_000, 200_000) == whole[100_000:200_000]
        return bytes(whole)


def certificate_of(receipt: Receipt, under: VerifiedKeyset) -> VerifiedCertificate:
    assert receipt.certificate is not None
    return verify_certificate(Certificate.parse(receipt.certificate, kzg()), under)


@pytest.mark.parametrize(("now", "under"), [(TURN - 1, OLD), (TURN, NEW), (TURN + 1, NEW)])
async def test_a_payload_is_kept_under_the_keyset_that_is_in_force_when_it_comes(
    network: RealNetwork, now: int, under: VerifiedKeyset
) -> None:
    _, url = await network.start_disperser(OLD, NEW)
    network.clock.now = now
    certificate = certificate_of(await posted(url), under)
    assert len(certificate.signers) >= 3


@pytest.mark.parametrize("leaver", ["up", "gone"])
@pytest.mark.parametrize("memory", ["its own", "another one's"])
async def test_what_was_certified_before_a_rotation_is_read_after_it(
    network: RealNetwork, leaver: str, memory: str
) -> None:
    _, url = await network.start_disperser(OLD, NEW)
    receipt = await posted(url)
    await eventually_signed(network, receipt, OLD)
    network.clock.now = TURN + OVERLAP_S
    if memory == "another one's":
        _, url = await network.start_disperser(OLD, NEW)
    if leaver == "gone":
        await network.members[0].stop.aclose()
    assert await read(url, receipt.blob_id) == PAYLOAD
    if leaver == "up":
        assert not columns_asked(network, 4), "it is none of the keyset's that keeps the blob"
        assert columns_asked(network, 0)
    certificate = await certificate_at(url, receipt.blob_id, OLD)
    assert certificate.attestation == certificate_of(receipt, OLD).attestation
    assert await read(network.urls(1, 2, 3), receipt.blob_id) == PAYLOAD


async def test_a_repeat_after_a_rotation_is_kept_anew_and_the_old_promise_stands(
    network: RealNetwork,
) -> None:
    _, url = await network.start_disperser(OLD, NEW)
    first = await posted(url)
    await eventually_signed(network, first, OLD)
    network.clock.now = TURN
    second = await posted(url)
    await eventually_signed(network, second, NEW)
    assert (second.blob_id, second.expires_at) == (first.blob_id, first.expires_at)
    assert second.created
    certificate_of(first, OLD)
    certificate_of(second, NEW)
    assert (await certificate_at(url, first.blob_id, NEW)).keyset_hash == NEW.hash
    for seed, columns in ((0, NEW_ARC), (1, [*NEW_ARC, *OLD_ARC]), (4, OLD_ARC)):
        record = network.members[seed].member.node.store.record(first.blob_id)
        assert record.columns == tuple(columns)
    # Each keyset's threshold − faults members give it back by themselves.
    for pair in ((0, 1), (0, 2), (4, 1), (4, 3), (2, 3)):
        assert await read(network.urls(*pair), first.blob_id) == PAYLOAD


async def test_in_the_overlap_a_disperser_that_was_not_told_is_served_and_then_is_told(
    network: RealNetwork,
) -> None:
    _, behind = await network.start_disperser(OLD)
    _, ahead = await network.start_disperser(OLD, NEW)
    network.clock.now = TURN + OVERLAP_S - 1
    first, second = await posted(behind), await posted(ahead, PAYLOAD[:-1])
    certificate_of(first, OLD)
    certificate_of(second, NEW)
    await eventually_signed(network, first, OLD)
    await eventually_signed(network, second, NEW)
    assert await read(ahead, first.blob_id) == PAYLOAD
    assert await read(behind, second.blob_id) == PAYLOAD[:-1]
    await eventually_signed(network, await posted(ahead), NEW)
    # One that does not follow the new keyset passes its certificates over.
    assert (await certificate_at(ahead, first.blob_id, NEW)).keyset_hash == NEW.hash
    network.clock.now += 1
    with pytest.raises(DispersalFailed) as caught:
        await posted(behind, PAYLOAD[:-2])
    assert "nothing is signed under keyset" in str(caught.value)


async def test_keysets_are_followed_and_left_while_a_disperser_runs(network: RealNetwork) -> None:
    disperser, url = await network.start_disperser(OLD)
    receipt = await posted(url)
    network.clock.now = TURN
    before = disperser.client
    for refused in ([], [network.committee(OLD)] * 2):
        with pytest.raises(BadConfiguration):
            await disperser.follow(refused)
    assert disperser.client is before
    reading = asyncio.create_task(before.get(receipt.blob_id))
    await disperser.follow([network.committee(OLD), network.committee(NEW)])
    certificate_of(await posted(url, PAYLOAD[:-1]), NEW)
    assert await reading == PAYLOAD
    assert listed(await asked(url, "/v1/keysets")) == [OLD.hash.hex0x, NEW.hash.hex0x]
    assert json.loads(await asked(url, "/v1/node"))["keyset_hash"] == NEW.hash.hex0x
    assert await read(url, receipt.blob_id) == PAYLOAD


async def test_a_member_that_moved_house_is_found_again_under_the_same_keyset(
    network: RealNetwork,
) -> None:
    disperser, url = await network.start_disperser(OLD)
    receipt = await posted(url)
    await eventually_signed(network, receipt, OLD)
    for seed in range(4):
        await network.members[seed].stop.aclose()
        await network.start_member(seed, OLD)
    with pytest.raises(DispersalFailed):
        await posted(url, PAYLOAD[:-1])
    await disperser.follow([network.committee(OLD)])
    certificate_of(await posted(url, PAYLOAD[:-1]), OLD)
    assert await read(url, receipt.blob_id) == PAYLOAD


# ---------------------------------------------------------------- ways to look


def columns_asked(network: RealNetwork, seed: int) -> bool:
    """Whether a member was asked for columns."""
    (found,) = network.members[seed].member.node.metrics.front.requests.collect()
    return any(
        sample.labels["route"] == "/v1/blobs/{id}/columns" and sample.labels["method"] == "GET"
        for sample in found.samples
    )


async def eventually_signed(network: RealNetwork, receipt: Receipt, under: VerifiedKeyset) -> None:
    """Return once every member of the keyset has the blob and its certificate."""

    def is_kept(seed: int) -> bool:
        store = network.members[seed].member.node.store
        pledged = under.hash in store.pledges(receipt.blob_id, receipt.expires_at)
        held = store.certificate(receipt.blob_id)
        return pledged and held is not None and held[2:34] == under.hash

    await until(lambda: all(is_kept(seed) for seed in range(5) if seats(seed, under)))


def seats(seed: int, under: VerifiedKeyset) -> bool:
    return seed in {id(OLD): (0, 1, 2, 3), id(NEW): (1, 2, 3, 4)}[id(under)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing tells when it does
            await asyncio.sleep(0)


async def certificate_at(url: str, blob_id: BlobId, under: VerifiedKeyset) -> VerifiedCertificate:
    async with client_of(url) as client:
        data = await client.certificate(blob_id)
    return verify_certificate(Certificate.parse(data, kzg()), under)


async def asked(url: str, path: str) -> bytes:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(url + path) as response:
        return await response.read()


def listed(body: bytes) -> list[str]:
    return [one["keyset_hash"] for one in json.loads(body)["keysets"]]
