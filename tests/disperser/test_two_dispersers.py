"""Two dispersers that post the same payload at once, also across the turn of the hour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from disperser_specimens import DISPERSER, NOW, PAYLOAD, keyset, kzg
from real_network import Clock, RealNetwork

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.secp256k1 import EthereumKey
from da_node.client import Client, Receipt, RetryPolicy

OTHER = EthereumKey(b"\x02" * 32)
RETENTION_S = keyset().retention_s
TURN = -(-(NOW + RETENTION_S) // 3600) * 3600 - RETENTION_S
"""From the second after this one on, expiries are an hour later: retention is no whole hour."""
EARLIER, LATER = TURN + RETENTION_S, TURN + RETENTION_S + 3600


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[RealNetwork]:
    async with AsyncExitStack() as stack:
        network = RealNetwork(tmp_path, stack)
        for seed in range(4):
            await network.start_member(seed, keyset(), dispersers=(DISPERSER, OTHER))
        network.clock.now = TURN
        yield network


async def posted(url: str) -> Receipt:
    async with Client(url, kzg=kzg(), policy=RetryPolicy(attempts=1)) as rollup:
        return await rollup.post(PAYLOAD)


def certificate_of(receipt: Receipt) -> VerifiedCertificate:
    return verify_certificate(Certificate.parse(receipt.certificate or b"", kzg()), keyset())


async def finished(network: RealNetwork, *receipts: Receipt) -> None:
    """Every member has pledged what all certificates say."""
    stores = [one.member.node.store for one in network.members.values()]
    async with asyncio.timeout(20):
        while not all(  # noqa: ASYNC110  # nothing tells when it does
            keyset().hash in store.pledges(receipt.blob_id, receipt.expires_at)
            for store in stores
            for receipt in receipts
        ):
            await asyncio.sleep(0)


async def test_within_the_hour_both_get_the_same_certificate(network: RealNetwork) -> None:
    _, one = await network.start_disperser(keyset())
    _, other = await network.start_disperser(keyset(), key=OTHER)
    receipts = await asyncio.gather(posted(one), posted(other))
    first, second = map(certificate_of, receipts)
    assert first.attestation == second.attestation
    assert first.expires_at == EARLIER


@pytest.mark.parametrize("first", [0, 1, None], ids=["early first", "late first", "at once"])
async def test_across_the_turn_of_the_hour_both_certificates_are_valid_and_honoured(
    network: RealNetwork, first: int | None
) -> None:
    _, early = await network.start_disperser(keyset(), clock=Clock(TURN))
    _, late = await network.start_disperser(keyset(), key=OTHER, clock=Clock(TURN + 1))
    urls = [early, late]
    if first is None:
        receipts = list(await asyncio.gather(*map(posted, urls)))
    else:
        in_turn = {index: await posted(urls[index]) for index in (first, 1 - first)}
        receipts = [in_turn[0], in_turn[1]]
    assert [certificate_of(receipt).expires_at for receipt in receipts] == [EARLIER, LATER]
    await finished(network, *receipts)
    blob_id = receipts[0].blob_id
    assert receipts[1].blob_id == blob_id
    for one in network.members.values():
        record = one.member.node.store.record(blob_id)
        assert record.expires_at == LATER
        assert one.member.node.store.usage().blobs == 1
    for pair in ((0, 1), (1, 2), (2, 3), (0, 3)):
        async with Client(network.urls(*pair), kzg=kzg()) as reader:
            assert await reader.get(blob_id) == PAYLOAD
    network.clock.now = EARLIER  # when the earlier one has expired, the later one still holds
    async with Client(network.urls(0, 1, 2, 3), kzg=kzg()) as reader:
        assert await reader.get(blob_id) == PAYLOAD


async def test_an_earlier_expiry_is_signed_again_and_nothing_moves(network: RealNetwork) -> None:
    _, late = await network.start_disperser(keyset(), key=OTHER, clock=Clock(TURN + 1))
    later = await posted(late)
    await finished(network, later)
    stores = [one.member.node.store for one in network.members.values()]
    before = [store.record(later.blob_id) for store in stores]
    _, early = await network.start_disperser(keyset(), clock=Clock(TURN))
    earlier = await posted(early)
    await finished(network, later, earlier)
    assert certificate_of(earlier).expires_at == EARLIER
    assert [store.record(later.blob_id) for store in stores] == before
    assert all(record.expires_at == LATER for record in before)
    async with Client(late, kzg=kzg()) as reader:
        best = Certificate.parse(await reader.certificate(later.blob_id))
    assert best.expires_at == LATER
