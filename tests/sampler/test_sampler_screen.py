"""A blob of another process, shown while it is sampled: drawn on a terminal, elsewhere in lines."""

from __future__ import annotations

import asyncio
import io
import random

import pytest
from committee_shapes import custody
from link_simulation import World, run, start
from live_specimens import BEGAN_AT, Stage, blob_id, on_stage, one_silent, subject, withholding
from rich.console import Console

from sampler.cli import screen as screens
from sampler.cli.screen import screen


def console(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=100, height=40, force_terminal=is_terminal)


def said(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def play(stage: Stage, number: int, world: World) -> None:
    """A session from its beginning to its end."""
    session = start(custody(), number)
    with stage.board.sampling(subject(number)) as shown:
        took_s = run(session, world)
        stage.board.ended(shown, session, BEGAN_AT + took_s)


async def show(stage: Stage, shown: Console, number: int) -> str:
    """What is shown of a blob whose verdict is there already."""
    async with on_stage(stage) as url, screen(shown, url) as looking:
        verdict = asyncio.create_task(asyncio.sleep(0, "a verdict"))
        assert await looking.show(blob_id(number), verdict) == "a verdict"
    return said(shown)


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_the_last_picture_is_waited_for_and_shown(is_terminal: bool) -> None:
    stage = Stage()
    play(stage, 3, one_silent())
    play(stage, 2, withholding())
    text = await show(stage, console(is_terminal=is_terminal), 3)
    assert "available" in text
    assert "without members 2" in text
    assert "withheld" not in text
    assert ("█" in text) == is_terminal


async def test_each_turn_is_told_once_where_nothing_can_be_drawn() -> None:
    stage, shown = Stage(), console(is_terminal=False)
    play(stage, 1, withholding())
    await show(stage, shown, 1)
    (line,) = said(shown).splitlines()
    assert line.strip().startswith("withheld: ")
    assert "points held" in line


async def test_without_any_picture_the_verdict_is_given_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screens, "LAST_S", 0.2)
    stage = Stage()
    play(stage, 1, World(chance=random.Random(1)))
    assert (await show(stage, console(is_terminal=True), 7)).count("█") == 0
