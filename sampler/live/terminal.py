"""The same as the page on a terminal: one session's columns filling up, its figure, its members;
and the sampler as a whole. Drawn from pictures, as wide and as high as the terminal is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from da_node.service import printable
from sampler.live.picture import COLUMNS, Health, MemberPicture, SessionPicture
from sampler.live.updates import Mirror, Overview, SeenMember, VerdictLine
from sampler.live.wording import bytes_text, chance_text, clock_text, seconds_text, short_id

ACROSS: Final = 32
"""Columns of the matrix in one line, each two characters wide."""
BAR: Final = 40
"""Characters of the bar."""
FEWEST_VERDICTS: Final = 3

_FILLED: Final = "▁▂▃▄▅▆▇█"
_STAGES: Final = {
    "asking": "yellow",
    "doubting": "yellow",
    "available": "green",
    "withheld": "red",
    "inconclusive": "yellow",
}
_HEALTHS: Final = {
    Health.ANSWERS: "green",
    Health.FAILS_SOME: "yellow",
    Health.SILENT: "red",
    Health.DENIES: "red",
}


class SessionView:
    """One session."""

    def __init__(self, picture: SessionPicture, now_s: float, *, most_members: int = 16) -> None:
        """`now_s` is unix seconds by the sampler's clock."""
        self._picture = picture
        self._now_s = now_s
        self._most_members = most_members

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._head():
            line.no_wrap, line.overflow = True, "ellipsis"
            yield line
        yield Text("")
        yield from _matrix(self._picture)
        yield Text("")
        yield _members(self._picture.members, self._most_members)
        hidden = len(self._picture.members) - self._most_members
        if hidden > 0:
            yield Text(f"and {hidden} more", style="dim")

    def _head(self) -> Iterator[Text]:
        one = self._picture
        style = _STAGES.get(one.stage, "")
        yield Text.assemble(
            ("blob ", "dim"),
            (short_id(printable(one.blob_id)), "bold"),
            f" {printable(one.label)}" if one.label else "",
            "  ",
            (printable(one.stage), style),
            f"  {bytes_text(one.payload_bytes)}, {printable(one.rule)}",
            f", without members {', '.join(map(str, one.left_out))}" if one.left_out else "",
        )
        yield Text.assemble(
            ("bound ", "dim"), (f"{chance_text(one.error):<16}", "bold"), *_bar(one)
        )
        left_s = one.deadline_at - self._now_s
        end_s = self._now_s if one.ended_at is None else one.ended_at
        lasting = (
            f"{seconds_text(left_s)} to the deadline"
            if one.ended_at is None
            else f"over after {seconds_text(end_s - one.began_at)}"
        )
        rounds = f", {one.rounds} rounds among controls" if one.rounds else ""
        yield Text.assemble(
            ("held  ", "dim"),
            f"{f'{one.needed_held} of {one.needed} {printable(one.unit)}':<17}",
            f"{lasting}{rounds}",
        )


class View:
    """Everything: the foremost session, the sampler, its members, the last verdicts."""

    def __init__(self, mirror: Mirror, now_s: float, trouble: str = "") -> None:
        """`trouble` is why nothing new comes; empty where it does."""
        self._mirror = mirror
        self._now_s = now_s
        self._trouble = trouble

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        mirror = self._mirror
        room = options.size.height - 2
        if mirror.overview is not None:
            yield _clipped(_overview(mirror.overview))
            room -= 1
        if self._trouble:
            yield _clipped(Text(printable(self._trouble), style="red"))
            room -= 1
        yield Text("")
        foremost = mirror.foremost
        if foremost is None:
            yield Text("nothing has been sampled yet", style="dim")
            room -= 2
        else:
            # Head, matrix and their blank lines take 10, the members' heading 1.
            spare = room - 12 - FEWEST_VERDICTS
            most = max(1, min(len(foremost.members), spare))
            if most < len(foremost.members):
                most = max(1, most - 1)  # for how many more there are
            yield SessionView(foremost, self._now_s, most_members=most)
            room -= 12 + most + (most < len(foremost.members))
        if not mirror.is_whole:
            yield Text("sessions under way are shown at the sampler's machine only", style="dim")
            room -= 1
        yield Text("")
        yield from _verdicts(mirror.verdicts, max(1, room))


