"""What docs/MEMBER.md says of the program is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import committee.errors  # noqa: F401  # so that the table has them
from committee.member.metrics import MemberMetrics
from committee.member.settings import MemberSettings
from da_node.service import Metrics, documentation, error_table

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/MEMBER.md"


def test_every_setting_is_documented_as_it_is() -> None:
    """To renew: print(documentation(MemberSettings)) at the end of the page."""
    assert documentation(MemberSettings).strip() in PAGE.read_text()


def test_the_metrics_that_are_named_exist() -> None:
    registry = Metrics()
    MemberMetrics(registry)
    text = registry.render().decode()
    for name in re.findall(r"`(holdfast_[a-z_]+)`", PAGE.read_text()):
        assert f"# TYPE {name}" in text


def test_the_errors_that_are_named_exist() -> None:
    rows = re.findall(r"^\| (\d{3}) (.*?) \|", PAGE.read_text(), re.MULTILINE)
    named = {
        (int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)
    }
    known = {(status, code) for status, code, _ in error_table()}
    assert named
    assert named <= known
