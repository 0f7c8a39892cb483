"""docs/SAMPLING.md says what the code reckons, and the issue's bounds on bytes are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from committee_shapes import custody

from sampler.confidence import Rule, Unit
from sampler.costs import SIZES, costs
from sampler.plan import plan
from sampler.simulation.curves import bytes_by_size
from sampler.tables import costs_table, network_table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "SAMPLING.md").read_text()


@pytest.mark.parametrize(
    "table",
    [costs_table(custody(4, 1)), costs_table(custody(16, 5), [2**24]), network_table()],
    ids=["four members", "sixteen members", "many samplers"],
)
def test_the_pages_tables_are_the_codes(table):
    assert f"\n{table}\n" in PAGE


@pytest.mark.parametrize(
    ("size", "rule", "most"),
    [
        ("16 MiB", Rule.CERTIFIED, 0.01),
        ("16 MiB", Rule.STRICT, 0.022),
        ("1 MiB", Rule.CERTIFIED, 0.06),
        ("1 MiB", Rule.STRICT, 0.15),
    ],
)
def test_a_sample_with_everyone_answering_is_a_small_share_of_the_payload(size, rule, most):
    (row,) = (
        row for row in costs(custody(), [SIZES[size]]) if row.rule is rule and row.wanted > 1e-7
    )
    assert 0 < row.by_silent[0].share <= most


@pytest.mark.parametrize("rule", Rule)
def test_a_small_blob_costs_little_more_than_where_each_row_is_proven_by_itself(rule):
    """18 columns of one row, each a cell of 2048 bytes and a proof of 48, reach the same error."""
    asked = plan(custody(), 1, bytes(32), rule=rule)
    assert asked.unit is Unit.COLUMNS
    assert len(asked.first.items) == 18
    assert asked.bytes_of(asked.first) <= 1.12 * 18 * (2048 + 48)


def test_points_cost_less_than_columns_but_for_the_smallest_blobs():
    curves = bytes_by_size()
    for place, size in enumerate(curves.payload_bytes):
        series = {name: values[place] for name, values in curves.series.items()}
        assert series["points, certified"] < series["points, strict"]
        assert (series["columns"] < series["points, certified"]) == (size <= 4096 * 31)