def overview_text(overview: Overview) -> str:
    """How the sampler is, in a line."""
    waiting = ", ".join(
        f"{count} {printable(lane).replace('_', ' ')}"
        for lane, count in overview.waiting.items()
        if count
    )
    followed = sum(one.is_followed for one in overview.feeds)
    return (
        f"{overview.running} being sampled, waiting {waiting or '0'}, "
        f"lag {seconds_text(overview.lag_s)}, {followed} of {len(overview.feeds)} feeds followed"
    )


def verdict_text(line: VerdictLine, *, is_short: bool = False) -> str:
    """A verdict in a line; its blob's id is whole, to be copied, unless it `is_short`."""
    why = line.reason if line.finding == "inconclusive" else f"wrong with {chance_text(line.error)}"
    label = f" {line.label}" if line.label else ""
    blob_id = short_id(line.blob_id) if is_short else line.blob_id
    return printable(
        f"{clock_text(line.time)}  {line.finding:<12}  {blob_id}{label}  "
        f"{line.held} of {line.asked} {line.unit}, {why}"
    )


def _overview(overview: Overview) -> Text:
    silent = [one for one in overview.members if _is_unwell(one)]
    text = Text.assemble(("sampler ", "dim"), overview_text(overview))
    if silent:
        names = ", ".join(printable(one.name or one.url) for one in silent)
        text.append(f"; unwell lately: {names}", style="red")
    return text


def _is_unwell(member: SeenMember) -> bool:
    return member.health in (Health.SILENT.value, Health.DENIES.value)


def _clipped(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _bar(picture: SessionPicture) -> Sequence[tuple[str, str]]:
    """How far the bound has come to what is wanted, as exponents go."""
    way = math.log(max(picture.error, 1e-300)) / math.log(picture.wanted)
    done = min(BAR, max(0, math.floor(BAR * way)))
    style = "green" if picture.error <= picture.wanted else "cyan"
    return (
        ("━" * done, style),
        ("─" * (BAR - done), "dim"),
        (f"  wanted {chance_text(picture.wanted)}", "dim"),
    )


def _matrix(picture: SessionPicture) -> Iterator[Text]:
    known = {column: rest for column, *rest in picture.columns}
    for start in range(0, COLUMNS, ACROSS):
        half = "data" if start < COLUMNS // 2 else "parity"
        line = Text.assemble((f"{half:<6}{start:>3}  ", "dim"))
        for column in range(start, start + ACROSS):
            line.append(*_cell(*known.get(column, (0, 0, 0))))
            line.append(" ")
        line.no_wrap, line.overflow = True, "crop"
        yield line


def _cell(asked: int, held: int, lost: int) -> tuple[str, str]:
    if not asked:
        return "·", "dim"
    if lost:
        return "×", "bold red"
    if held == asked:
        return "█", "green"
    return (_FILLED[held * len(_FILLED) // asked], "green") if held else ("□", "yellow")


def _members(members: Sequence[MemberPicture], most: int) -> Table:
    """Those that are unwell first, where there is no room for all."""
    unwell = (Health.DENIES, Health.SILENT, Health.FAILS_SOME)
    ranked = sorted(members, key=lambda one: (one.health not in unwell, one.member))
    shown = {one.member for one in ranked[:most]}
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("member", "state", "held", "waited for", "controls", "failed"):
        grid.add_column(heading, no_wrap=True, overflow="ellipsis", header_style="dim")
    for one in members:
        if one.member in shown:
            failures = [f"{count} {name}" for name, count in one.outcomes.items()]
            failed = ", ".join([f"{one.late} late", *failures] if one.late else failures)
            grid.add_row(
                Text(printable(one.name or one.url) + ("" if one.signed else " (did not sign)")),
                Text(one.health.value, style=_HEALTHS.get(one.health, "")),
                f"{one.held} of {one.asked}",
                f"{one.under_way or ''}",
                f"{one.controls_held} of {one.controls}" if one.controls else "",
                Text(printable(failed)),
            )
    return grid


def _verdicts(verdicts: Sequence[VerdictLine], most: int) -> Iterator[Text]:
    for line in reversed(verdicts[-most:]):
        text = verdict_text(line, is_short=True)
        at = text.find(line.finding)
        shown = Text(text)
        shown.stylize(_STAGES.get(line.finding, ""), at, at + len(line.finding))
        yield _clipped(shown)
