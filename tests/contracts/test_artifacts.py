"""What is committed as compiled is what the sources compile to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge_client.artifacts import DIRECTORY, artifact
from bridge_client.compiler import (
    CONTRACTS,
    SETTINGS,
    SOURCES,
    compile_contracts,
    encode_artifact,
)
from bridge_client.errors import CompilerFailed
from da_node.service import Bug

MAX_CODE_BYTES = 24_576
"""Of a deployed contract (EIP-170)."""


def test_the_committed_artifacts_are_the_sources_compiled() -> None:
    """To renew them: make contracts."""
    committed = {
        path.stem: path.read_bytes() for path in (CONTRACTS.parent / DIRECTORY).glob("*.json")
    }
    compiled = compile_contracts()
    assert {"CertificateVerifier", "TimelockController"} <= compiled.keys()
    assert committed == {name: encode_artifact(found) for name, found in compiled.items()}
    for found in compiled.values():
        assert found.settings == SETTINGS
        assert len(found.deployed_bytecode) // 2 - 1 <= MAX_CODE_BYTES, found.name


def test_a_committed_artifact_loads_by_its_name() -> None:
    assert artifact("CertificateVerifier").name == "CertificateVerifier"
    with pytest.raises(Bug):
        artifact("AcceptAll")


def test_a_warning_of_the_compiler_fails(tmp_path: Path) -> None:
    (tmp_path / "NoLicence.sol").write_text("pragma solidity 0.8.37;\ncontract Bare {}\n")
    with pytest.raises(CompilerFailed, match="SPDX"):
        compile_contracts(tmp_path, ())


def test_neither_lock_nor_artifacts_name_a_registry() -> None:
    lock = (CONTRACTS / "package-lock.json").read_text()
    assert '"integrity"' in lock
    assert '"resolved"' not in lock


def test_every_source_pins_the_compiler() -> None:
    sources = list(SOURCES.rglob("*.sol"))
    assert sources
    for source in sources:
        assert "pragma solidity 0.8.37;" in source.read_text(), source.name
