"""The stream of what goes on, over sockets: whole, resumed, bounded, and for whom."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from committee_shapes import custody
from link_simulation import start
from live_specimens import BEGAN_AT, Stage, line, on_stage, overview, subject

import sampler.live
from da_node.service import EventDecoder
from sampler.live import streaming
from sampler.live.locality import is_at_this_machine
from sampler.live.pages import MEDIA, POLICY
from sampler.live.updates import Update


async def updates(
    url: str, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[str, Update]]:
    decoder = EventDecoder(max_event_bytes=1 << 20)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/live/events", headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        async for chunk in answer.content.iter_any():
            for event in decoder.feed(chunk):
                yield event.id, msgspec.json.decode(event.data, type=Update)


async def test_a_reader_gets_everything_then_what_changes_and_resumes() -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        stage.board.said([line(1), line(2)])
        stream = updates(url)
        place, first = await anext(stream)
        assert (first.reset, [one.cursor for one in first.verdicts]) == (True, [1, 2])
        stage.board.said([line(3)])
        place, second = await anext(stream)
        assert (second.reset, [one.cursor for one in second.verdicts]) == (False, [3])
        await stream.aclose()
        stage.board.said([line(4)])
        stream = updates(url, {"Last-Event-ID": place})
        _, third = await anext(stream)
        assert (third.reset, [one.cursor for one in third.verdicts]) == (False, [4])
        await stream.aclose()


async def test_the_overview_is_sent_when_it_changes() -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        stream = updates(url)
        _, first = await anext(stream)
        stage.overview = overview(running=7)
        _, second = await anext(stream)
        assert (first.overview.running, second.overview.running) == (1, 7)
        await stream.aclose()


async def test_a_stream_ends_with_its_sampler() -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        stream = updates(url)
        await anext(stream)
        stage.live.close()
        assert [update async for update in stream] == []


async def test_there_are_so_many_readers_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MOST_READERS", 1)
    stage = Stage()
    async with on_stage(stage) as url, aiohttp.ClientSession() as session:
        stream = updates(url)
        await anext(stream)
        async with session.get(f"{url}/v1/live/events") as answer:
            assert answer.status == 429
            assert (await answer.json(content_type=None))["code"] == "too_many_requests"
        await stream.aclose()


async def test_a_place_that_is_none_is_refused() -> None:
    async with on_stage(Stage()) as url, aiohttp.ClientSession() as session:
        headers = {"Last-Event-ID": "yesterday"}
        async with session.get(f"{url}/v1/live/events", headers=headers) as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    ("headers", "shows_all", "is_whole"),
    [
        ({}, False, True),
        ({"X-Forwarded-For": "127.0.0.1"}, False, False),
        ({"Forwarded": "for=192.0.2.1"}, False, False),
        ({"Host": "attacker.example"}, False, False),
        ({"Host": "attacker.example"}, True, True),
    ],
)
async def test_only_this_machine_sees_sessions_under_way(
    headers: dict[str, str], shows_all: bool, is_whole: bool
) -> None:
    stage = Stage(shows_all=shows_all)
    async with on_stage(stage) as url, aiohttp.ClientSession() as session:
        under_way = start(custody(), 5)
        under_way.begin_due(0.0)
        with stage.board.sampling(subject(5)) as shown:
            shown.watch(under_way)
            async with session.get(f"{url}/v1/live", headers=headers) as answer:
                update = msgspec.json.decode(await answer.read(), type=Update)
        assert update.is_whole is is_whole
        assert len(update.sessions) == is_whole
        assert update.time == BEGAN_AT


@pytest.mark.parametrize(
    ("peer", "host", "is_here"),
    [
        ("127.0.0.1", "127.0.0.1:9000", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "[::1]:9000", True),
        ("192.0.2.1", "localhost:9000", False),
        ("127.0.0.1", "192.0.2.1:9000", False),
        ("127.0.0.1", "localhost.attacker.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", None, False),
        (None, "localhost", False),
    ],
)
def test_who_sits_at_this_machine(peer: str | None, host: str | None, is_here: bool) -> None:
    assert is_at_this_machine(peer, host, is_forwarded=False) is is_here
    assert not is_at_this_machine(peer, host, is_forwarded=True)


@pytest.mark.parametrize("name", MEDIA)
async def test_a_file_of_the_page_is_served_under_its_policy_and_kept(name: str) -> None:
    async with on_stage(Stage()) as url, aiohttp.ClientSession() as session:
        path = f"{url}/" if name == "index.html" else f"{url}/page/{name}"
        async with session.get(path) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, MEDIA[name])
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert "unsafe" not in POLICY
            body, tag = await answer.read(), answer.headers["ETag"]
        assert body
        assert b"http://" not in body.replace(b"http://www.w3.org/", b"")
        assert b"https://" not in body
        async with session.get(path, headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


def test_a_wheel_has_every_file_of_the_page() -> None:
    """As pyproject.toml says it; all of it is served, and no more."""
    folder = Path(sampler.live.__file__).parent
    project = tomllib.loads((folder.parent.parent / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["sampler.live"]
    carried = {path for pattern in patterns for path in folder.glob(pattern)}
    assert carried == set((folder / "page").iterdir())
    assert {path.name for path in carried} == set(MEDIA)
