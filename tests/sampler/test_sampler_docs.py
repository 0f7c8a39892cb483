"""What docs/SAMPLER.md says of the program is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

from da_node.service import documentation
from sampler.metrics import SamplerMetrics
from sampler.settings import SamplerSettings

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/SAMPLER.md"


def test_every_setting_is_documented_as_it_is() -> None:
    """To renew: print(documentation(SamplerSettings)) at the end of the page."""
    assert documentation(SamplerSettings).strip() in PAGE.read_text()


def test_the_metrics_that_are_named_exist() -> None:
    text = SamplerMetrics().render().decode()
    named = set(re.findall(r"`(holdfast_[a-z_]+)", PAGE.read_text()))
    assert len(named) >= 8
    for name in named:
        assert f"# TYPE {name} " in text


def test_every_metric_has_a_range_that_is_healthy_and_one_that_is_not() -> None:
    made = re.findall(r"# TYPE (holdfast_\w+) ", SamplerMetrics().render().decode())
    rows = re.findall(r"^\| `(holdfast_\w+)`[^|]*\|([^|]*)\|([^|]*)\|$", PAGE.read_text(), re.M)
    assert {name for name, *_ in rows} == {name for name in made if not name.endswith("_created")}
    for name, healthy, alarm in rows:
        assert healthy.strip(), name
        assert alarm.strip(), name
