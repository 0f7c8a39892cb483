"""What docs/DISPERSER.md says of the program is what the program says of itself."""

from __future__ import annotations

from pathlib import Path

from committee.disperser.metrics import DisperserMetrics
from committee.disperser.settings import DisperserSettings
from da_node.service import documentation

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/DISPERSER.md"


def test_every_setting_is_documented_as_it_is() -> None:
    """To renew: print(documentation(DisperserSettings)) at the end of the page."""
    assert documentation(DisperserSettings).strip() in PAGE.read_text()


def test_the_metrics_that_are_named_exist() -> None:
    text = DisperserMetrics().render().decode()
    for name in ("member_faults_total", "member_failures_total", "lagging_dispersals"):
        assert f"holdfast_{name}" in PAGE.read_text()
        assert f"# TYPE holdfast_{name}" in text
