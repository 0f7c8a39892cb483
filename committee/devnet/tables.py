"""The tables of `holdfast devnet`: the members, the disperser, the latest blobs. Pure."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from rich.table import Table
from rich.text import Text

from committee.standing.members import State
from committee.standing.standing import Standing, Verdict
from da_node.service import printable
from da_node.service.network import State as ProcessState

RECENT: Final = 8
"""Blobs that are shown."""
REMEMBERED: Final = 200
"""Certified blobs whose times the median is of."""

_STYLES: Final = {
    State.SIGNS: "green",
    State.UNABLE: "yellow",
    State.SILENT: "red",
    State.UNASKED: "dim",
}
_VERDICTS: Final = {Verdict.HEALTHY: "green", Verdict.THIN: "yellow", Verdict.BROKEN: "red"}


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """A blob, as the disperser's log tells of it."""

    blob_id: str
    payload_bytes: int
    signers: tuple[int, ...]
    elapsed_s: float
    """From the payload's last byte to the certificate."""


class Posts:
    """What became of the payloads that the disperser took. Pure."""

    def __init__(self) -> None:
        self.certified = 0
        self.failed = 0
        self.recent: deque[Certified] = deque(maxlen=RECENT)
        """The latest first."""
        self._times: deque[float] = deque(maxlen=REMEMBERED)

    def take(self, event: Mapping[str, Any]) -> str | None:
        """One event of the disperser's log; what it says of a payload, None if nothing."""
        if event.get("event") == "certified":
            try:
                one = msgspec.convert(event, Certified)
            except msgspec.ValidationError:
                return None
            self.certified += 1
            self.recent.appendleft(one)
            self._times.append(one.elapsed_s)
            signers = ", ".join(map(str, one.signers))
            return (
                f"certified {one.blob_id}, {one.payload_bytes:,} bytes, in "
                f"{_time(one.elapsed_s)}, signed by {signers}"
            )
        if event.get("event") == "payload not certified":
            self.failed += 1
            return printable(f"not certified: {event.get('reason')}")
        return None

    @property
    def median_s(self) -> float | None:
        """From payload to certificate, in the middle of the latest ones."""
        return statistics.median(self._times) if self._times else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A member: its process, and what it says of itself."""

    name: str
    state: State
    """What it does, by what it says."""
    lacks: int | None
    """Blobs that others have and it has not; None if it has not said."""
    columns: str
    """Those that it keeps."""
    process: ProcessState
    pid: int | None
    figures: Mapping[str, float]
    """Its metrics; empty if it has not told them."""
    unheard_s: float | None
    """Since it answered last; None if it never has."""


def members_table(seats: Sequence[Seat]) -> Table:
    """A line for each member."""
    table = _table("member", "state", "pid", "columns", "blobs", "signed", "lacks", "seen")
    for seat in seats:
        state, style = _state(seat)
        table.add_row(
            printable(seat.name),
            Text(state, style=style),
            str(seat.pid) if seat.process is not ProcessState.ENDED else "",
            seat.columns,
            _count(seat.figures.get("store_blobs")),
            _count(seat.figures.get("attested_total")),
            _count(seat.lacks),
            "" if seat.unheard_s is None else f"{seat.unheard_s:.0f} s ago",
        )
    return table


def verdict_line(standing: Standing) -> Text:
    """How far it is from not certifying."""
    signing = standing.signing
    if not standing.is_whole:
        return Text("the members are being asked", style="dim")
    spare = f"{signing.spare} more may fail" if signing.spare > 0 else "none more may fail"
    return Text(
        f"{signing.able} of {len(standing.rows)} can sign, {signing.threshold} are needed: "
        f"{spare if signing.spare >= 0 else 'nothing is certified'}",
        style=_VERDICTS[standing.verdict],
    )


def disperser_line(state: ProcessState, pid: int | None, posts: Posts) -> Text:
    """The disperser, and what became of what was posted to it."""
    ended = state is ProcessState.ENDED
    median = "" if posts.median_s is None else f", half of them within {_time(posts.median_s)}"
    line = Text("disperser  ")
    line.append(state.value, style="red" if ended else "green")
    line.append("" if ended else f"  pid {pid}")
    line.append(f"  certified {posts.certified}{median}")
    line.append(f"  failed {posts.failed}", style="red" if posts.failed else "")
    return line


def blobs_table(blobs: Sequence[Certified], members: int) -> Table:
    """The latest blobs."""
    table = _table("certified blob", "bytes", "signed by", "after")
    for blob in blobs:
        signers = "".join(str(i) if i in blob.signers else "·" for i in range(members))
        if members > 10:
            signers = f"{len(blob.signers)} of {members}"
        table.add_row(
            printable(blob.blob_id), f"{blob.payload_bytes:,}", signers, _time(blob.elapsed_s)
        )
    if not blobs:
        table.add_row(Text("none yet", style="dim"))
    return table


_LONG: Final = frozenset({"certified blob"})
_RIGHT: Final = frozenset({"pid", "blobs", "signed", "lacks", "seen", "bytes", "after"})


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in _RIGHT else "left",
            no_wrap=heading not in _LONG,  # of these as much is shown as there is room for
            overflow="ellipsis",
        )
    return table


def _state(seat: Seat) -> tuple[str, str]:
    if seat.process is ProcessState.ENDED and seat.state is not State.SIGNS:
        return "ended", "red"  # unless somebody has started it again by hand
    return seat.state.value, _STYLES[seat.state]


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
