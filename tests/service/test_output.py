"""Results go to standard output, everything else to standard error, errors are one line."""

import io
import json
import threading

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from da_node.errors import (
    BadConfiguration,
    EmptyPayload,
    NotReady,
    PeerUnreachable,
    StoreFault,
    UnknownBlob,
)
from da_node.service import Output, table, with_output
from da_node.service.output import error_line
from da_node.service.terminal import printable
from da_node.store.door import Damaged

UNREACHABLE = PeerUnreachable(url="http://x", reason="refused")


def _run(body, *args):
    command = click.command()(with_output(body))
    return CliRunner().invoke(command, args)


def test_a_result_is_text_or_one_json_document():
    def body(output):
        output.note("a remark")
        output.result({"a": 1}, "text")

    plain, as_json = _run(body), _run(body, "--json")
    assert (plain.stdout, plain.stderr) == ("text\n", "a remark\n")
    assert (json.loads(as_json.stdout), as_json.stderr) == ({"a": 1}, "")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UNREACHABLE, 1, "http://x: refused; check the address"),
        (BadConfiguration(source="f", name="n", reason="r"), 2, "error: f: n: r\n"),
        (FileNotFoundError(2, "No such file", "a.bin"), 1, "error: a.bin: No such file\n"),
        (OSError("odd"), 1, "error: odd\n"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error, code, words):
    def body(output):
        raise error

    result = _run(body)
    assert result.exit_code == code
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_error_is_its_problem_document_where_json_is_asked_for():
    def body(output):
        raise UnknownBlob(blob_id="0xab")

    result = _run(body, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["code"] == "unknown_blob"

    def broken(output):
        raise OSError("odd")

    assert json.loads(_run(broken, "--json").stderr) == {"detail": "odd"}


def test_a_reader_that_has_gone_is_not_an_error_of_ours():
    def body(output):
        raise BrokenPipeError

    assert _run(body).stderr == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (EmptyPayload(bound=3), "error: the payload is empty; it must have 1 to 3 bytes"),
        (StoreFault(reason="r"), "error: the store failed: r; try again in 5 s"),
        (NotReady(reason="r"), "error: not ready: r; try again in a moment"),
    ],
)
def test_a_line_says_what_to_do_where_something_can_be_done(error, line):
    assert error_line(error) == line


def test_words_from_elsewhere_cannot_steer_the_terminal():
    assert printable("a\x1b[31m\r\nb\u202eé") == "a\\x1b[31m\\r\\nb\\u202eé"
    assert table("label", rows=[["\x1b[2J[bold]x"]]) == "label\n\\x1b[2J[bold]x"


def test_a_table_has_its_columns_aligned_and_cuts_nothing_off():
    wide = "0x" + "ab" * 100
    assert table("n", "label", rows=[["1", "日本"], ["22", ""], ["3", wide]]) == (
        f"n   label\n1   日本\n22\n3   {wide}"
    )
    result = _run(lambda output: output.result({}, table("id", rows=[[wide]])))
    assert wide in result.stdout


def test_no_bar_where_nobody_watches(capsys):
    with Output().progress("reading", 10, delay_s=0) as progress:
        progress.expect(20)
        progress.describe("verifying")
        progress.advance(5)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(
        "da_node.service.output.Console",
        lambda **options: Console(file=stream, force_terminal=True, width=100, **options),
    )
    return stream


def test_a_bar_appears_on_a_terminal_and_vanishes(terminal, monkeypatch):
    fired = []

    class AtOnce:
        """A timer whose time has come."""

        def __init__(self, delay_s, action):
            fired.append(delay_s)
            self.start, self.cancel, self.join = action, lambda: None, lambda: None

    monkeypatch.setattr(threading, "Timer", AtOnce)
    with Output().progress("reading", 10) as progress:
        progress.advance(5)
        progress.describe("verifying")
    assert fired == [1.0]
    assert "verifying" in terminal.getvalue()


def test_work_that_ends_in_time_shows_no_bar(terminal):
    with Output().progress("reading", 10, delay_s=60) as progress:
        progress.advance(10)
    assert "reading" not in terminal.getvalue()


def test_a_damaged_database_is_not_to_be_tried_again():
    line = error_line(Damaged(reason="Corruption: checksum mismatch"))
    assert "backup" in line
    assert "try again" not in line
