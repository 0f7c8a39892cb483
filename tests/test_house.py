"""The house's rules that a machine can hold: who imports whom, one door per outer library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("da_node", "committee", "sampler", "bridge_client")
"""In the order in which data goes through them: a package imports only those before it."""
DOORS = ("da_node.coding", "da_node.client", "da_node.service")
"""What the later packages may use of `da_node`."""
COMPOSING = {"committee.member": ("da_node.api", "da_node.node", "da_node.store")}
"""Who may use more: a member is a node with a key, and composes the node's own application."""
TEST_KIT = "committee.devnet"
"""Local committees and their faults: no service imports it, so that none can be told to fail."""
USING_THE_TEST_KIT = (
    "committee.cli.fault_proxy",
    "committee.cli.demo",
    "sampler.devnet",
    "sampler.cli.demo",
    "bridge_client.devnet",
    "bridge_client.cli.demo",
    "benchmarks",
)
ONE_DOOR = {
    "ckzg": "da_node.coding.kzg",
    "rocksdict": "da_node.store.database",
    "reedsolo": "da_node.archive.reed_solomon",
    "coincurve": "committee.secp256k1",
    "Crypto": "committee.ciphers",
    "blspy": "committee.bls",
    "eth_keyfile": "committee.ethereum",
    "web3": "bridge_client.ethereum",
    "eth_account": "bridge_client.transactions",
    "matplotlib": "sampler.simulation.plots",
    "sqlite3": "da_node.service.database",
}
ALLOWED_BELOW = {
    "da_node.errors": (),
    "da_node.coding": ("da_node.coding", "da_node.errors"),
    "da_node.retention": ("da_node.coding", "da_node.errors"),
    "da_node.service": ("da_node.service", "da_node.coding", "da_node.errors"),
    "da_node.store": ("da_node.store", "da_node.coding", "da_node.errors", "da_node.retention"),
    "da_node.client": ("da_node.client", "da_node.coding", "da_node.errors", "da_node.service"),
}
"""The floors inside `da_node`: what each may import of the rest of it."""
PURE = {"da_node.retention"} | {
    f"committee.{name}"
    for name in (
        "parameters",
        "values",
        "reader",
        "errors",
        "bls",
        "arcs",
        "keyset",
        "attestation",
        "certificate",
        "plan",
        "documents",
        "succession",
        "standing.heard",
        "standing.members",
        "standing.standing",
        "disperser.spreading",
        "disperser.tenants",
        "disperser.terms",
        "disperser.cursors",
        "devnet.faults",
        "devnet.pieces",
        "devnet.spoiling",
    )
}
PURE |= {
    f"sampler.{name}"
    for name in (
        "errors",
        "confidence",
        "custody",
        "order",
        "division",
        "plan",
        "costs",
        "tables",
        "suspicion",
        "conclusion",
        "verdict",
        "patience",
        "question",
        "inquiry",
        "evidence",
        "doubting",
        "session",
        "intervals",
        "schedule",
        "silence",
        "terms",
        "look",
        "documents",
        "network",
        "live.curve",
        "live.picture",
        "live.updates",
        "live.board",
        "live.locality",
        "live.wording",
        "devnet.findings",
        "simulation.adversaries",
        "simulation.sessions",
        "simulation.askers",
        "simulation.measured",
        "simulation.curves",
    )
}
PURE |= {
    f"bridge_client.{name}"
    for name in (
        "points",
        "calldata",
        "opening",
        "errors",
        "life",
        "transactions",
        "rlp",
        "sidecar",
        "fallback.framing",
        "fallback.postings",
        "fallback.costs",
        "l1.answers",
        "journal.records",
        "devnet.happenings",
        "settlement",
        "verdicts",
        "withdrawals",
        "plans",
    )
}
"""The pure modules beside `da_node.coding`."""
IMPURE = {"asyncio", "socket", "time", "datetime", "random", "secrets", "subprocess", "aiohttp"}
"""What a pure module has no use for: clock, network and randomness are handed in."""


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, path


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


MODULES = dict(modules())


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_no_two_test_files_bear_one_name() -> None:
    """They lie in no packages, so the second one is never imported."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_there_are_modules_to_walk() -> None:
    assert "da_node.coding.blob" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_package_imports_only_packages_before_it(name: str) -> None:
    own = PACKAGES.index(name.split(".")[0])
    for imported in imports_of(MODULES[name]):
        assert not any(is_within(imported, later) for later in PACKAGES[own + 1 :]), imported


def test_later_packages_use_only_the_doors() -> None:
    for name, path in MODULES.items():
        if not is_within(name, "da_node"):
            more = [
                floor
                for who, floors in COMPOSING.items()
                if is_within(name, who)
                for floor in floors
            ]
            for imported in imports_of(path):
                is_door = any(is_within(imported, door) for door in (*DOORS, *more))
                assert is_door or not is_within(imported, "da_node"), f"{name} imports {imported}"


def test_the_test_kit_is_no_part_of_what_it_tests() -> None:
    for name, path in MODULES.items():
        if not any(is_within(name, kit) for kit in (TEST_KIT, *USING_THE_TEST_KIT)):
            for imported in imports_of(path):
                assert not is_within(imported, TEST_KIT), f"{name} imports {imported}"


@pytest.mark.parametrize("floor", ALLOWED_BELOW)
def test_a_floor_stands_only_on_those_below_it(floor: str) -> None:
    for name in MODULES:
        if is_within(name, floor):
            for imported in imports_of(MODULES[name]):
                allowed = (
                    not is_within(imported, "da_node")
                    or imported in ("da_node", "da_node.__version__")
                    or any(is_within(imported, below) for below in ALLOWED_BELOW[floor])
                )
                assert allowed, f"{name} imports {imported}"


@pytest.mark.parametrize("library", ONE_DOOR)
def test_an_outer_library_has_one_door(library: str) -> None:
    importers = {
        name
        for name, path in MODULES.items()
        if any(is_within(imported, library) for imported in imports_of(path))
    }
    assert importers == {ONE_DOOR[library]}


def test_pure_modules_know_no_clock_network_or_randomness() -> None:
    for name, path in MODULES.items():
        if name == "da_node.coding.fairness":
            continue  # it pauses, and reads no clock
        if is_within(name, "da_node.coding") or name in PURE:
            used = {imported.split(".")[0] for imported in imports_of(path)}
            assert not used & IMPURE, name


def test_nothing_but_the_house_stands_at_the_top() -> None:
    expected = {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "da_node",
        "committee",
        "sampler",
        "bridge_client",
        "tests",
        "benchmarks",
        "docs",
        "build",
    }
    entries = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert {name for name in entries - expected if not name.endswith(".egg-info")} == set()
