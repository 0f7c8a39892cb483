"""What `holdfast devnet` shows of a settlement, from what its watcher prints. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from rich.text import Text

from da_node.service import printable
from da_node.service.network import State as ProcessState

_FINDINGS: Final = {1: "available", 2: "withheld"}


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the settlement, as the watcher prints it."""

    news: str
    """"seen", or "lost" by a reorganisation."""
    event: str
    fields: dict[str, Any]
    block: int


class Happenings:
    """What has become of batches. Pure."""

    def __init__(self) -> None:
        self.proposed = 0
        self.final = 0
        self.void = 0
        self.verdicts = 0

    def take(self, event: Mapping[str, Any]) -> str | None:
        """One line of the watcher's log; what it says of a batch, None if nothing."""
        try:
            one = msgspec.convert(event, Happening)
        except msgspec.ValidationError:
            return None
        step = -1 if one.news == "lost" else 1
        text = self._told(one, step)
        return printable(f"lost: {text}" if text and step < 0 else text or "") or None

    def _told(self, one: Happening, step: int) -> str | None:
        batch = f"batch {one.fields.get('batchId')}"
        if one.event == "BatchProposed":
            self.proposed += step
            return f"{batch} is proposed at height {one.fields.get('height')}"
        if one.event == "VerdictCounted":
            self.verdicts += step
            finding = _FINDINGS.get(one.fields.get("verdict", 0), "?")
            return f"{batch} is {finding}, says {one.fields.get('sampler')}"
        if one.event == "BatchFinal":
            self.final += step
            return f"{batch} is final"
        if one.event == "BatchVoid":
            self.void += step
            return f"{batch} is void"
        if one.event == "ChallengeOpened":
            return f"{batch} is challenged at points {one.fields.get('points')}"
        if one.event == "PointAnswered":
            return f"challenge {one.fields.get('challengeId')} is answered at one point"
        return None


def l1_line(state: ProcessState, pid: int | None, url: str, told: Happenings) -> Text:
    """The chain, and what became of its batches."""
    ended = state is ProcessState.ENDED
    line = Text("l1         ")
    line.append(state.value, style="red" if ended else "green")
    line.append("" if ended else f"  pid {pid}")
    line.append(f"  proposed {told.proposed}  verdicts {told.verdicts}")
    line.append(f"  final {told.final}", style="green" if told.final else "")
    line.append(f"  void {told.void}", style="red" if told.void else "")
    line.append(f"  {url}", style="dim")
    return line
