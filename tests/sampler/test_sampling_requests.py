"""How questions go out: each by itself and in no order, or together where that is wanted."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from committee_shapes import custody
from link_simulation import plan_of

from da_node.client.client import local_pace
from da_node.coding import Commitment, Header, MerkleRoot
from sampler.asking import Heard
from sampler.confidence import Unit
from sampler.controls import Controls
from sampler.patience import Patience
from sampler.sampling import MOST_TOGETHER, Sampling
from sampler.session import Session, Stage
from sampler.suspicion import Outcome

URLS = [f"http://member-{index}" for index in range(4)]
HEADER = Header(
    payload_length=16 << 20,
    merkle_root=MerkleRoot(bytes(32)),
    commitment=Commitment(b"\xc0" + bytes(47)),
)


class Recording:
    """Answers everything, and remembers in which requests it came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[int]]] = []

    async def ask(
        self, url: str, header: Header, unit: Unit, items: Sequence[int], *, timeout_s: float
    ) -> Heard:
        assert header is HEADER
        assert unit is Unit.POINTS
        self.requests.append((url, list(items)))
        return Heard(outcomes=dict.fromkeys(items, Outcome.HELD))


async def requests_of(seed: int, *, together: bool) -> tuple[list[tuple[str, list[int]]], Session]:
    """What goes out for one and the same sample, with another chance."""
    asker, pace = Recording(), local_pace()
    session = Session(
        plan_of(custody(), 1),
        Patience(),
        promised=frozenset(range(4)),
        now_s=pace.clock(),
        draw=random.Random(7).random,
    )
    chance = random.Random(seed)
    sampling = Sampling(
        session=session,
        header=HEADER,
        urls=URLS,
        members=4,
        asker=asker,  # type: ignore[arg-type]
        controls=Controls(lambda: 0.0, chance),
        pace=pace,
        chance=chance,
        together=together,
    )
    await sampling.run()
    assert session.stage is Stage.AVAILABLE
    return asker.requests, session


async def test_each_question_is_a_request_of_its_own_and_their_order_says_nothing() -> None:
    orders = []
    for seed in range(5):
        requests, session = await requests_of(seed, together=False)
        assert all(len(items) == 1 for _, items in requests)
        orders.append([item for _, (item,) in requests])
        assert sorted(orders[-1]) == sorted(session.plan.first.items)
    drawn = list(session.plan.first.items)
    assert drawn not in orders
    assert sorted(drawn) not in orders
    assert len(set(map(tuple, orders))) == len(orders)


@pytest.mark.parametrize("seed", range(3))
async def test_together_one_request_is_made_of_each_member(seed: int) -> None:
    requests, session = await requests_of(seed, together=True)
    asked = [url for url, _ in requests]
    assert sorted(asked) == sorted(set(asked))
    assert all(len(items) <= MOST_TOGETHER for _, items in requests)
    assert sorted(item for _, items in requests for item in items) == sorted(
        session.plan.first.items
    )
