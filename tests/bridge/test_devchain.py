"""A development chain with a settlement: where it was foretold, once, and told over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from settlement_specimens import COMMITTEE, SAMPLERS
from settlement_under_test import CHAIN_ID

from bridge_client import devchain
from bridge_client.devchain import Deploying, Windows, deployed, serve, settlement_of
from bridge_client.errors import L1Unreachable, OtherIntent
from bridge_client.l1 import Chain, Endpoint
from bridge_client.settling import Settlement
from committee.secp256k1 import Address, EthereumKey
from da_node.service.network import Ports

SEQUENCER = EthereumKey(b"\x51" * 32)
SOMEBODY = Address(b"\x52" * 20)


@pytest.fixture
def what(tmp_path: Path) -> Deploying:
    return Deploying(
        directory=tmp_path,
        key=SEQUENCER,
        keysets=[COMMITTEE],
        samplers=[key.address for key in SAMPLERS[:2]],
        accounts=[SOMEBODY],
        windows=Windows(
            challenge_period_s=20, response_window_s=10, verdict_lifetime_s=3600, quorum=2
        ),
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' chain mines at once."""
    monkeypatch.setattr(devchain, "POLL_S", 0.01)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(300):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)


async def test_a_settlement_lies_where_it_was_foretold_and_is_put_there_once(
    l1: Any, what: Deploying
) -> None:
    url, _ = l1
    made = await deployed(url, what)
    assert made.settlement == settlement_of(SEQUENCER.address)
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        settlement = await Settlement.at(chain, made.settlement)
        terms = settlement.terms
        assert (terms.challenge_period_s, terms.response_window_s, terms.quorum) == (20, 10, 2)
        assert all([await settlement.active_since(sampler) for sampler in what.samplers])
        assert await chain.balance(SOMEBODY) == devchain.BALANCE_WEI
        sent = await chain.nonce(SEQUENCER.address)
        assert await deployed(url, what) == made
        assert await chain.nonce(SEQUENCER.address) == sent
    with pytest.raises(OtherIntent):
        await deployed(url, replace(what, windows=replace(what.windows, quorum=1)))


async def test_it_is_ready_once_the_settlement_is_there(l1: Any, what: Deploying) -> None:
    url, _ = l1
    stop = asyncio.Event()
    with Ports() as ports:
        port = ports.of("l1")
        told = f"http://127.0.0.1:{port}"
        running = asyncio.create_task(serve(url, what, port, stop))
        async with aiohttp.ClientSession() as session:

            async def ask(path: str) -> tuple[int, Any]:
                async with session.get(told + path) as answer:
                    return answer.status, await answer.json()

            async def listens() -> bool:
                try:
                    return (await ask("/healthz"))[0] == 200
                except aiohttp.ClientError:
                    return False

            async def is_ready() -> bool:
                return (await ask("/readyz"))[0] == 200

            await until(listens)
            assert not await is_ready()
            await until(is_ready)
            status, document = await ask("/v1/deployment")
        assert status == 200
        assert document["settlement"] == settlement_of(SEQUENCER.address).hex0x
        assert (document["rpc"], document["chain_id"]) == (url, CHAIN_ID)
        stop.set()
        await running


async def test_a_chain_that_is_gone_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devchain, "MISSED", 1)
    with Ports() as ports, pytest.raises(L1Unreachable):
        await devchain._while_there(f"http://127.0.0.1:{ports.of('gone')}", asyncio.Event())
