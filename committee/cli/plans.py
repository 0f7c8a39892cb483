"""`holdfast committee plan`: what a committee would tolerate and cost, before there is one."""

from __future__ import annotations

from typing import Any

import click

from committee.parameters import MAX_MEMBERS
from committee.plan import ThresholdPlan, plan
from da_node.coding import COLUMNS
from da_node.service import Output, with_output
from da_node.service.output import EXIT_FAILURE

_HEADING = "threshold  columns  stored  lying  silent  lost  verdict  points"

_MEANING = """\
columns   each member's arc, of 128; any 64 different columns give a blob back
stored    bytes on all members' disks, in payloads
lying     signers that may collude and a certificate still means that the others hold the blob
silent    members that may be out of reach while blobs still get certificates
lost      members whose disks may be lost once all stored the blob
verdict   silent members up to which a sampler decides by sampling: all others holding what they
          should / just the threshold having signed, and nobody else holding anything
points    questions of a sampler with `faults` members silent, in those two cases (error 10^-6);
          4096 at 64 columns, which is reading them all
Every number is for the worst choice of members, counted exactly over the circle of columns."""


@click.command("plan")
@click.option("--members", required=True, type=click.IntRange(1, MAX_MEMBERS), help="How many.")
@click.option(
    "--faults", required=True, type=click.IntRange(0), help="Members that may be dishonest."
)
@click.option(
    "--threshold", type=click.IntRange(1), help="Only this one, instead of all that there are."
)
@click.option(
    "--columns-per-member",
    type=click.IntRange(1, COLUMNS),
    help="Length of the arcs; the shortest that each threshold allows if not given.",
)
@with_output
def plan_command(
    output: Output,
    members: int,
    faults: int,
    threshold: int | None,
    columns_per_member: int | None,
) -> None:
    """Say, for each threshold, who keeps which columns, what that costs and what it tolerates.

    The coverage rule is checked by its formula and exactly; a threshold that breaks it is marked,
    and no keyset of that shape loads. Exit codes: 0 at least one threshold is sound, 1 none is, or
    there is none for so many faults, 2 wrong usage.
    """
    plans = plan(members, faults, columns_per_member)
    if threshold is not None:
        plans = tuple(one for one in plans if one.threshold == threshold)
        if not plans:
            raise click.UsageError(f"thresholds are {faults + 1} to {members - faults}")
    document = {
        "members": members,
        "faults": faults,
        "thresholds": [_document(one) for one in plans],
    }
    lines = [_HEADING, *map(_line, plans), "", _MEANING, "", *_arc_lines(plans)]
    output.result(document, "\n".join(lines))
    if not any(one.is_sound for one in plans):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _line(one: ThresholdPlan) -> str:
    start = f"{one.threshold:>9}  {one.columns_per_member:>7}  {f'{one.storage:.1f}×':>6}"
    if not one.is_sound:
        held = one.fewest[one.threshold - one.faults]
        return (
            f"{start}  refused: honest signers may hold only {held} columns, or a column is "
            f"nobody's; {one.shortest} per member are enough"
        )
    worst = one.sampling()[-1]
    verdict = f"{one.verdict} / {one.verdict_of_signers}"
    points = f"{worst.points} / {worst.points_of_signers}"
    return f"{start}  {one.safety:>5}  {one.liveness:>6}  {one.recovery:>4}  {verdict:>7}  {points}"


def _arc_lines(plans: tuple[ThresholdPlan, ...]) -> list[str]:
    lines = []
    for length in dict.fromkeys(one.columns_per_member for one in plans if one.is_sound):
        same = [one for one in plans if one.columns_per_member == length and one.is_sound]
        thresholds = ", ".join(str(one.threshold) for one in same)
        lines.append(f"arcs of {length} columns (threshold {thresholds}):")
        lines += [f"  member {i:>3}  {arc}" for i, arc in enumerate(same[0].arcs)]
    return lines


def _document(one: ThresholdPlan) -> dict[str, Any]:
    return {
        "threshold": one.threshold,
        "columns_per_member": one.columns_per_member,
        "shortest_columns_per_member": one.shortest,
        "sound": one.is_sound,
        "fewest_columns_of_honest_signers": one.fewest[one.threshold - one.faults],
        "stored_payloads": one.storage,
        "may_lie": one.safety,
        "may_be_silent": one.liveness,
        "may_be_lost": one.recovery,
        "verdict_with_silent": one.verdict,
        "verdict_with_silent_signers_only": one.verdict_of_signers,
        "sampling": [
            {
                "silent": s.silent,
                "columns": s.columns,
                "points": s.points,
                "columns_of_signers": s.columns_of_signers,
                "points_of_signers": s.points_of_signers,
            }
            for s in one.sampling()
        ],
        "arcs": [{"start": arc.start, "count": arc.length} for arc in one.arcs],
    }
