"""The terminal's view: within its width and height, with the same in it as the page."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from committee_shapes import custody
from link_simulation import World, run, start
from live_specimens import (
    BEGAN_AT,
    Stage,
    honest,
    line,
    on_stage,
    one_silent,
    overview,
    subject,
    watched,
    withholding,
)
from rich.console import Console

from da_node.client.client import local_pace
from sampler.cli.sampler import sampler as command
from sampler.live.following import Following
from sampler.live.picture import SessionPicture, picture
from sampler.live.terminal import SessionView, View, verdict_text
from sampler.live.updates import Mirror, Update
from sampler.live.wording import bytes_text, chance_text, seconds_text


def drawn(view: object, width: int = 100, height: int = 40) -> list[str]:
    console = Console(width=width, height=height, force_terminal=False)
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


def mirror(*pictures: SessionPicture, verdicts: int = 5) -> Mirror:
    found = Mirror()
    found.apply(
        Update(
            reset=True,
            time=BEGAN_AT,
            is_whole=True,
            overview=overview(),
            sessions=list(pictures),
            gone=[],
            verdicts=[line(number) for number in range(1, verdicts + 1)],
        )
    )
    return found


def cells(lines: list[str]) -> list[str]:
    """The matrix, one character for each column."""
    rows = [one[11:].rstrip() for one in lines if one.startswith(("data", "parity"))]
    assert len(rows) == 4
    return [row[2 * place] for row in rows for place in range(32)]


@pytest.mark.parametrize("world", [honest, one_silent, withholding])
def test_every_column_is_drawn_as_it_is(world: object) -> None:
    _, seen = watched(world())  # type: ignore[operator]
    for one in seen[:: max(1, len(seen) // 12)]:
        found = cells(drawn(SessionView(one, BEGAN_AT + 1)))
        known = {column: rest for column, *rest in one.columns}
        for column, cell in enumerate(found):
            asked, held, lost = known.get(column, (0, 0, 0))
            if not asked:
                assert cell == "·"
            elif lost:
                assert cell == "×"
            elif held == asked:
                assert cell == "█"
            else:
                assert cell in ("□" if not held else "▁▂▃▄▅▆▇")


def test_figures_are_those_of_the_session() -> None:
    _, seen = watched(one_silent())
    lines = drawn(SessionView(seen[-1], BEGAN_AT + 9))
    assert "available" in lines[0]
    assert "without members 2" in lines[0]
    assert chance_text(seen[-1].error) in lines[1]
    assert "━" * 40 in lines[1]
    assert f"{seen[-1].needed} of {seen[-1].needed} points" in lines[2]
    assert any("member-2" in one and "silent" in one for one in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 40), (200, 60), (80, 18)])
@pytest.mark.parametrize("members", [4, 128])
def test_it_fits_the_terminal(width: int, height: int, members: int) -> None:
    session = start(custody(members, (members - 1) // 3), 3)
    about = subject(3, members=members)
    world = World(chance=honest().chance, silent=frozenset({members - 1}))
    run(session, world)
    found = mirror(picture(1, about, session, BEGAN_AT + 2), verdicts=50)
    lines = drawn(View(found, BEGAN_AT + 1, trouble="no longer followed"), width, height)
    assert len(lines) <= height
    assert all(len(one) <= width for one in lines)
    text = "\n".join(lines)
    assert "2 new, 31 catch up" in text
    assert "no longer followed" in text
    assert line(50).blob_id[:10] in text
    if members == 128:
        assert "more" in text
        record = session.members[members - 1]
        assert not record.is_silent or f"member-{members - 1}" in text  # the unwell come first


def test_words_of_others_steer_no_terminal() -> None:
    text = verdict_text(line(1, label="\x1b[2Jgone", reason="\x07"))
    assert text.isprintable()
    assert "\\x1b" in text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (1.0, "unknown"),
        (0.5, "unknown"),
        (0.25, "1 in 4"),
        (1 / 3400, "1 in 3,400"),
        (9.3e-7, "1 in 1.08 million"),
        (1e-6, "1 in 1 million"),
        (1.0000001e-6, "1 in 1 million"),
        (1e-9, "1 in 1 billion"),
        (3e-11, "1 in 33.3 billion"),
        (0.0, "none"),
    ],
)
def test_a_chance_in_words(error: float, text: str) -> None:
    assert chance_text(error) == text


@pytest.mark.parametrize(
    ("span_s", "text"),
    [
        (-1, "0 ms"),
        (0.072, "72 ms"),
        (13.31, "13.3 s"),
        (720, "12 min"),
        (9000, "2 h"),
        (2e6, "23 d"),
    ],
)
def test_a_span_in_words(span_s: float, text: str) -> None:
    assert seconds_text(span_s) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 B"), (300_000, "293 KiB"), (2_000_000, "1.9 MiB"), (16 << 20, "16 MiB")],
)
def test_a_size_in_words(count: int, text: str) -> None:
    assert bytes_text(count) == text


async def test_a_sampler_is_followed_over_its_restart() -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        stage.board.said([line(1)])
        following = Following(url, pace=local_pace())
        running = asyncio.create_task(following.run())
        await _until(following, lambda: len(following.mirror.verdicts) == 1)
        assert following.trouble is None
        assert following.now_s == pytest.approx(BEGAN_AT, abs=60)
    await _until(following, lambda: following.trouble is not None)
    anew = Stage()
    anew.board.boot = "00000001"
    anew.board.said([line(1), line(2)])
    async with on_stage(anew, port=int(url.rpartition(":")[2])):
        await _until(following, lambda: len(following.mirror.verdicts) == 2)
        assert following.trouble is None
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(following: Following, holds: object) -> None:
    async with asyncio.timeout(300):
        while not holds():  # type: ignore[operator]
            following.news.clear()
            await following.news.wait()


async def test_once_prints_what_there_is() -> None:
    stage = Stage()
    stage.board.said([line(1), line(2, "withheld", error=1e-9)])
    async with on_stage(stage) as url:
        runner = CliRunner()
        found = await asyncio.to_thread(runner.invoke, command, ["watch", url, "--once", "--json"])
        assert found.exit_code == 0, found.output
        document = json.loads(found.stdout)
        assert [one["finding"] for one in document["verdicts"]] == ["available", "withheld"]
        assert document["overview"] == msgspec.to_builtins(stage.overview)
        found = await asyncio.to_thread(runner.invoke, command, ["watch", url, "--once"])
        assert "withheld" in found.stdout
        assert "lag 400 ms" in found.stdout


def test_a_sampler_that_is_not_there_is_said_so_at_once() -> None:
    found = CliRunner().invoke(command, ["watch", "http://127.0.0.1:9"])
    assert found.exit_code == 1
    assert "http://127.0.0.1:9" in found.stderr


async def test_verdicts_are_printed_as_they_come_until_it_is_stopped() -> None:
    stage = Stage()
    stage.board.said([line(1)])
    async with on_stage(stage) as url:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("holdfast")),
            *("sampler", "watch", url, "--json"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(300):
            first = json.loads(await process.stdout.readline())
            stage.board.said([line(2, "inconclusive")])
            second = json.loads(await process.stdout.readline())
            process.terminate()
            assert await process.wait() == 0
    assert [(one["cursor"], one["finding"]) for one in (first, second)] == [
        (1, "available"),
        (2, "inconclusive"),
    ]
