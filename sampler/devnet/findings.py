"""What `holdfast devnet` shows of a sampler, from what it logs. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from rich.table import Table
from rich.text import Text

from da_node.service import printable
from da_node.service.network import State as ProcessState

RECENT: Final = 8
"""Verdicts that are shown."""

_STYLES: Final = {"available": "green", "withheld": "red", "inconclusive": "yellow"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, as the sampler's log tells of it."""

    blob_id: str
    finding: Literal["available", "withheld", "inconclusive"]
    unit: str
    held: int
    asked: int
    error: float
    """Chance at most that it says what is not so; 1 where it says nothing."""
    silent: tuple[int, ...]
    """Members that gave nothing."""
    elapsed_s: float
    """From the first question to the verdict."""

    @property
    def certainty(self) -> str:
        """How sure it is."""
        return "" if self.finding == "inconclusive" else f"{self.error:.3g}"

    @property
    def sample(self) -> str:
        """How much of the sample came."""
        return f"{self.held} of {self.asked} {self.unit}"


class Findings:
    """What a sampler found. Pure."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.recent: deque[Found] = deque(maxlen=RECENT)
        """The latest first."""

    def take(self, event: Mapping[str, Any]) -> str | None:
        """One event of the sampler's log; what it says of a blob, None if nothing."""
        if event.get("event") == "not sampled":
            return printable(f"not sampled: {event.get('blob_id')}: {event.get('reason')}")
        if event.get("event") != "verdict":
            return None
        try:
            one = msgspec.convert(event, Found)
        except msgspec.ValidationError:
            return None
        self.counts[one.finding] += 1
        self.recent.appendleft(one)
        sure = f", wrong with a chance of at most {one.certainty}" if one.certainty else ""
        without = f", nothing from {_members(one.silent)}" if one.silent else ""
        return printable(
            f"{one.finding} {one.blob_id}{sure}: {one.sample} held{without}, "
            f"in {_time(one.elapsed_s)}"
        )


def sampler_line(state: ProcessState, pid: int | None, url: str, findings: Findings) -> Text:
    """The sampler, and how often it found what."""
    ended = state is ProcessState.ENDED
    line = Text("sampler    ")
    line.append(state.value, style="red" if ended else "green")
    line.append("" if ended else f"  pid {pid}")
    for finding, style in _STYLES.items():
        count = findings.counts[finding]
        line.append(f"  {finding} {count}", style=style if count else "")
    line.append(f"  {url}", style="dim")
    return line


def findings_table(found: Sequence[Found]) -> Table:
    """The latest verdicts."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("sampled blob", overflow="ellipsis")
    for heading in ("verdict", "wrong by chance", "held", "silent"):
        table.add_column(heading, no_wrap=True)
    table.add_column("after", no_wrap=True, justify="right")
    for one in found:
        table.add_row(
            printable(one.blob_id),
            Text(one.finding, style=_STYLES[one.finding]),
            one.certainty,
            printable(one.sample),
            ", ".join(map(str, one.silent)),
            _time(one.elapsed_s),
        )
    if not found:
        table.add_row(Text("none yet", style="dim"))
    return table


def _members(members: Sequence[int]) -> str:
    return f"member{'s' if len(members) > 1 else ''} {', '.join(map(str, members))}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
