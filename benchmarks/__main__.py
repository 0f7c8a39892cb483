"""`make bench`: every benchmark, as a readable table and as benchmarks/results.json."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    archive_write,
    coding,
    event_loop_stall,
    gas,
    member_attest,
    memory,
    points,
    posting,
    read,
    sampler_memory,
    sampling,
    settling,
)
from benchmarks.measure import Row

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "coding": coding.run,
    "memory": memory.run,
    "archive": archive_write.run,
    "stall": event_loop_stall.run,
    "member": member_attest.run,
    "post": posting.run,
    "read": read.run,
    "sampling": sampling.run,
    "points": points.run,
    "sampler memory": sampler_memory.run,
    "gas": gas.run,
    "settling": settling.run,
}
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Runs the parts named on the command line, or all of them."""
    wanted = sys.argv[1:] or list(PARTS)
    console = Console()
    rows: list[Row] = []
    for name in wanted:
        for row in PARTS[name]():
            console.print(f"{row.what}: {row.figure}, {row.ratio:.2f}×", highlight=False)
            rows.append(row)
    console.print(table(rows))
    if wanted == list(PARTS):
        write(rows)


def table(rows: list[Row]) -> Table:
    grid = Table("what", "figure", "beside", "ratio", "to reach", "", title="Holdfast benchmarks")
    marks = {True: "✓", False: "✗", None: ""}
    for row in rows:
        grid.add_row(
            row.what,
            row.figure,
            row.beside,
            f"{row.ratio:.2f}×",
            row.target,
            marks[row.reached],
        )
    return grid


def write(rows: list[Row]) -> None:
    document = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
