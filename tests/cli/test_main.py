"""`holdfast` finds the commands of every package and survives a broken one."""

import sys
from importlib.metadata import EntryPoint, EntryPoints, entry_points

import click
import pytest
from click.testing import CliRunner

from da_node import __version__
from da_node.cli import main as main_module
from da_node.cli.main import GROUP, PROGRAM, holdfast, main


@click.command()
@click.option("--crash", is_flag=True)
def sample(crash):
    """Do a sample thing."""
    if crash:
        raise KeyError("unforeseen")
    click.echo("done")


not_a_command = 7


@pytest.fixture(autouse=True)
def commands(monkeypatch):
    """The group's entry points are those of this module."""
    monkeypatch.setitem(sys.modules, "sample_package", sys.modules[__name__])
    found = EntryPoints(
        EntryPoint(name, value, GROUP)
        for name, value in {
            "sample": "sample_package:sample",
            "absent": "sample_package.absent:command",
            "unnamed": "sample_package:unnamed",
            "odd": "sample_package:not_a_command",
        }.items()
    )
    monkeypatch.setattr(main_module, "entry_points", found.select)


def _run(*args):
    return CliRunner().invoke(holdfast, args, prog_name=PROGRAM)


def test_a_command_of_a_package_runs():
    assert _run("sample").output == "done\n"


def test_help_lists_every_command_and_says_which_cannot_be_used():
    result = _run("--help")
    assert result.exit_code == 0
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage" in result.output
    assert "Do a sample thing." in result.output
    assert result.output.count("Not usable") == 3
    assert "completion" in result.output


@pytest.mark.parametrize("name", ["absent", "unnamed", "odd"])
def test_a_broken_command_says_why_in_one_line_and_fails(name):
    result = _run(name, "--any", "argument")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: sample_package")
    assert result.stderr.count("\n") == 1


def test_an_unknown_command_is_a_usage_error():
    assert _run("nope").exit_code == 2


def test_what_no_command_foresaw_is_one_line_and_the_traceback_is_for_the_asking():
    result = _run("sample", "--crash")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: internal error: KeyError: 'unforeseen'; please report")
    assert result.stderr.count("\n") == 1
    assert isinstance(_run("--traceback", "sample", "--crash").exception, KeyError)


def test_version():
    assert _run("--version").output == f"{PROGRAM}, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_program_back(shell):
    result = _run("completion", shell)
    assert result.exit_code == 0
    assert "_HOLDFAST_COMPLETE" in result.output


def test_the_entry_point_exits_with_the_commands_code(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sample"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == "done\n"


def test_this_package_registers_its_commands():
    names = entry_points(group=GROUP).names
    assert {"put", "get", "status", "list", "verify", "node"} <= names
