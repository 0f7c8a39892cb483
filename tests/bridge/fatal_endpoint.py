"""An endpoint that kills who sends to it: before it hands a transaction on, or just after."""

from __future__ import annotations

import enum
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from aiohttp import web
from threaded import in_a_thread


class When(enum.Enum):
    """What the chain has of the transaction at which its sender dies."""

    BEFORE = "nothing"
    AFTER = "all of it"


class FatalEndpoint:
    """Stands before another endpoint. Its victim dies at the `number`-th transaction."""

    def __init__(self, behind: str, number: int, when: When) -> None:
        self.url = ""
        self.victim: int | None = None
        self._behind = behind
        self._left = number
        self._when = when

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._left -= json.loads(body)["method"] == "eth_sendRawTransaction"
        is_last = self._left == 0 and self.victim is not None
        if is_last and self._when is When.BEFORE:
            return self._kill()
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self._behind, data=body, headers={"Content-Type": "application/json"}
            ) as response,
        ):
            answer = await response.read()
        return self._kill() if is_last else web.Response(body=answer)

    def _kill(self) -> web.Response:
        assert self.victim is not None
        os.kill(self.victim, signal.SIGKILL)
        self.victim = None
        return web.Response(status=502)


@contextmanager
def fatal_endpoint(behind: str, number: int, when: When) -> Iterator[FatalEndpoint]:
    made = FatalEndpoint(behind, number, when)
    application = web.Application()
    application.router.add_post("/", made.answer)
    with in_a_thread(application) as url:
        made.url = f"{url}/"
        yield made
