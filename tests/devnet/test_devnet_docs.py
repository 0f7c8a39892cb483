"""docs/DEVNET.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from bridge_client.cli.devchain import DevchainSettings
from committee.cli.fault_proxy import FaultProxySettings
from committee.devnet.faults import Fault
from da_node.cli.devnet import devnet
from da_node.service import Settings, documentation

TEXT = (Path(__file__).parents[2] / "docs" / "DEVNET.md").read_text()


@pytest.mark.parametrize("kind", get_args(Fault), ids=lambda kind: kind.__name__)
def test_every_fault_is_described_with_its_members(kind: type[msgspec.Struct]) -> None:
    line = next(
        line for line in TEXT.splitlines() if line.startswith(f"| `{kind.__struct_config__.tag}` ")
    )
    shared = {"addresses", "share", "times", "methods", "path", "agents"}
    for name in set(kind.__struct_fields__) - shared:
        assert f"`{name}`" in line
    for name in shared:
        assert f"| `{name}` |" in TEXT


def test_the_faults_that_are_shown_are_faults() -> None:
    shown = re.findall(r"-d '(\[.*\])'", TEXT)
    assert len(shown) == 3
    for text in shown:
        msgspec.json.decode(text, type=list[Fault])


@pytest.mark.parametrize("schema", [FaultProxySettings, DevchainSettings])
def test_the_settings_of_parts_are_those_of_their_schemas(schema: type[Settings]) -> None:
    assert documentation(schema) in TEXT


def test_every_option_of_the_command_is_named() -> None:
    for option in devnet.params:
        if option.name != "as_json":
            assert f"`{option.opts[0]}" in TEXT or f" {option.opts[0]} " in TEXT, option.opts
