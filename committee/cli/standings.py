"""How the standing of a committee is shown: as text, as a table that is drawn again, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from committee.documents import Committee
from committee.parameters import COLUMNS_NEEDED
from committee.standing.members import Row, State
from committee.standing.standing import Standing, Verdict
from da_node.coding import COLUMNS
from da_node.service import printable, table

_HEADINGS: Final = (
    "member",
    "address",
    "state",
    "version",
    "lacks",
    "used",
    "budget",
    "free",
    "signed/min",
    "clock",
)
_NARROW: Final = frozenset({"address", "version", "budget"})
"""What a terminal of fewer than `_WIDE` columns does without."""
_WIDE: Final = 110
_NUMBERS: Final = frozenset({"lacks", "used", "budget", "free", "signed/min", "clock"})

_STYLES: Final = {
    State.SIGNS: "green",
    State.UNABLE: "yellow",
    State.SILENT: "red",
    State.UNASKED: "dim",
}
_VERDICTS: Final = {
    Verdict.HEALTHY: "green",
    Verdict.THIN: "yellow",
    Verdict.BROKEN: "red",
}


def standing_text(committee: Committee, standing: Standing) -> str:
    """All of it, nothing cut off."""
    rows = table(*_HEADINGS, rows=[_cells(row) for row in standing.rows])
    warnings = [f"warning: {printable(text)}" for text in standing.warnings]
    return "\n".join([rows, "", *_margins(committee, standing), *warnings])


def standing_document(committee: Committee, standing: Standing) -> dict[str, Any]:
    """The same for programs."""
    keyset, signing = committee.keyset, standing.signing
    reading, recovery = standing.reading, standing.recovery
    return {
        "verdict": standing.verdict.name.lower(),
        "keyset_hash": keyset.hash.hex0x,
        "signing": {
            "able": signing.able,
            "threshold": signing.threshold,
            "may_fail": signing.spare,
        },
        "reading": {
            "serving": reading.serving,
            "columns": reading.columns,
            "needed": COLUMNS_NEEDED,
            "may_fail": reading.spare,
            "may_fail_of_signers_only": reading.spare_of_signers,
        },
        "recovery": {"complete": recovery.complete, "may_be_lost": recovery.spare},
        "warnings": list(standing.warnings),
        "members": [_document(row) for row in standing.rows],
    }


class StandingView:
    """The same on a terminal, as wide and as high as that is."""

    def __init__(self, committee: Committee, standing: Standing) -> None:
        self._committee = committee
        self._standing = standing

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        standing = self._standing
        warnings = standing.warnings
        below = [*(Text(line) for line in _margins(self._committee, standing))]
        below[0].stylize(_VERDICTS[standing.verdict] if standing.is_whole else "dim")
        room = max(8, options.size.height - len(below) - 4)
        rows, hidden = _most_telling(standing.rows, max(4, room - min(len(warnings), room // 3)))
        grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        shown = [h for h in _HEADINGS if options.max_width >= _WIDE or h not in _NARROW]
        for heading in shown:
            grid.add_column(
                heading,
                justify="right" if heading in _NUMBERS else "left",
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in rows:
            cells = dict(zip(_HEADINGS, _cells(row), strict=True))
            grid.add_row(*(Text(printable(cells[h]), style=_style(h, row)) for h in shown))
        yield grid
        if hidden:
            yield Text(f"and {hidden} more that sign", style="dim")
        yield Text("")
        yield from below
        left = max(1, room - len(rows))
        for warning in warnings[:left]:
            yield Text(
                f"warning: {printable(warning)}", style="yellow", no_wrap=True, overflow="ellipsis"
            )
        if len(warnings) > left:
            yield Text(f"and {len(warnings) - left} warnings more", style="yellow")


def _cells(row: Row) -> tuple[str, ...]:
    """In the order of the headings."""
    disk = row.disk
    return (
        row.name,
        row.url,
        row.state.value,
        row.version,
        _number(row.lacks),
        "" if disk is None else _size(disk.used),
        "" if disk is None or disk.budget is None else _size(disk.budget),
        "" if disk is None else _size(disk.free),
        "" if row.signed_per_minute is None else f"{row.signed_per_minute:.1f}",
        "" if row.offset_s is None else f"{int(row.offset_s):+d} s",
    )


def _margins(committee: Committee, standing: Standing) -> list[str]:
    size = committee.keyset.size
    signing, reading, recovery = standing.signing, standing.reading, standing.recovery
    if not standing.is_whole:
        asked = sum(row.state is not State.UNASKED for row in standing.rows)
        return [f"{asked} of {size} members have been asked"]
    return [
        f"signing   {signing.able} of {size} members can sign, {signing.threshold} are needed: "
        f"{_may(signing.spare, 'fail')}",
        f"reading   {reading.serving} serve {reading.columns} of {COLUMNS} columns, "
        f"{COLUMNS_NEEDED} are needed: {_may(reading.spare, 'fail')}",
        f"          of what only its signers hold: {_may(reading.spare_of_signers, 'fail')}",
        f"recovery  {recovery.complete} are not behind: {_may(recovery.spare, 'be lost')}",
    ]


def _may(spare: int, verb: str) -> str:
    return f"{spare} may {verb}" if spare > 0 else "none may " + verb if spare == 0 else "too few"


def _most_telling(rows: Sequence[Row], most: int) -> tuple[list[Row], int]:
    """So many rows, those that sign left out first; and how many are left out."""
    if len(rows) <= most:
        return list(rows), 0
    ill = [row for row in rows if row.state is not State.SIGNS]
    well = [row for row in rows if row.state is State.SIGNS]
    kept = {row.index for row in [*ill, *well][:most]}
    return [row for row in rows if row.index in kept], len(rows) - len(kept)


def _style(heading: str, row: Row) -> str:
    return _STYLES[row.state] if heading == "state" else "dim" if row.version == "" else ""


def _document(row: Row) -> dict[str, Any]:
    disk = row.disk
    return {
        "member": row.index,
        "name": row.name,
        "url": row.url,
        "state": row.state.name.lower(),
        "reasons": list(row.reasons),
        "remarks": list(row.remarks),
        "version": row.version or None,
        "lacks": row.lacks,
        "is_behind": row.is_behind,
        "used_bytes": None if disk is None else disk.used,
        "budget_bytes": None if disk is None else disk.budget,
        "free_bytes": None if disk is None else disk.free,
        "signed_per_minute": row.signed_per_minute,
        "clock_offset_s": row.offset_s,
        "clock_uncertainty_s": row.uncertainty_s,
    }


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _size(count: int) -> str:
    """Bytes with three digits, such as "1.95 GB"."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 0 if unit == "B" or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"
