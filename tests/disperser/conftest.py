"""Four members, and a sender that knows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from disperser_specimens import DISPERSER, EXPIRES_AT, NOW, blob, keyset, secret
from fake_member import FakeMember, ManualPace

from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender, Spread
from committee.disperser.spreading import Patience
from committee.documents import Committee, Member, committee_of
from da_node.client import Limits, RetryPolicy
from da_node.client.transport import Transport

PATIENCE = Patience(hedge_s=2.0, blob_s=30.0, member_s=60.0, retry=RetryPolicy(first_s=1.0))


@dataclass
class Network:
    """Members, their time, and a sender."""

    members: list[FakeMember]
    committee: Committee
    time: ManualPace
    make: Callable[[], tuple[Sender, DisperserMetrics]]
    sender: Sender = field(init=False)
    metrics: DisperserMetrics = field(init=False)

    def __post_init__(self) -> None:
        self.sender, self.metrics = self.make()

    async def kill(self) -> None:
        """The sender is gone, with all it knew; another one takes its place."""
        await self.sender.drain(0)
        self.sender, self.metrics = self.make()

    async def spread(self) -> Spread:
        async with asyncio.timeout(20):  # a test that waits in vain fails
            return await self.sender.spread(blob(), expires_at=EXPIRES_AT, label="a label")


@pytest.fixture
async def members() -> AsyncIterator[list[FakeMember]]:
    members = [FakeMember(index) for index in range(4)]
    for member in members:
        await member.serve()
    yield members
    for member in members:
        await member.close()


@pytest.fixture
def committee(members: list[FakeMember]) -> Committee:
    introduced = [
        Member.introduce(secret(member.index), name=f"member-{member.index}", url=member.url)
        for member in members
    ]
    return committee_of(keyset(), introduced)


@pytest.fixture
async def network(members: list[FakeMember], committee: Committee) -> AsyncIterator[Network]:
    time = ManualPace()
    transport = Transport(limits=Limits(connections=64), policy=PATIENCE.retry, pace=time.pace)
    await transport.open()
    with ThreadPoolExecutor(4) as executor:

        def make() -> tuple[Sender, DisperserMetrics]:
            metrics = DisperserMetrics()
            sender = Sender(
                committee=committee,
                key=DISPERSER,
                transport=transport,
                executor=executor,
                patience=PATIENCE,
                clock=lambda: NOW,
                pace=time.pace,
                metrics=metrics,
            )
            return sender, metrics

        network = Network(members, committee, time, make)
        yield network
        await network.sender.drain(0)
    await transport.close()
