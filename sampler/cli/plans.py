"""`holdfast sampler plan`: what a sampler would ask of a committee of some shape, and its cost."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import click

from committee.arcs import arcs
from committee.parameters import MAX_MEMBERS
from committee.plan import plan as committee_plans
from da_node.coding import COLUMNS, MAX_PAYLOAD_BYTES
from da_node.service import Output, parse_bytes, table, with_output
from sampler.confidence import STRICT_ERROR, WANTED_ERROR
from sampler.costs import SIZES, Cost, Costs, costs
from sampler.custody import Custody

_MEANING = """\
rule      certified: a valid certificate says that honest members verified 64 columns; strict:
          nobody is trusted
error     chance of a wrong "available", whatever members do once they saw all questions
silent    members that answer nothing, the neighbours that take most columns along; all signed"""


class Size(click.ParamType[int]):
    """A payload's size, written as 100000, "100kB" or "16MiB"."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            size = value if isinstance(value, int) else parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 1 <= size <= MAX_PAYLOAD_BYTES:
            self.fail(f"a payload has 1 to {MAX_PAYLOAD_BYTES} bytes", param, ctx)
        return size


class Chance(click.ParamType[Fraction]):
    """A chance between 0 and 1, taken exactly as written."""

    name = "chance"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        try:
            chance = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a chance such as 1e-6", param, ctx)
        if not Fraction(1, 10**30) <= chance < 1:
            self.fail(f"{value} is not between 1e-30 and 1", param, ctx)
        return chance


@click.command("plan")
@click.option("--members", default=4, show_default=True, type=click.IntRange(1, MAX_MEMBERS))
@click.option("--faults", default=1, show_default=True, type=click.IntRange(0))
@click.option("--threshold", type=click.IntRange(1), help="members − faults if not given.")
@click.option(
    "--columns-per-member",
    type=click.IntRange(1, COLUMNS),
    help="Length of the arcs; the shortest that the threshold allows if not given.",
)
@click.option("--size", "sizes", multiple=True, type=Size(), help="A payload's; several may be.")
@click.option("--error", "errors", multiple=True, type=Chance(), help="Accepted; several may be.")
@with_output
def plan_command(
    output: Output,
    members: int,
    faults: int,
    threshold: int | None,
    columns_per_member: int | None,
    sizes: tuple[int, ...],
    errors: tuple[Fraction, ...],
) -> None:
    """Say how many samples and bytes "available" takes, with members silent."""
    custody = custody_of(members, faults, threshold, columns_per_member)
    rows = list(costs(custody, sizes or SIZES.values(), errors or (WANTED_ERROR, STRICT_ERROR)))
    output.result([_document(row) for row in rows], _text(rows, faults))


def custody_of(
    members: int, faults: int, threshold: int | None, columns_per_member: int | None
) -> Custody:
    """Of a committee of that shape, everybody having signed. Raises click's errors, OutOfRange,
    NoSuchCommittee.
    """
    threshold = members - faults if threshold is None else threshold
    shapes = committee_plans(members, faults, columns_per_member)
    shape = next((one for one in shapes if one.threshold == threshold), None)
    if shape is None:
        raise click.UsageError(f"thresholds are {faults + 1} to {members - faults}")
    if not shape.is_sound:
        raise click.ClickException(
            f"{shape.columns_per_member} columns per member are too few; {shape.shortest} will do"
        )
    held = arcs(members, shape.columns_per_member)
    return Custody(columns_of=tuple(map(frozenset, held)), faults=faults)


def _text(rows: list[Costs], faults: int) -> str:
    headings = [f"{silent} silent" for silent in range(faults + 1)]
    lines = [
        [
            str(row.payload_bytes),
            row.rule.name.lower(),
            f"{float(row.wanted):g}",
            *map(shown, row.by_silent),
        ]
        for row in rows
    ]
    return table("payload", "rule", "error", *headings, rows=lines) + "\n\n" + _MEANING


def shown(cost: Cost | None) -> str:
    """Such as "20 points, 135.4 kB, 0.81 %"."""
    if cost is None:
        return "–"
    size = f"{cost.sample_bytes / 1000:.1f} kB"
    if cost.sample_bytes >= 1_000_000:
        size = f"{cost.sample_bytes / 1_000_000:.2f} MB"
    return f"{cost.samples} {cost.unit.name.lower()}, {size}, {100 * cost.share:.2g} %"


def _document(row: Costs) -> dict[str, Any]:
    return {
        "payload_bytes": row.payload_bytes,
        "rule": row.rule.name.lower(),
        "error": float(row.wanted),
        "silent": [
            cost
            and {
                "silent": cost.silent,
                "columns": cost.columns,
                "unit": cost.unit.name.lower(),
                "samples": cost.samples,
                "bytes": cost.sample_bytes,
            }
            for cost in row.by_silent
        ],
    }
