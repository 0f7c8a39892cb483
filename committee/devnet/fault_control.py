"""How faults are switched while a network runs: the proxy's control, and who calls it.

    GET    /v1/fronts          every front: its faults, how often each happened, what came in
    PUT    /v1/fronts/{name}   a JSON list of faults, in place of those there were; [] heals it
    GET    /readyz

It listens on loopback only, and so does the proxy.
"""

from __future__ import annotations

import http.client
from typing import Annotated, Any

import msgspec
from aiohttp import web

from committee.devnet.fault_proxy import LOOPBACK, FaultProxy, Front
from committee.devnet.faults import MOST_FAULTS, Fault
from da_node.service import HoldfastError, MalformedRequest, PeerUnreachable
from da_node.service.http.answers import json_answer, problem_answer

BODY_BYTES = MOST_FAULTS * 4096
"""Longest list of faults: one that withholds hundreds of points has a few thousand bytes."""
ASKING_S = 10.0

_Faults = Annotated[list[Fault], msgspec.Meta(max_length=MOST_FAULTS)]


def control_application(proxy: FaultProxy) -> web.Application:
    """The control's routes."""

    async def get_fronts(request: web.Request) -> web.Response:
        return json_answer({name: _document(front) for name, front in proxy.fronts.items()})

    async def put_front(request: web.Request) -> web.Response:
        try:
            front = proxy.front(request.match_info["name"])
            await front.arm(_parsed(await request.read()))
        except HoldfastError as error:
            return problem_answer(error)
        return json_answer(_document(front))

    async def get_readyz(request: web.Request) -> web.Response:
        return json_answer({"ready": True})

    application = web.Application(client_max_size=BODY_BYTES)
    application.router.add_get("/v1/fronts", get_fronts)
    application.router.add_put("/v1/fronts/{name}", put_front)
    application.router.add_get("/readyz", get_readyz)
    return application


class FaultControl:
    """Switches faults; synchronous, as the network core is. Raises PeerUnreachable."""

    def __init__(self, port: int) -> None:
        """The port of the proxy's control."""
        self._port = port

    def set(self, name: str, *faults: Fault) -> None:
        """These faults, and no others, from now on; none: it is healed. Raises MalformedRequest."""
        self._ask("PUT", f"/v1/fronts/{name}", msgspec.json.encode(faults))

    def fronts(self) -> dict[str, Any]:
        """What the control tells of every front."""
        found: dict[str, Any] = msgspec.json.decode(self._ask("GET", "/v1/fronts"))
        return found

    def hits(self, name: str) -> list[int]:
        """How often each fault of a front has happened."""
        hits: list[int] = self.fronts()[name]["hits"]
        return hits

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ASKING_S)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            url = f"http://{LOOPBACK}:{self._port}"
            raise PeerUnreachable(url=url, reason=str(error)) from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise MalformedRequest(
                field=path, value=data.decode("utf-8", "replace"), expected="taken by the control"
            )
        return data


def _parsed(body: bytes) -> list[Fault]:
    try:
        return msgspec.json.decode(body, type=_Faults)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(
            field="faults",
            value=body[:200].decode("utf-8", "replace"),
            expected=f"a list of faults ({error})",
        ) from error


def _document(front: Front) -> dict[str, Any]:
    return {
        "port": front.port,
        "target_port": front.target_port,
        "faults": [_named(fault) for fault in front.armed.faults],
        "hits": front.armed.hits,
        "requests": front.requests,
        "connections": front.connections,
    }


def _named(fault: Fault) -> dict[str, Any]:
    """A fault as it is written: what it does not say is left out."""
    document: dict[str, Any] = msgspec.to_builtins(fault)
    defaults = dict(zip(fault.__struct_fields__, fault.__struct_defaults__, strict=False))
    return {name: value for name, value in document.items() if value != defaults.get(name)}
