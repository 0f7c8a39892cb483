"""`holdfast sampler simulate`: many samplers against adversaries, beside what is promised."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import numpy as np

from committee.parameters import MAX_MEMBERS
from da_node.coding import COLUMNS, DATA_COLUMNS
from da_node.service import Output, table, with_output
from da_node.service.output import EXIT_FAILURE
from sampler.cli.plans import Chance, custody_of
from sampler.confidence import WANTED_ERROR, Rule, Unit
from sampler.order import SECRET_BYTES
from sampler.plan import Plan, plan
from sampler.simulation.curves import bytes_by_size, detection, restoring, verdicts
from sampler.simulation.measured import Measured, simulate

_ANY_ROWS = DATA_COLUMNS
"""The unit is given; nothing else depends on the rows."""
_MEANING = """\
available  sessions that ended so; against "one point per column" and "adaptive" most are right
wrong      of these, about columns from which the blob cannot be given back
promised   their share at most. Against servers that choose by asker one sampler promises nothing:
           the share of {samplers} samplers of a blob that any choice fools, except once in 10^9"""


@click.command("simulate")
@click.option(
    "--sessions", default=100_000_000, show_default=True, type=click.IntRange(1000, 10**10)
)
@click.option("--members", default=4, show_default=True, type=click.IntRange(1, MAX_MEMBERS))
@click.option("--faults", default=1, show_default=True, type=click.IntRange(0))
@click.option("--threshold", type=click.IntRange(1), help="members − faults if not given.")
@click.option("--columns-per-member", type=click.IntRange(1, COLUMNS), help="Length of the arcs.")
@click.option("--error", default=WANTED_ERROR, type=Chance(), help="Accepted; 1e-6 if not given.")
@click.option(
    "--rule", default="certified", show_default=True, type=click.Choice(["certified", "strict"])
)
@click.option(
    "--unit", default="points", show_default=True, type=click.Choice(["points", "columns"])
)
@click.option(
    "--samplers", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="Per blob."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--plots",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Write the figures into this directory.",
)
@click.option(
    "--format", "kind", default="svg", show_default=True, type=click.Choice(["svg", "png"])
)
@with_output
def simulate_command(
    output: Output,
    sessions: int,
    members: int,
    faults: int,
    threshold: int | None,
    columns_per_member: int | None,
    error: Fraction,
    rule: str,
    unit: str,
    samplers: int,
    seed: int,
    plots: Path | None,
    kind: str,
) -> None:
    """Run many sessions against each adversary and count those that end wrong.

    A hundred million take about a minute on one core. Exit codes: 0 every promise is kept, 1 one is
    broken (by chance once in 10^9), 2 wrong usage.
    """
    asked = plan(
        custody_of(members, faults, threshold, columns_per_member),
        _ANY_ROWS,
        bytes(SECRET_BYTES),
        rule=Rule[rule.upper()],
        wanted=error,
        unit=Unit[unit.upper()],
    )
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    try:
        rows = list(simulate(asked, sessions, samplers, rng))
    except ValueError as refused:
        raise click.ClickException(f"too large to simulate: {refused}") from None
    took_s = time.perf_counter() - start
    output.result(_document(asked, rows, took_s), _text(asked, rows, took_s, samplers))
    if plots is not None:
        for path in _plot(plots, kind, sessions, rng):
            output.note(f"wrote {path}")
    if not all(row.is_kept for row in rows):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _plot(directory: Path, kind: str, sessions: int, rng: np.random.Generator) -> list[Path]:
    try:
        from sampler.simulation.plots import save
    except ImportError:
        raise click.ClickException(
            "figures need matplotlib: pip install 'holdfast[plots]'"
        ) from None
    return save(
        directory,
        kind,
        detection=list(detection(max(1000, sessions // 100), rng)),
        sizes=bytes_by_size(),
        verdicts=verdicts(max(2, min(200, sessions // 500_000)), rng),
        restoring=list(restoring(max(20, min(2000, sessions // 50_000)), rng)),
    )


def _text(asked: Plan, rows: list[Measured], took_s: float, samplers: int) -> str:
    lines = [
        [
            row.adversary,
            f"{row.sessions:,}",
            f"{row.available:,}",
            f"{row.wrong:,}",
            f"{row.wrong / row.sessions:.3g}",
            f"{row.promised:.3g}",
            "yes" if row.is_kept else f"NO (by chance {row.surprise:.1g})",
        ]
        for row in rows
    ]
    headings = ("adversary", "sessions", "available", "wrong", "rate", "promised", "kept")
    total = sum(row.sessions for row in rows)
    custody = asked.custody
    first = f"{len(asked.first.items)} {asked.unit.name.lower()}"
    about = (
        f"members {custody.size}, faults {custody.faults}, {asked.rule.name.lower()}, error "
        f"{float(asked.error):.3g}: {first} at first; {total:,} sessions in {took_s:.1f} s"
    )
    return f"{about}\n\n{table(*headings, rows=lines)}\n\n{_MEANING.format(samplers=samplers)}"


def _document(asked: Plan, rows: list[Measured], took_s: float) -> dict[str, Any]:
    return {
        "members": asked.custody.size,
        "faults": asked.custody.faults,
        "unit": asked.unit.name.lower(),
        "rule": asked.rule.name.lower(),
        "error": float(asked.error),
        "samples": len(asked.first.items),
        "seconds": took_s,
        "adversaries": [
            {
                "adversary": row.adversary,
                "sessions": row.sessions,
                "available": row.available,
                "wrong": row.wrong,
                "promised": row.promised,
                "kept": row.is_kept,
            }
            for row in rows
        ],
    }
