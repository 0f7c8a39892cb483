"""Four real members and a disperser: payloads in, certificates out, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from disperser_specimens import (
    DISPERSER,
    NOW,
    PAYLOAD,
    RememberingExecutor,
    keyset,
    kzg,
    secret,
)

from committee.certificate import Certificate, verify_certificate
from committee.disperser.serving import running_disperser
from committee.disperser.settings import DisperserSettings
from committee.documents import Committee, Member, committee_of
from committee.errors import DispersalFailed
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.parameters import HOUR_S
from committee.signing.signer import LocalSigner
from da_node.client import Client, RetryPolicy
from da_node.coding import BlobId
from da_node.service import HoldfastError
from da_node.service.kzg_pool import KzgPool


@dataclass
class Devnet:
    """A running network; a member is stopped by closing its stack."""

    url: str
    members: list[str]
    stops: list[AsyncExitStack]
    ahead_s: list[int]
    """What each member's clock says too much."""

    async def has_certificate(self, blob_id: BlobId, members: list[int]) -> bool:
        for index in members:
            async with Client(self.members[index], policy=RetryPolicy(attempts=1)) as client:
                try:
                    await client.certificate(blob_id)
                except HoldfastError:
                    return False
        return True


def introduced(urls: list[str]) -> Committee:
    """The committee; where its members are is no part of the keyset."""
    members = [
        Member.introduce(secret(index), name=f"member-{index}", url=url)
        for index, url in enumerate(urls)
    ]
    return committee_of(keyset(), members)


def clock(ahead_s: list[int], member: int) -> int:
    return NOW + ahead_s[member]


@pytest.fixture
async def devnet(tmp_path: Path) -> AsyncIterator[Devnet]:
    elsewhere = introduced([f"http://127.0.0.1:{1 + index}" for index in range(4)])
    async with AsyncExitStack() as stack:
        urls, stops, ahead_s = [], [], [0] * 4
        for index in range(4):
            own = await stack.enter_async_context(AsyncExitStack())
            _, url = await own.enter_async_context(
                running_member(
                    MemberSettings(
                        directory=tmp_path / f"member-{index}",
                        port=0,
                        kernel_threads=1,
                        shutdown_grace_s=0.0,
                        dispersers=DISPERSER.address.hex0x,
                    ),
                    kzg=KzgPool(1, RememberingExecutor),
                    committees=[elsewhere],
                    signer=LocalSigner(secret(index)),
                    clock=partial(clock, ahead_s, index),
                )
            )
            urls.append(url)
            stops.append(own)
        _, url = await stack.enter_async_context(
            running_disperser(
                DisperserSettings(
                    port=0, kernel_threads=1, shutdown_grace_s=0.0, dispersal_timeout_s=30.0
                ),
                committees=[introduced(urls)],
                key=DISPERSER,
                kzg=KzgPool(1, RememberingExecutor),
                clock=lambda: NOW,
            )
        )
        yield Devnet(url, urls, stops, ahead_s)


async def test_one_member_fewer_still_certifies_two_fewer_are_told_and_all_is_read_back(
    devnet: Devnet,
) -> None:
    async with Client(devnet.url, kzg=kzg(), policy=RetryPolicy(attempts=1)) as rollup:
        receipt = await rollup.post(PAYLOAD, "my-rollup")
        assert receipt.certificate is not None
        certificate = verify_certificate(Certificate.parse(receipt.certificate), keyset())
        assert certificate.header == receipt.header
        status = await rollup.status(receipt.blob_id)
        assert (status.state, status.label) == ("available", "my-rollup")
        assert len(status.columns) >= 96
        events = await rollup.list(label="my-rollup")
        assert {event.blob_id for event in events} == {receipt.blob_id}
        points = await rollup.points(receipt.header, [0, 8191, 4096], node=devnet.url)
        assert [point.index for point in points] == [0, 8191, 4096]

        await devnet.stops[0].aclose()
        second = await rollup.post(PAYLOAD[:-1])
        assert second.signers == (1, 2, 3)

        await devnet.stops[2].aclose()
        with pytest.raises(DispersalFailed) as caught:
            await rollup.post(PAYLOAD[:-2])
        assert set(caught.value.failures) == {"member-0", "member-2"}
        assert caught.value.signed == 2

        assert await rollup.get(receipt.blob_id) == PAYLOAD
        assert await rollup.get(second.blob_id) == PAYLOAD[:-1]
        assert verify_certificate(
            Certificate.parse(await rollup.certificate(receipt.blob_id)), keyset()
        )
    async with Client([devnet.members[1], devnet.members[3]], kzg=kzg()) as reader:
        assert await reader.get_range(receipt.blob_id, 1000, 2000) == PAYLOAD[1000:2000]


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
async def test_a_member_whose_clock_is_an_hour_off_signs_nothing_and_serves_what_it_has(
    devnet: Devnet, ahead_s: int
) -> None:
    async with Client(devnet.url, kzg=kzg(), policy=RetryPolicy(attempts=1)) as rollup:
        before = await rollup.post(PAYLOAD)
        devnet.ahead_s[3] = ahead_s
        receipt = await rollup.post(PAYLOAD[:-1])
        assert receipt.signers == (0, 1, 2)

        await devnet.stops[0].aclose()
        with pytest.raises(DispersalFailed) as caught:
            await rollup.post(PAYLOAD[:-2])
        assert "more than 300 s apart" in caught.value.failures["member-3"]
        async with Client([devnet.members[1], devnet.members[3]], kzg=kzg()) as reader:
            assert await reader.get(before.header) == PAYLOAD

        devnet.ahead_s[3] = 0
        receipt = await rollup.post(PAYLOAD[:-2])
        assert receipt.signers == (1, 2, 3)


async def test_every_signer_serves_the_certificate(devnet: Devnet) -> None:
    async with Client(devnet.url, kzg=kzg()) as rollup:
        receipt = await rollup.post(PAYLOAD)
    async with asyncio.timeout(20):
        while not await devnet.has_certificate(receipt.blob_id, list(receipt.signers)):
            pass


async def test_another_disperser_of_the_same_key_gets_the_same_signatures(
    devnet: Devnet,
) -> None:
    """As one does that was killed and started again: it remembers nothing, the members do."""
    async with AsyncExitStack() as stack:
        _, again = await stack.enter_async_context(
            running_disperser(
                DisperserSettings(port=0, kernel_threads=1, shutdown_grace_s=0.0),
                committees=[introduced(devnet.members)],
                key=DISPERSER,
                kzg=KzgPool(1, RememberingExecutor),
                clock=lambda: NOW,
            )
        )
        answers = []
        for url in (devnet.url, again):
            async with Client(url, kzg=kzg()) as rollup:
                answers.append(await rollup.post(PAYLOAD))
        first, second = (
            verify_certificate(Certificate.parse(answer.certificate or b""), keyset())
            for answer in answers
        )
        assert first.attestation == second.attestation
