"""Members, their time, and a sender that can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from disperser_specimens import EXPIRES_AT, blob
from fake_member import FakeMember, ManualPace

from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender, Spread
from committee.disperser.spreading import Patience
from committee.disperser.terms import Terms
from committee.documents import Committee
from da_node.client import RetryPolicy

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

    @property
    def terms(self) -> Terms:
        return Terms(committee=self.committee, expires_at=EXPIRES_AT)

    async def spread(self) -> Spread:
        async with asyncio.timeout(20):  # a test that waits in vain fails
            return await self.sender.spread(blob(), terms=self.terms, label="a label")
