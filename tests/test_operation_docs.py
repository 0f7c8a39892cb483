"""What the pages for operators say exists: metrics, alert rules, units, settings and commands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from bridge_client.metrics import WatcherMetrics
from bridge_client.settings import BridgeSettings
from committee.disperser.metrics import DisperserMetrics
from committee.disperser.settings import DisperserSettings
from committee.member.metrics import MemberMetrics
from committee.member.settings import MemberSettings
from da_node.node.metrics import NodeMetrics
from da_node.service import Metrics, NodeSettings, Settings, load
from sampler.metrics import SamplerMetrics

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
    "SAMPLER.md": names_of(SamplerMetrics().render()),
    "BRIDGE.md": names_of(WatcherMetrics().render()),
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


UNITS = sorted((DOCS / "systemd").glob("*.service"))
SAMPLES: dict[str, type[Settings]] = {
    "node": NodeSettings,
    "member": MemberSettings,
    "disperser": DisperserSettings,
    "watcher": BridgeSettings,
}


def unit(path: Path) -> ConfigParser:
    parsed = ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(path)
    return parsed


def require_command(arguments: list[str]) -> None:
    """The words after `holdfast` are a command with options that it has; nothing is run."""
    words = arguments[1:]
    (entry,) = entry_points(group="holdfast.commands", name=arguments[0])
    command, context = entry.load(), click.Context(click.Group(), info_name="holdfast")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        group = click.Context(command, parent=context)
        _, command, words = command.resolve_command(group, words)
        assert command is not None
        context = group
    if words:
        parser = command.make_parser(click.Context(command, parent=context))
        _, left, _ = parser.parse_args(args=list(words))
        takes = [one for one in command.params if isinstance(one, click.Argument)]
        assert len(left) <= len(takes) or any(one.nargs < 0 for one in takes), left


def test_there_is_a_unit_for_each_service() -> None:
    assert [path.stem for path in UNITS] == [
        f"holdfast-{name}" for name in ("disperser", "member", "node", "signer", "watcher")
    ]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
class TestUnits:
    def test_it_starts_a_command_that_exists_with_options_that_it_has(self, path: Path) -> None:
        program, *words = shlex.split(unit(path)["Service"]["ExecStart"])
        assert program == "/opt/holdfast/bin/holdfast"
        require_command(words)

    def test_it_is_confined(self, path: Path) -> None:
        service = unit(path)["Service"]
        assert service["User"] == path.stem.replace("holdfast-node", "holdfast")
        assert service["ProtectSystem"] == "strict"
        assert service["MemoryDenyWriteExecute"] == "yes"
        assert service["CapabilityBoundingSet"] == ""
        assert service["Restart"] == "on-failure"

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
    def test_systemd_finds_nothing_wrong_with_it(self, path: Path, tmp_path: Path) -> None:
        here = str(Path(sys.executable).with_name("holdfast"))
        for one in UNITS:  # they name each other
            text = one.read_text().replace("/opt/holdfast/bin/holdfast", here)
            (tmp_path / one.name).write_text(text)
        command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no"]
        found = subprocess.run(
            [*command, tmp_path / path.name], capture_output=True, text=True, timeout=60
        )
        assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_settings_is_one_that_a_service_takes(name: str) -> None:
    file = DOCS / f"systemd/{name}.toml"
    settings = load(SAMPLES[name], file=file, environment={}, flags={})
    directory = unit(DOCS / f"systemd/holdfast-{name}.service")["Service"]["StateDirectory"]
    if isinstance(settings, NodeSettings):
        assert settings.directory == Path("/var/lib") / directory
    if isinstance(settings, BridgeSettings):
        assert settings.journal == Path("/var/lib") / directory
    if isinstance(settings, MemberSettings):
        signer = unit(DOCS / "systemd/holdfast-signer.service")["Service"]["ExecStart"]
        assert f"--socket {settings.signer} " in signer


PAGES = ("RUNBOOK.md", "MEMBER.md", "DISPERSER.md", "OPERATING.md", "systemd/README.md")


def commands_of(page: str) -> list[str]:
    """The lines of a page's code blocks that call `holdfast`."""
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += ["\n".join(re.findall(r"^    (?! )(.*)$", text, re.MULTILINE))]
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("holdfast ")]


def test_there_are_commands_in_the_pages() -> None:
    assert sum(len(commands_of(page)) for page in PAGES) >= 15


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_page_is_one_with_options_that_it_has(page: str) -> None:
    for line in commands_of(page):
        require_command(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("page", [*PAGES, "COMMITTEE.md", "alerts.yml"])
def test_every_page_and_heading_that_is_pointed_to_exists(page: str) -> None:
    text = (DOCS / page).read_text()
    for target in re.findall(r"\]\(([a-zA-Z/.]+)\)", text):
        assert ((DOCS / page).parent / target).exists(), target
    headings = re.findall(r"^## (.*)$", (DOCS / "RUNBOOK.md").read_text(), re.MULTILINE)
    for heading in re.findall(r"docs/RUNBOOK\.md, ([^\"]+)\"", text):
        assert heading in headings
