"""What docs/BRIDGE.md says of the program is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

from bridge_client.cli.bridge import bridge
from bridge_client.cli.session import EXIT_CLOSED, EXIT_NOT_YET
from bridge_client.settings import BridgeSettings
from da_node.service import documentation

TEXT = (Path(__file__).resolve().parent.parent.parent / "docs/BRIDGE.md").read_text()


def test_every_setting_is_documented_as_it_is() -> None:
    """To renew: print(documentation(BridgeSettings)) at the end of the page."""
    assert documentation(BridgeSettings).strip() in TEXT


def test_the_commands_that_are_named_exist() -> None:
    named = set(re.findall(r"holdfast bridge ([a-z]+)", TEXT))
    assert len(named) >= 7
    assert named <= set(bridge.commands)


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert f"| {EXIT_CLOSED} | the gate is closed" in TEXT
    assert f"| {EXIT_NOT_YET} | not yet" in TEXT
