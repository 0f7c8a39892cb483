"""One JSON-RPC endpoint over HTTP: questions out, answers or errors back, each within bounds."""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from bridge_client.errors import L1AnswerTooLong, L1FalseAnswer, L1Unreachable

TIMEOUT_S: Final = 20.0
"""Of one question."""
LONGEST_ANSWER_BYTES: Final = 32 << 20
"""10,000 events of 2 KiB; a block's transaction hashes are 100 KiB."""
_OK: Final = 200


class RpcError(Exception):
    """The endpoint's own error: not ours, not the network's."""

    def __init__(self, code: int, message: str, data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""
    data: Any = None


class _Answer(msgspec.Struct):
    id: int | None = None
    result: Any = None
    error: _Error | None = None


class Endpoint:
    """An async context manager. `ask` is what a `Chain` is made from."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """`url` may hold a secret: messages show it without user and path."""
        self.url = url
        self.name = without_secrets(url)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None  # opened by __aenter__
        await self._session.close()

    async def ask(self, method: str, parameters: list[Any]) -> Any:
        """A method's result. Raises RpcError, L1Unreachable, L1FalseAnswer,
        L1AnswerTooLong.
        """
        assert self._session is not None
        number = next(self._ids)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        try:
            async with self._session.post(
                self.url,
                data=msgspec.json.encode(request),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                status = response.status
                body = await self._body(response, method)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise L1Unreachable(url=self.name, method=method, reason=reason) from error
        return self._result(method, number, status, body)

    async def _body(self, response: aiohttp.ClientResponse, method: str) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LONGEST_ANSWER_BYTES:
                raise L1AnswerTooLong(url=self.name, method=method, bound=LONGEST_ANSWER_BYTES)
        return bytes(body)

    def _result(self, method: str, number: int, status: int, body: bytes) -> Any:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if status != _OK:
                reason = f"HTTP status {status}"
                raise L1Unreachable(url=self.name, method=method, reason=reason) from None
            raise L1FalseAnswer(url=self.name, method=method, reason=str(error)) from None
        if answer.error is not None:
            raise RpcError(answer.error.code, answer.error.message[:500], answer.error.data)
        if answer.id != number:
            reason = f"it answers question {answer.id}, not {number}"
            raise L1FalseAnswer(url=self.name, method=method, reason=reason)
        return answer.result


def without_secrets(url: str) -> str:
    """An endpoint's address for messages: without user, password and path."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}"
