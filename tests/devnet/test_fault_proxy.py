"""Each fault, as an asker sees it; and nothing else changed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from committee.devnet.fault_control import FaultControl, control_application
from committee.devnet.fault_proxy import FaultProxy, Front
from committee.devnet.faults import (
    Armed,
    Asked,
    Cut,
    Delay,
    Drip,
    Fault,
    Flip,
    Garbage,
    OtherBlob,
    Refuse,
    Silent,
    Truncate,
    Withhold,
)
from da_node.service import MalformedRequest, PeerUnreachable
from da_node.service.network import Ports

BODY = bytes(range(256)) * 1000
ONE, OTHER = "0x" + "11" * 32, "0x" + "22" * 32


@dataclass
class Faulty:
    """A member's double behind a front."""

    front: Front
    session: aiohttp.ClientSession
    control: FaultControl
    seen: list[str]
    """Method and target of every request that reached the member."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.front.port}"

    async def get(self, path: str = "/body", **more: Any) -> bytes:
        async with self.session.get(self.url + path, **more) as answer:
            return await answer.read()

    async def arm(self, *faults: Fault) -> None:
        await self.front.arm(faults)

    @asynccontextmanager
    async def met_with_silence(self, target: str) -> AsyncIterator[None]:
        """A request that is taken and not answered, until the body has healed the front."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.front.port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        hits = self.control.hits
        while not sum(await asyncio.to_thread(hits, "one")):  # the kernel has the request still
            pass
        reading = asyncio.create_task(reader.read())
        yield
        assert await reading == b""
        writer.close()


