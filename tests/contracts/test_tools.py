"""What a developer's machine lacks is named; what runs is stopped."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest
from web3 import HTTPProvider, Web3

from bridge_client import compiler
from bridge_client.anvil import anvil, binary
from bridge_client.compiler import compile_contracts, node
from bridge_client.errors import ChainNotStarted, CompilerFailed, ToolMissing


def test_a_chain_runs_as_long_as_its_context() -> None:
    with anvil("prague", "--chain-id", "4242") as url:
        web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 10}))
        assert web3.eth.chain_id == 4242
    assert not web3.is_connected()


def test_a_chain_that_does_not_start_says_why() -> None:
    with pytest.raises(ChainNotStarted, match="no-such-fork"), anvil("no-such-fork"):
        pass


def test_a_platform_without_anvil_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(ToolMissing, match="anvil"):
        binary()


def test_node_is_the_systems_or_the_one_beside_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert node() == "/bin/node"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ToolMissing, match="node"):
        node()
    (tmp_path / "node").touch()
    assert node() == str(tmp_path / "node")


def test_sources_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Lost.sol").write_text('import "@nobody/Nothing.sol";\n')
    with pytest.raises(ToolMissing, match=r"@nobody/Nothing\.sol"):
        compile_contracts(tmp_path, ())
    monkeypatch.setattr(compiler, "MODULES", tmp_path)
    (tmp_path / "Lost.sol").write_text("")
    with pytest.raises(ToolMissing, match="solc"):
        compile_contracts(tmp_path, ())


def test_a_compiler_that_falls_over_is_no_compilation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiler, "CONTRACTS", tmp_path)
    with pytest.raises(CompilerFailed, match=r"compile\.js"):
        compile_contracts(tmp_path, ())
