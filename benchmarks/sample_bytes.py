"""Bytes until a session says *available* at 1e-6, with everybody answering and one member silent.

They are those of real sessions over sockets, against real members, through relays that count
(`benchmarks.relay`): bodies of answers, and beside them what HTTP wraps them in. Silent is a member
that takes connections and answers nothing.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import product

from benchmarks.measure import Row
from benchmarks.relay import Relay
from benchmarks.sessions import asking, available, judge_of, post
from committee.documents import Committee, committee_of
from da_node.coding import (
    CELL_BYTES,
    COLUMNS,
    DATA_COLUMNS,
    PROOF_BYTES,
    column_bytes,
    row_count_of,
)
from da_node.service.kzg_pool import KzgPool
from sampler.confidence import WANTED_ERROR, Rule, samples_for
from sampler.verdict import Verdict

MIB = 1 << 20
SIZES = {16 * MIB: "16 MiB", MIB: "1 MiB", 100_000: "100 KB"}
BOUNDS = {
    (16 * MIB, Rule.CERTIFIED): 0.01,
    (16 * MIB, Rule.STRICT): 0.022,
    (MIB, Rule.CERTIFIED): 0.06,
    (MIB, Rule.STRICT): 0.15,
}
"""Shares of the payload."""
CELLS_BOUND = 1.12
"""For the smallest payload, whose whole columns are what is sampled: beside the per-cell scheme."""


async def sample_bytes(committee: Committee, disperser: str, kzg: KzgPool) -> list[Row]:
    """By size, rule and silent members."""
    rows = []
    async with AsyncExitStack() as stack:
        relays = [
            await stack.enter_async_context(Relay(member.url).running())
            for member in committee.members
        ]
        behind_relays = [
            replace(member, url=relay.url)
            for member, relay in zip(committee.members, relays, strict=True)
        ]
        through = committee_of(committee.keyset, behind_relays)
        for size_bytes in SIZES:
            receipt = await post(disperser, size_bytes)
            for rule, silent in product((Rule.CERTIFIED, Rule.STRICT), (0, 1)):
                for number, relay in enumerate(relays):
                    relay.reset()
                    relay.is_silent = number < silent
                async with asking(kzg) as asker:  # over connections of its own
                    verdict = await available(judge_of(through, asker, kzg), receipt, rule)
                rows.append(row(size_bytes, verdict, silent, relays))
    return rows


def row(size_bytes: int, verdict: Verdict, silent: int, relays: list[Relay]) -> Row:
    body_bytes = sum(relay.body_bytes for relay in relays)
    framing_bytes = sum(relay.framing_bytes for relay in relays)
    rows, columns = row_count_of(size_bytes), columns_to_sample()
    whole_bytes = columns * column_bytes(rows)
    cells_bytes = columns * rows * (CELL_BYTES + PROOF_BYTES)
    share, beside_cells = body_bytes / size_bytes, body_bytes / cells_bytes
    if (size_bytes, verdict.rule) in BOUNDS:
        ratio, bound, of_what = share, BOUNDS[size_bytes, verdict.rule], "of the payload"
    else:
        ratio, bound, of_what = beside_cells, CELLS_BOUND, "of the per-cell scheme"
    return Row(
        what=f"bytes to 1e-6, {SIZES[size_bytes]}, {verdict.rule.name.lower()}, "
        + ("everybody answering" if silent == 0 else f"{silent} of {len(relays)} silent"),
        figure=f"{verdict.held} {verdict.unit.name.lower()}, {body_bytes / 1e3:.1f} kB, "
        f"{100 * share:.2f} % of the payload; framing {framing_bytes / 1e3:.1f} kB more",
        beside=f"whole columns: {whole_bytes / 1e3:.0f} kB; per-cell scheme: "
        f"{cells_bytes / 1e3:.1f} kB, this is {beside_cells:.3f}×",
        ratio=ratio,
        target="report" if silent else f"≤ {bound}× {of_what}",
        reached=None if silent else ratio <= bound,
    )


def columns_to_sample() -> int:
    """Columns; or, of each of the PeerDAS blobs that the same bytes are, cells with their proofs,
    that leave an error of 1e-6: 18 of 128, of which 65 fail.
    """
    asked = samples_for(COLUMNS, COLUMNS - DATA_COLUMNS + 1, WANTED_ERROR)
    assert asked is not None
    return asked
