"""Whoever starts a watcher is told whether it does its work, and need not start the L1 first."""

from __future__ import annotations

import asyncio
from typing import cast

import aiohttp
import pytest

from bridge_client.cli.session import until_there
from bridge_client.cli.watching import Looking
from bridge_client.errors import JournalFault, L1FalseAnswer, L1Unreachable, NoContract
from bridge_client.metrics import WatcherMetrics
from bridge_client.pulse import Pulse, telling
from bridge_client.watching import News, Seen, Watcher
from da_node.service import Output


async def asked(url: str, path: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return answer.status, await answer.json()


async def test_it_is_ready_while_it_reads_the_newest_block() -> None:
    now = 0.0
    pulse = Pulse(lambda: now, still_s=60)
    async with telling(pulse, WatcherMetrics(), 0) as url:
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


def seen(event: str) -> Seen:
    return Seen(contract="BatchSettlement", event=event, fields={}, block=7, transaction="0x")


async def test_what_it_has_read_is_counted_beside() -> None:
    pulse, metrics = Pulse(lambda: 0.0), WatcherMetrics()
    async with telling(pulse, metrics, 0) as url, aiohttp.ClientSession() as session:

        async def lines() -> list[str]:
            async with session.get(url + "/metrics") as answer:
                assert answer.content_type == "text/plain"
                return (await answer.text()).splitlines()

        assert "holdfast_watcher_ready 0.0" in await lines()
        assert 'holdfast_watcher_looks_total{outcome="failed"} 0.0' in await lines()
        two = (seen("BatchProposed"), seen("BatchProposed"))
        metrics.took(News(lost=(seen("BatchFinal"),), seen=two, upto=7, is_complete=True))
        pulse.beat(7, is_complete=True)
        found = await lines()
    labels = 'contract="BatchSettlement",event="{}",news="{}"'
    proposed, final = labels.format("BatchProposed", "seen"), labels.format("BatchFinal", "lost")
    assert "holdfast_watcher_ready 1.0" in found
    assert "holdfast_watcher_block 7.0" in found
    assert f"holdfast_watcher_events_total{{{proposed}}} 2.0" in found
    assert f"holdfast_watcher_events_total{{{final}}} 1.0" in found


class Scripted:
    """A watcher that finds this, and a duty with this left."""

    def __init__(self, *finds: News | Exception) -> None:
        self.finds = list(finds)
        self.waiting = {3, 5}

    async def look(self) -> News:
        found = self.finds.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def drop(self, lost: object) -> bool:
        return False

    def take(self, seen: object) -> None:
        pass

    async def do(self) -> None:
        if not self.finds:
            raise JournalFault(reason="the end")


async def test_a_look_that_fails_is_counted_and_followed_by_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failure = L1Unreachable(url="u", method="eth_chainId", reason="refused")
    news = News(lost=(), seen=(seen("BatchProposed"),), upto=7, is_complete=True)
    scripted, metrics = Scripted(failure, news, failure, news), WatcherMetrics()
    looking = Looking(
        watcher=cast(Watcher, scripted),
        output=Output(json=False),
        duties={"challenges": scripted},
        once=False,
        pulse=Pulse(lambda: 0.0),
        metrics=metrics,
    )
    with pytest.raises(JournalFault, match="the end"):
        await looking.work(0.0)
    found = metrics.render().decode()
    assert 'holdfast_watcher_looks_total{outcome="failed"} 2.0' in found
    assert 'holdfast_watcher_looks_total{outcome="read"} 1.0' in found
    assert 'holdfast_watcher_waiting{what="challenges"} 2.0' in found
    assert 'holdfast_watcher_waiting{what="batches"} 0.0' in found
    assert len(capsys.readouterr().out.splitlines()) == 2, "one line for each event"


async def test_a_port_that_is_taken_is_a_fault() -> None:
    pulse = Pulse(lambda: 0.0)
    async with telling(pulse, WatcherMetrics(), 0) as url:
        with pytest.raises(OSError, match="address already in use"):
            async with telling(pulse, WatcherMetrics(), int(url.rpartition(":")[2])):
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
    async with asyncio.timeout(300):
        with pytest.raises(L1FalseAnswer):
            await until_there(ask, 0.0)
