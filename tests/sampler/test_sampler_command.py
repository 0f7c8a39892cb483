"""`holdfast sampler`, as a person and as a program use it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from da_node.cli.main import holdfast


def run(*args: str):
    return CliRunner().invoke(holdfast, ["sampler", *args])


def test_a_plan_is_a_table_for_a_person():
    shown = run("plan", "--size", "16MiB", "--error", "1e-6")
    assert shown.exit_code == 0, shown.output
    assert (
        "certified  1e-06  20 points, 135.4 kB, 0.81 %  44 points, 297.9 kB, 1.8 %" in shown.output
    )


def test_a_plan_is_a_document_for_a_program():
    shown = run("plan", "--members", "16", "--faults", "5", "--size", "100kB", "--json")
    rows = json.loads(shown.stdout)
    assert {(row["rule"], row["error"]) for row in rows} == {
        (rule, error) for rule in ("certified", "strict") for error in (1e-6, 1e-9)
    }
    assert [one["columns"] for one in rows[0]["silent"]] == [128, 128, 128, 120, 112, 104]
    assert rows[0]["silent"][0] == {
        "silent": 0,
        "columns": 128,
        "unit": "columns",
        "samples": 18,
        "bytes": 18 * 2321,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--error", "0"),
        ("--error", "2"),
        ("--error", "1e-31"),
        ("--error", "1/0"),
        ("--error", "little"),
        ("--size", "0"),
        ("--size", "130023425"),
        ("--size", "much"),
        ("--threshold", "1"),
        ("--threshold", "9"),
        ("--members", "129"),
    ],
)
def test_what_cannot_be_planned_is_wrong_usage(arguments):
    assert run("plan", *arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("--faults", "2"), ("--members", "1"), ("--columns-per-member", "31")]
)
def test_a_committee_that_cannot_be_fails_in_one_line(arguments):
    refused = run("plan", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
