"""An endpoint that says nonsense, too much, or nothing is named; its secrets are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bridge_client.errors import L1AnswerTooLong, L1FalseAnswer, L1Unreachable
from bridge_client.l1 import Endpoint, endpoint
from bridge_client.l1.endpoint import RpcError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_post("/secret", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with Endpoint(f"http://user:word@{host}:{port}/secret", timeout_s=5) as made:
            yield made
    finally:
        await runner.cleanup()


def fixed(status: int = 200, **members: Any) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"jsonrpc": "2.0"} | members, status=status)

    return answer


async def test_a_result_comes_back() -> None:
    async with served(fixed(id=1, result="0x5")) as one:
        assert await one.ask("eth_blockNumber", []) == "0x5"


async def test_its_own_error_is_handed_on_with_what_the_contract_returned() -> None:
    error = {"code": 3, "message": "execution reverted", "data": "0x1234"}
    async with served(fixed(id=1, error=error)) as one:
        with pytest.raises(RpcError, match="execution reverted") as raised:
            await one.ask("eth_call", [])
    assert raised.value.data == "0x1234"


async def test_the_answer_to_another_question_is_false() -> None:
    async with served(fixed(id=7, result="0x5")) as one:
        with pytest.raises(L1FalseAnswer, match="answers question 7, not 1"):
            await one.ask("eth_blockNumber", [])


async def test_a_page_instead_of_json_is_named() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>", status=int(request.headers.get("X", "200")))

    async def bad_gateway(request: web.Request) -> web.Response:
        return web.Response(text="<html>", status=502)

    async with served(page) as one:
        with pytest.raises(L1FalseAnswer, match="malformed"):
            await one.ask("eth_blockNumber", [])
    async with served(bad_gateway) as one:
        with pytest.raises(L1Unreachable, match="HTTP status 502"):
            await one.ask("eth_blockNumber", [])


async def test_an_answer_has_a_longest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LONGEST_ANSWER_BYTES", 1000)
    async with served(fixed(id=1, result="0x" + "00" * 1000)) as one:
        with pytest.raises(L1AnswerTooLong, match="more than 1000 bytes"):
            await one.ask("eth_blockNumber", [])


async def test_one_that_is_gone_is_named_without_its_secrets() -> None:
    async with Endpoint("http://user:word@127.0.0.1:9/secret") as one:
        with pytest.raises(L1Unreachable) as raised:
            await one.ask("eth_chainId", [])
    assert str(raised.value).startswith("http://127.0.0.1:9 does not answer eth_chainId")
    assert "word" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_json_that_is_nested_deeply_stays_refusable() -> None:
    """Some of Ethereum's packages raise the recursion limit when they are imported."""
    code = (
        "import sys; before = sys.getrecursionlimit();"
        "import bridge_client.ethereum, bridge_client.transactions;"
        "sys.exit(sys.getrecursionlimit() != before)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
