"""Killed after, or before, each durable step: nothing is forgotten, and no sample is drawn anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from aiohttp import web
from sampler_network import Network, running_network, sampling, until

from committee.devnet.faults import Silent
from da_node.client import Receipt
from da_node.coding import BlobId
from sampler.errors import StateFault
from sampler.session import Session
from sampler.state import Fixed, State

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = ("announce", "fix", "conclude", "delivered")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receipts(network: Network) -> list[Receipt]:
    return [await network.post() for _ in range(3)]


class Mortal(State):
    """Dies at one step: what it was to write is lost, or kept and nobody told. From then on
    nothing gets through to the disk any more, as with a process that is gone."""

    dies_at: ClassVar[str] = ""
    dies_after: ClassVar[int] = 0
    """Steps of that kind that are done before."""
    keeps: ClassVar[bool] = False
    is_dead: ClassVar[bool] = False
    secrets: ClassVar[dict[BlobId, set[bytes]]] = {}

    def _step(self, name: str, do: Any) -> Any:
        cls = type(self)
        if cls.is_dead:
            raise StateFault(reason="this process was killed")
        if name == cls.dies_at:
            cls.dies_after -= 1
            if cls.dies_after < 0:
                cls.is_dead = True
                if cls.keeps:
                    do()
                raise StateFault(reason="killed")
        return do()

    def announce(self, *args: Any, **kwargs: Any) -> Any:
        return self._step("announce", lambda: super(Mortal, self).announce(*args, **kwargs))

    def fix(self, blob_id: BlobId, fixed: Fixed) -> Any:
        found = self._step("fix", lambda: super(Mortal, self).fix(blob_id, fixed))
        Mortal.secrets.setdefault(blob_id, set()).add(found.secret)
        return found

    def conclude(self, *args: Any, **kwargs: Any) -> Any:
        return self._step("conclude", lambda: super(Mortal, self).conclude(*args, **kwargs))

    def delivered(self, *args: Any, **kwargs: Any) -> Any:
        return self._step("delivered", lambda: super(Mortal, self).delivered(*args, **kwargs))

    def put_off(self, *args: Any, **kwargs: Any) -> Any:
        return self._step("put_off", lambda: super(Mortal, self).put_off(*args, **kwargs))

    def give_up(self, *args: Any, **kwargs: Any) -> Any:
        return self._step("give_up", lambda: super(Mortal, self).give_up(*args, **kwargs))

    def deliver_later(self, *args: Any, **kwargs: Any) -> Any:
        return self._step(
            "deliver_later", lambda: super(Mortal, self).deliver_later(*args, **kwargs)
        )


class Receiver:
    """A webhook that takes everything."""

    def __init__(self) -> None:
        self.cursors: list[int] = []
        self.news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.cursors.append(json.loads(await request.read())["cursor"])
        self.news.set()
        return web.Response(status=204)


@pytest_asyncio.fixture(loop_scope="module")
async def hook() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/", receiver.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_the_next_one_goes_on(
    step: str,
    keeps: bool,
    network: Network,
    receipts: list[Receipt],
    tmp_path: Path,
    hook: tuple[Receiver, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver, address = hook
    monkeypatch.setattr("sampler.serving.State", Mortal)
    Mortal.secrets = {}
    # The feed that there is takes one step; of the others there is one for each blob.
    for after in (0,) if step == "announce" else (0, 1):
        Mortal.dies_at, Mortal.dies_after, Mortal.keeps = step, after, keeps
        Mortal.is_dead = False

        async def is_dead() -> bool:
            return Mortal.is_dead

        async with sampling(network, tmp_path, webhook_url=address, feeds=network.urls[0]):
            await until(is_dead)
    Mortal.dies_at, Mortal.is_dead = "", False
    network.clock.now += 3600  # whatever was put off is due
    async with sampling(network, tmp_path, webhook_url=address, feeds=network.urls[0]) as (
        sampler,
        _,
    ):
        steps = sampler.state.steps

        async def is_done() -> bool:
            found = [await sampler.state.run(steps.verdict, one.blob_id) for one in receipts]
            left = await sampler.state.run(steps.undelivered)
            return not left and all(one is not None and one.verdict == 1 for one in found)

        await until(is_done)
        # From here on everything is looked at from scratch.
        given = await sampler.state.run(steps.verdicts, 0, 100)
        node = await sampler._client.node(network.urls[0])
        covered = await sampler.state.run(steps.covered, node.node_id)
        waiting = await sampler.state.run(steps.counts)
    network.clock.now -= 3600
    assert sorted(set(receiver.cursors)) == [one.cursor for one in given]
    assert list(covered.gaps()) == []
    assert covered.upto >= 6  # each was announced when stored, and when certified
    assert sum(waiting.values()) == 0
    assert {one.blob_id for one in given} == {one.blob_id for one in receipts}
    assert all(len(secrets) == 1 for secrets in Mortal.secrets.values())


async def test_a_restart_in_the_middle_asks_for_the_same_sample(
    network: Network, receipts: list[Receipt], tmp_path: Path
) -> None:
    """Stopped while nobody answers; what is asked then is what was asked before."""
    silent = [Silent(path=f"/v1/blobs/*/{what}") for what in ("points", "columns")]
    await network.arm([0, 1, 2, 3], *silent)
    first = await samples_of(network, tmp_path, len(receipts))
    await network.heal()
    assert await samples_of(network, tmp_path, len(receipts)) == first


async def samples_of(network: Network, directory: Path, count: int) -> dict[bytes, set[int]]:
    """What a sampler asks for at first, by its secrets, until it has begun with so many blobs."""
    watched: dict[bytes, set[int]] = {}

    def watch(session: Session) -> None:
        watched[session.plan.order.secret] = set(session.plan.first.items)

    async def has_begun() -> bool:
        return len(watched) >= count

    async with sampling(network, directory, feeds=network.urls[0], watch=watch):
        await until(has_begun)
    return watched
