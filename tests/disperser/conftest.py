"""Four members, and a sender that knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from disperser_specimens import DISPERSER, NOW, keyset, secret
from fake_member import FakeMember, ManualPace
from network_under_test import PATIENCE, Network

from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender
from committee.documents import Committee, Member, committee_of
from da_node.client import Limits
from da_node.client.transport import Transport


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
