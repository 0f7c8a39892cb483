"""What the pages for operators say exists: metrics and alert rules, by the registries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from committee.disperser.metrics import DisperserMetrics
from committee.member.metrics import MemberMetrics
from da_node.node.metrics import NodeMetrics
from da_node.service import Metrics

DOCS = Path(__file__).resolve().parent.parent / "docs"


def names_of(render: bytes) -> set[str]:
    """The names of a registry's own metrics, as they are queried."""
    names = re.findall(r"^# TYPE (holdfast_\w+) ", render.decode(), re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}


def of_members() -> set[str]:
    plain, registry = Metrics(), Metrics()
    MemberMetrics(registry)
    return names_of(registry.render()) - names_of(plain.render())


REGISTRIES = {
    "OPERATING.md": names_of(NodeMetrics().render()),
    "MEMBER.md": of_members(),
    "DISPERSER.md": names_of(DisperserMetrics().render()),
}


@pytest.mark.parametrize("page", REGISTRIES)
def test_the_table_of_metrics_has_every_one_and_no_other(page: str) -> None:
    rows = re.findall(r"^\| `(holdfast_\w+)`", (DOCS / page).read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == REGISTRIES[page]


def test_alert_rules_ask_for_metrics_that_exist_and_pages_that_help() -> None:
    rules = (DOCS / "alerts.yml").read_text()
    known = set().union(*REGISTRIES.values())
    asked = set(re.findall(r"holdfast_\w+", rules))
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= known
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert len(alerts) == len(set(alerts)) == len(re.findall(r"^ +expr: ", rules, re.MULTILINE))