def member(seen: list[str]) -> web.Application:
    """Answers as a member does, as far as the proxy looks at it."""

    @web.middleware
    async def note(request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        seen.append(f"{request.method} {request.path_qs}")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def body(request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), status=201)

    async def chunked(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for start in range(0, len(BODY), 50_000):
            await answer.write(BODY[start : start + 50_000])
        return answer

    async def refusal(request: web.Request) -> web.Response:
        return web.Response(status=403, text="before the body")

    async def pieces(request: web.Request) -> web.Response:
        wanted = request.query_string.partition("=")[2].split(",")
        missing = {"Holdfast-Missing": "9"} if "9" in wanted else {}
        text = " ".join(one for one in wanted if one != "9")
        return web.Response(text=f"{request.match_info['id'][:4]}: {text}", headers=missing)

    application = web.Application(middlewares=[note], client_max_size=1 << 30)
    application.router.add_get("/body", body)
    application.router.add_put("/echo", echo)
    application.router.add_get("/chunked", chunked)
    application.router.add_put("/refusal", refusal)
    application.router.add_get("/v1/blobs/{id}/columns", pieces)
    application.router.add_get("/v1/blobs/{id}/points", pieces)
    return application


@asynccontextmanager
async def serving(application: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def faulty() -> AsyncIterator[Faulty]:
    seen: list[str] = []
    with Ports() as ports:
        front = Front("one", ports.of("front"), ports.of("member"), Random("the same"))
        proxy = FaultProxy({"one": front})
        async with (
            serving(member(seen), ports.of("member")),
            proxy,
            serving(control_application(proxy), ports.of("control")),
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
        ):
            yield Faulty(front, session, FaultControl(ports.of("control")), seen)


BROKEN = (aiohttp.ClientError, ConnectionError)


# ---------------------------------------------------------------- without faults


async def test_without_faults_everything_passes_as_it_is(faulty: Faulty) -> None:
    assert await faulty.get() == BODY
    assert await faulty.get("/chunked") == BODY
    large = Random(1).randbytes(900_000)  # a few pieces
    async with faulty.session.put(f"{faulty.url}/echo", data=large) as answer:
        assert (answer.status, await answer.read()) == (201, large)
    async with faulty.session.head(f"{faulty.url}/body") as answer:
        assert answer.headers["Content-Length"] == str(len(BODY))
    assert await faulty.get(f"/v1/blobs/{ONE}/columns?index=9,3") == b"0x11: 3"
    # one connection carried them all
    assert faulty.front.connections == 1
    assert faulty.front.requests == 5


async def test_a_refusal_before_the_body_comes_through(faulty: Faulty) -> None:
    async with faulty.session.put(f"{faulty.url}/refusal", data=b"x" * 1000) as answer:
        assert (answer.status, await answer.text()) == (403, "before the body")


async def test_what_is_no_http_ends_the_connection(faulty: Faulty) -> None:
    for junk in (b"\0" * 70_000, b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno field\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", faulty.front.port)
        writer.write(junk)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
    assert await faulty.get() == BODY


async def test_a_member_that_is_gone_is_a_connection_reset(faulty: Faulty) -> None:
    with Ports() as ports:
        front = Front("gone", ports.of("front"), ports.of("nobody"))
        async with FaultProxy({"gone": front}):
            with pytest.raises(BROKEN):
                await faulty.session.get(f"http://127.0.0.1:{front.port}/body")


# ---------------------------------------------------------------- each fault


async def test_refuse_is_a_port_that_nobody_listens_on_until_it_is_healed(faulty: Faulty) -> None:
    assert await faulty.get() == BODY
    await faulty.arm(Refuse())
    assert faulty.front.connections == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await faulty.get()
    await faulty.arm()
    assert await faulty.get() == BODY


async def test_silent_takes_the_request_and_says_nothing_until_it_is_healed(
    faulty: Faulty,
) -> None:
    await faulty.arm(Silent(path="/bo*"))
    async with faulty.met_with_silence("/body"):
        assert await faulty.get("/chunked") == BODY
        await faulty.arm()
    assert faulty.seen == ["GET /chunked"]


async def test_delay_waits_before_it_passes_the_request_on(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        assert faulty.seen == []
        waited.append(seconds)

    monkeypatch.setattr("committee.devnet.fault_proxy.asyncio.sleep", sleep)
    await faulty.arm(Delay(seconds=2.5), Delay(seconds=1))
    assert await faulty.get() == BODY
    assert waited == [3.5]


async def test_drip_sends_a_body_at_its_pace(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr("committee.devnet.fault_proxy.asyncio.sleep", note)
    await faulty.arm(Drip(bytes_per_s=100_000))
    assert await faulty.get() == BODY
    assert sum(waited) == pytest.approx(len(BODY) / 100_000, rel=0.1)


@pytest.mark.parametrize("after", [0, 1, 70_000, len(BODY) - 1])
async def test_cut_ends_the_connection_in_the_middle(faulty: Faulty, after: int) -> None:
    await faulty.arm(Cut(after_bytes=after))
    reader, writer = await asyncio.open_connection("127.0.0.1", faulty.front.port)
    writer.write(b"GET /body HTTP/1.1\r\nHost: a\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(BODY)}".encode() in head
    assert body == BODY[:after]
    writer.close()


@pytest.mark.parametrize("kept", [0, 1, 70_000, len(BODY) + 1])
async def test_truncate_is_a_whole_answer_that_is_too_short(faulty: Faulty, kept: int) -> None:
    await faulty.arm(Truncate(to_bytes=kept))
    assert await faulty.get() == BODY[:kept]
    assert await faulty.get() == BODY[:kept]


async def test_flip_changes_one_bit(faulty: Faulty) -> None:
    for at, index in ((3, 3), (200_000, 200_000), (len(BODY), len(BODY) - 1)):
        await faulty.arm(Flip(at_byte=at))
        got = await faulty.get()
        assert [i for i in range(len(BODY)) if got[i] != BODY[i]] == [index]
        assert got[index] == BODY[index] ^ 1
    await faulty.arm(Flip())
    got = await faulty.get()
    assert sum(a != b for a, b in zip(got, BODY, strict=True)) == 1


async def test_garbage_is_as_long_and_something_else(faulty: Faulty) -> None:
    await faulty.arm(Garbage())
    got = await faulty.get()
    assert len(got) == len(BODY)
    assert got != BODY


async def test_withheld_pieces_are_missing_as_if_they_were_not_held(faulty: Faulty) -> None:
    await faulty.arm(Withhold(columns=(3,), points=(7,)))
    async with faulty.session.get(f"{faulty.url}/v1/blobs/{ONE}/columns?index=4,3,9") as answer:
        assert await answer.text() == "0x11: 4"
        assert answer.headers["Holdfast-Missing"] == "3,9"
    # column 3 has the points 192 … 255
    async with faulty.session.get(f"{faulty.url}/v1/blobs/{ONE}/points?point=7,8,200") as answer:
        assert await answer.text() == "0x11: 8"
        assert answer.headers["Holdfast-Missing"] == "7,200"
    async with faulty.session.get(f"{faulty.url}/v1/blobs/{ONE}/columns?index=3") as answer:
        assert answer.status == 503
        assert (await answer.json())["code"] == "not_enough"
    assert faulty.seen == [
        f"GET /v1/blobs/{ONE}/columns?index=4,9",
        f"GET /v1/blobs/{ONE}/points?point=8",
    ]
    assert await faulty.get("/v1/blobs/0x11/columns?index=x") == b"0x11: x"
    assert faulty.front.armed.hits == [3]


async def test_withheld_pieces_can_be_met_with_silence(faulty: Faulty) -> None:
    await faulty.arm(Withhold(columns=(3,), how="silent"))
    assert await faulty.get(f"/v1/blobs/{ONE}/columns?index=4") == b"0x11: 4"
    async with faulty.met_with_silence(f"/v1/blobs/{ONE}/columns?index=4,3"):
        await faulty.arm()
    assert len(faulty.seen) == 1


async def test_another_blobs_pieces_come_instead(faulty: Faulty) -> None:
    await faulty.arm(OtherBlob(instead=OTHER))
    assert await faulty.get(f"/v1/blobs/{ONE}/columns?index=4") == b"0x22: 4"
    assert await faulty.get() == BODY


# ---------------------------------------------------------------- whom, how often


def asked(**more: str) -> Asked:
    one = {
        "method": "GET",
        "target": "/v1/blobs/a/points?point=1",
        "address": "127.0.0.1",
        "agent": "me",
    }
    return Asked(**{**one, **more})


@pytest.mark.parametrize(
    "narrow",
    [
        {"methods": ("PUT",)},
        {"path": "/v1/blobs/*/columns"},
        {"addresses": ("127.0.0.2",)},
        {"agents": ("you",)},
    ],
)
def test_a_fault_befalls_only_those_it_names(narrow: dict[str, Any]) -> None:
    armed = Armed([Silent(), Silent(**narrow)], Random(1))
    assert armed.befalling(asked()) == [Silent()]
    assert armed.hits == [1, 0]
    other = asked(method="PUT", target="/v1/blobs/a/columns", address="127.0.0.2", agent="you")
    assert len(armed.befalling(other)) == 2


def test_a_fault_happens_as_often_as_it_says() -> None:
    armed = Armed([Silent(times=2), Refuse(times=1)], Random(1))
    assert [len(armed.befalling(asked())) for _ in range(4)] == [1, 1, 0, 0]
    assert [armed.refuses("a") for _ in range(3)] == [True, False, False]
    assert armed.listens


def test_a_share_of_the_requests_is_befallen_by_chance() -> None:
    armed = Armed([Silent(share=0.25)], Random(5))
    hits = sum(len(armed.befalling(asked())) for _ in range(10_000))
    assert hits == armed.hits[0]
    # six standard deviations of a binomial: 6 · √(10⁴ · ¼ · ¾)
    assert abs(hits - 2500) < 260


async def test_one_asker_is_refused_and_another_is_not(faulty: Faulty) -> None:
    await faulty.arm(Refuse(addresses=("127.0.0.9",)))
    assert await faulty.get() == BODY
    with socket.create_connection(
        ("127.0.0.1", faulty.front.port), source_address=("127.0.0.9", 0)
    ) as refused:
        loop = asyncio.get_running_loop()
        refused.setblocking(False)
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(refused, 1)


# ---------------------------------------------------------------- the control


async def test_faults_are_switched_and_counted_over_the_control(faulty: Faulty) -> None:
    faults = (Flip(at_byte=0, methods=("GET",)), Withhold(columns=(1, 2)))
    await asyncio.to_thread(faulty.control.set, "one", *faults)
    assert faulty.front.armed.faults == faults
    assert (await faulty.get())[0] == BODY[0] ^ 1
    assert await asyncio.to_thread(faulty.control.hits, "one") == [1, 0]
    told = (await asyncio.to_thread(faulty.control.fronts))["one"]
    assert told["faults"][0] == {"fault": "flip", "at_byte": 0, "methods": ["GET"]}
    assert told["port"] == faulty.front.port
    await asyncio.to_thread(faulty.control.set, "one")
    assert await faulty.get() == BODY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'[{"fault": "unheard of"}]',
        b'[{"fault": "delay"}]',
        b'[{"fault": "delay", "seconds": -1}]',
        b'[{"fault": "silent", "share": 0}]',
        b'[{"fault": "silent", "colums": [1]}]',
        b'[{"fault": "refuse", "path": "/v1/*"}]',
        b'[{"fault": "withhold", "columns": [128]}]',
        b'[{"fault": "other-blob", "instead": "0x12"}]',
        msgspec.json.encode([Silent()] * 65),
    ],
)
async def test_what_is_no_list_of_faults_changes_nothing(faulty: Faulty, body: bytes) -> None:
    await faulty.arm(Flip(at_byte=0))
    url = f"http://127.0.0.1:{faulty.control._port}/v1/fronts/one"
    async with faulty.session.put(url, data=body) as answer:
        assert answer.status == 400
        assert "a list of faults" in (await answer.json())["detail"]
    assert faulty.front.armed.faults == (Flip(at_byte=0),)


async def test_the_control_knows_its_fronts(faulty: Faulty) -> None:
    with pytest.raises(MalformedRequest, match="two"):
        await asyncio.to_thread(faulty.control.set, "two", Silent())
    with Ports() as ports, pytest.raises(PeerUnreachable):
        await asyncio.to_thread(FaultControl(ports.of("nobody")).fronts)
