"""The tables of docs/SAMPLING.md, as the code reckons. Pure.

To renew one: print(costs_table(…)) or print(network_table()).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sampler.confidence import CODE, STRICT_ERROR, WANTED_ERROR, Rule, Unit, samples_for
from sampler.costs import SIZES, Cost, costs
from sampler.custody import Custody
from sampler.network import mean_given_out, most_fooled

_NAMES: Final = {size: name for name, size in SIZES.items()}
_ERRORS: Final = {WANTED_ERROR: "10⁻⁶", STRICT_ERROR: "10⁻⁹"}
_OF_A_THOUSAND: Final = 1000


def costs_table(custody: Custody, sizes: Iterable[int] = tuple(SIZES.values())) -> str:
    """Samples, bytes and share of the payload, by size, rule, error and silent members."""
    silent = [f"{count} silent" for count in range(custody.faults + 1)]
    rows = [
        [_NAMES[row.payload_bytes], row.rule.name.lower(), _ERRORS[row.wanted]]
        + [_cell(cost) for cost in row.by_silent]
        for row in costs(custody, sizes)
    ]
    return _markdown(["payload", "rule", "error", *silent], rows)


def network_table() -> str:
    """What many samplers of a blob come to, for points of all columns."""
    items = CODE.items(Unit.POINTS, CODE.columns)
    rows = []
    for rule in (Rule.CERTIFIED, Rule.STRICT):
        for error, name in _ERRORS.items():
            failing = CODE.failing(Unit.POINTS, rule, CODE.columns)
            enough = items - failing + 1
            asked = samples_for(items, failing, error) or 0
            restored = next(n for n in range(1, 10**6) if mean_given_out(n, items, asked) >= enough)
            fooled = most_fooled(_OF_A_THOUSAND, items, enough, asked, -9.0)
            rows.append([rule.name.lower(), name, *map(str, (asked, enough, restored, fooled))])
    return _markdown(
        [
            "rule",
            "error",
            "points each",
            "points that give the blob back",
            "samplers that hold these, on average",
            "of 1000 samplers fooled at most (10⁻⁹)",
        ],
        rows,
    )


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return "–"
    size = f"{cost.sample_bytes / 1000:.0f} kB"
    if cost.sample_bytes >= 1_000_000:
        size = f"{cost.sample_bytes / 1_000_000:.2f} MB"
    return f"{cost.samples} {cost.unit.name.lower()}, {size}, {_percent(cost.share)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2f} %"


def _markdown(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
