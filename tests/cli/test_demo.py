"""The demonstration does what it says, and does not pass for having done it when it has not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from da_node.cli import demo
from da_node.service.stage import Failed, Stage, require


def test_the_demonstration_shows_what_it_promises_and_stops_cleanly() -> None:
    command = [str(Path(sys.executable).with_name("holdfast")), "demo"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count("615,361 bytes, equal to what was posted") == 3
    for fact in ("1 column noticed", "1 column rebuilt from the others", "holds again"):
        assert fact in shown.stdout
    # of `archive` twice, and of `sampler check` for the two batches that are available
    assert shown.stdout.count("exit code      0\n") == 4
    # certified by all, without one, and with both back
    assert shown.stdout.count("offline, under the keyset alone") == 3
    assert "signed by member-1, member-2, member-3" in shown.stdout
    assert "64–95 and 96–127, each verified" in shown.stdout
    assert "columns 0–31 of the batch posted without it" in shown.stdout
    for fact in ("503 dispersal_failed", "2 signed, 3 are needed", "member-0: http", "all 0"):
        assert fact in shown.stdout
    _, _, sampled = shown.stdout.partition("and a light sampler")
    assert sampled.count("available: every item of the sample is held") >= 4
    # and without one that has not signed, where that is the quickest way
    assert re.search(r"verdict +available: .* without member(s [012],)? 3\n", sampled)
    assert sampled.count("withheld: members ") == 2
    # what goes on, in lines where there is no terminal to draw on
    for stage in ("available", "withheld"):
        assert re.search(rf"^    {stage}: \d+ of \d+ points held.*, wrong with ", sampled, re.M)
    assert sampled.count("a chance of 1 in 1 million at most") >= 2
    assert "a chance of 1 in 1 billion at most" in sampled
    assert sampled.count("checked offline: it is the sampler's") >= 3
    assert (
        "member-0       signed; gave" in sampled or "member-0       did not sign; gave" in sampled
    )
    for fact in ("exit code      10\n", "32 columns could be fetched and verified, 64 are needed"):
        assert fact in sampled

    _, _, settled = shown.stdout.partition("a watcher, and a chain on this machine")
    assert settled.count("available: ") >= 2
    assert "2 available, 0 withheld" in settled
    assert re.search(r"final +[0-9.]+ s after its post; its window is 10 s", settled)
    for fact in ("1000 of 1000000 tokens", "400 tokens; the user has 999400", "BRIDGE_REPLAY"):
        assert fact in settled
    assert "nobody can give it" in settled
    assert "batch 2 does not become final: it is void" in settled


def test_a_promise_that_does_not_hold_fails_the_act() -> None:
    require(True, "this holds")
    with pytest.raises(Failed, match="the payload should come back"):
        require(False, "the payload should come back")


def test_a_failed_act_ends_the_demonstration_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Entry:
        name = "one-node"

        @staticmethod
        def load() -> object:
            def act(stage: Stage) -> None:
                assert isinstance(stage.console, Console)
                require(not list(stage.directory.iterdir()), "the stage is empty")
                require(False, "something happens")

            return act

    monkeypatch.setattr(demo, "entry_points", lambda group: [Entry()])
    result = CliRunner().invoke(demo.demo)
    assert result.exit_code == 1
    assert "the demonstration failed: something happens" in result.output
    assert "done." not in result.output
