"""What the documentation says of the program is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from da_node.service import NodeSettings, documentation

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_setting_is_documented_as_it_is() -> None:
    """To renew: print(documentation(NodeSettings)) below the page's introduction."""
    assert documentation(NodeSettings).strip() in (ROOT / "docs/CONFIGURATION.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
