"""Whoever starts a watcher is told whether it does its work, and need not start the L1 first."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bridge_client.cli.session import until_there
from bridge_client.errors import L1FalseAnswer, L1Unreachable, NoContract
from bridge_client.pulse import Pulse, telling


async def asked(url: str, path: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return answer.status, await answer.json()


async def test_it_is_ready_while_it_reads_the_newest_block() -> None:
    now = 0.0
    pulse = Pulse(lambda: now, still_s=60)
    async with telling(pulse, 0) as url:
        reason = "the chain has not been read yet"
        assert await asked(url, "/readyz") == (
            503,
            {"ready": False, "block": None, "reason": reason},
        )
        assert (await asked(url, "/healthz"))[0] == 200
        pulse.beat(1000, is_complete=False)
        assert (await asked(url, "/readyz"))[1]["reason"] == "it reads on"
        pulse.beat(1234, is_complete=True)
        assert await asked(url, "/readyz") == (200, {"ready": True, "block": 1234})
        now = 60.0
        pulse.fail("the endpoint is gone")
        assert (await asked(url, "/readyz"))[0] == 200, "one look that fails is none too many"
        now = 61.0
        answer = {"ready": False, "block": 1234, "reason": "the endpoint is gone"}
        assert await asked(url, "/readyz") == (503, answer)


async def test_a_port_that_is_taken_is_a_fault() -> None:
    pulse = Pulse(lambda: 0.0)
    async with telling(pulse, 0) as url:
        with pytest.raises(OSError, match="address already in use"):
            async with telling(pulse, int(url.rpartition(":")[2])):
                pass


async def test_what_is_not_there_yet_is_waited_for_and_what_lies_is_not() -> None:
    failures: list[Exception] = [
        L1Unreachable(url="u", method="eth_chainId", reason="refused"),
        NoContract(name="BatchSettlement", address="0x"),
    ]

    async def ask() -> str:
        if failures:
            raise failures.pop(0)
        return "there"

    assert await until_there(ask, 0.0) == "there"
    failures.append(L1FalseAnswer(url="u", method="eth_chainId", reason="no number"))
    async with asyncio.timeout(5):
        with pytest.raises(L1FalseAnswer):
            await until_there(ask, 0.0)
