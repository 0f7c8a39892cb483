"""`holdfast devnet`, as its user meets it."""

from __future__ import annotations

import asyncio
import io
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console, RenderableType

from committee.devnet import LocalCommittee, Shape
from committee.devnet.tables import (
    Posts,
    Seat,
    blobs_table,
    disperser_line,
    members_table,
)
from committee.standing.members import State
from da_node.cli.devnet import devnet
from da_node.client import Client
from da_node.service.network import State as ProcessState

HOLDFAST = Path(sys.executable).with_name("holdfast")
BLOB = "0x" + "ab" * 32


def refusal(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(devnet, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "member-1"], "PART.SETTING=VALUE"),
        (["--set", "member-9.max_reads=3"], "no part is called member-9"),
        (["--members", "129"], "--members"),
        (["--port", "70000"], "--port"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    tmp_path: Path, arguments: Sequence[str], named: str
) -> None:
    code, output = refusal("--directory", str(tmp_path), "--port", "0", *arguments)
    assert code == 2, output
    assert named in output


def test_a_directory_of_another_shape_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    with LocalCommittee.made(tmp_path, Shape(members=3, faults=1)) as made:
        before = made.keyset_file.read_bytes()
    code, output = refusal("--directory", str(tmp_path))
    assert code == 1
    assert f"the committee in {tmp_path} has members = 3, not 4" in output
    assert made.keyset_file.read_bytes() == before


def test_a_network_runs_tells_what_happens_and_is_gone_after_ctrl_c(tmp_path: Path) -> None:
    command = [str(HOLDFAST), "devnet", "--directory", str(tmp_path), "--port", "0"]
    command += ["--members", "1", "--faults", "0", "--set", "member.log-level=debug"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            lines = iter(running.stdout.readline, "")
            url = next(line for line in lines if "HOLDFAST_NODE=" in line).strip().partition("=")[2]

            async def post() -> str:
                async with Client(url) as client:
                    return (await client.post(b"a payload")).blob_id.hex0x

            blob_id = asyncio.run(post())
            told = next(line for line in lines if line.startswith("certified"))
            assert re.fullmatch(rf"certified {blob_id}, 9 bytes, in \d+ ms, signed by 0\n", told)
            found = next(line for line in lines if blob_id in line)
            assert found.startswith(f"available {blob_id}, wrong with a chance of at most ")
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 0
        finally:
            running.terminate()
    assert 'log_level = "debug"' in (tmp_path / "member-0" / "settings.toml").read_text()
    logs = [(tmp_path / name / "log").read_text() for name in ("member-0", "disperser", "sampler")]
    assert all('"event": "stopped"' in log for log in logs)


# ---------------------------------------------------------------- the tables


def drawn(shown: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def certified(**more: object) -> dict[str, object]:
    event = {"event": "certified", "blob_id": BLOB, "payload_bytes": 615_361}
    return {**event, "signers": [0, 2, 3], "elapsed_s": 0.3121, **more}


def test_posts_are_counted_by_what_the_disperser_logs() -> None:
    posts = Posts()
    told = posts.take(certified())
    assert told == f"certified {BLOB}, 615,361 bytes, in 312 ms, signed by 0, 2, 3"
    posts.take(certified(elapsed_s=12.0))
    posts.take(certified(elapsed_s=0.5))
    assert posts.take({"event": "payload not certified", "reason": "too few\x1b"}) == (
        "not certified: too few\\x1b"
    )
    assert posts.take({"event": "listening"}) is None
    assert posts.take(certified(signers="all")) is None
    assert (posts.certified, posts.failed, posts.median_s) == (3, 1, 0.5)
    line = drawn(disperser_line(ProcessState.RUNNING, 7, posts), 120)
    assert "running  pid 7  certified 3, half of them within 500 ms  failed 1" in line


def test_only_the_ids_of_blobs_are_shortened_where_there_is_little_room() -> None:
    posts = Posts()
    posts.take(certified())
    wide, narrow = (drawn(blobs_table(list(posts.recent), 4), width) for width in (120, 80))
    assert BLOB in wide
    assert "0xabab" in narrow
    for line in (wide, narrow):
        assert all(text in line for text in ("615,361", "0·23", "312 ms"))
    assert "none yet" in drawn(blobs_table([], 4), 80)


def test_a_member_that_has_ended_is_shown_as_that_until_somebody_starts_it() -> None:
    def line(state: State, process: ProcessState) -> str:
        seat = Seat(
            name="member-0",
            state=state,
            lacks=2,
            columns="0–31",
            process=process,
            pid=7,
            figures={"store_blobs": 11.0, "attested_total": 12.0},
            unheard_s=3.2,
        )
        return drawn(members_table([seat]), 80).splitlines()[1]

    assert line(State.SIGNS, ProcessState.RUNNING).split() == (
        ["member-0", "signs", "7", "0–31", "11", "12", "2", "3", "s", "ago"]
    )
    assert "ended" in line(State.SILENT, ProcessState.ENDED)
    assert "silent" in line(State.SILENT, ProcessState.STOPPED)
    assert "signs" in line(State.SIGNS, ProcessState.ENDED)
