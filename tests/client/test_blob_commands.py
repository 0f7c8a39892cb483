"""The commands `put`, `get`, `status`, `list` and `verify`, against a node that may lie."""

import asyncio
import errno
import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from fake_node import FakeNode, refuse, stream

from da_node.cli import blobs as commands
from da_node.cli.reports import spans, utc
from da_node.cli.whole_file import write_whole
from da_node.errors import NotFound, PayloadTooLarge, Pruned
from da_node.service import encode_event

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def serve(sample, other):
    """Starts fake nodes in a thread of their own, since a command has its own event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runners = []

    def start(**options):
        node = FakeNode(**({"blobs": [sample.blob, other.blob]} | options))
        runners.append(asyncio.run_coroutine_threadsafe(node.serve(), loop).result())
        return node

    yield start
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def run(command, *args, node=None, stdin=None, env=None):
    nodes = [] if node is None else ["--node", node.url]
    return CliRunner().invoke(command, [*map(str, args), *nodes], input=stdin, env=env)


# ---------------------------------------------------------------- put


def test_put_prints_what_there_is_to_know(serve, sample, tmp_path):
    node = serve(posted=sample.blob)
    file = tmp_path / "batch.bin"
    file.write_bytes(sample.payload)
    result = run(commands.put, file, "--label", "x", node=node)
    assert result.exit_code == 0, result.output
    assert sample.blob.blob_id.hex0x in result.stdout
    assert "250,000 bytes" in result.stdout
    assert node.requests[0].headers["Holdfast-Label"] == "x"


def test_put_takes_standard_input_and_prints_json(serve, sample):
    node = serve(posted=sample.blob)
    result = run(commands.put, "-", "--json", node=node, stdin=sample.payload)
    document = json.loads(result.stdout)
    assert document["blob_id"] == sample.blob.blob_id.hex0x
    assert document["commitment"] == sample.blob.header.commitment.hex0x
    assert (document["created"], document["signers"]) == (True, [])
    assert node.bodies == [sample.payload]


def test_put_notices_a_header_that_commits_to_something_else(serve, sample, other):
    node = serve(posted=other.blob)
    result = run(commands.put, "-", node=node, stdin=sample.payload)
    assert result.exit_code == 1
    assert "merkle root" in result.stderr
    assert "do not rely on that node" in result.stderr
    result = run(commands.put, "-", "--no-check", node=node, stdin=sample.payload)
    assert result.exit_code == 0


def test_put_refuses_what_no_node_can_take_before_sending_it(serve, monkeypatch):
    monkeypatch.setattr(commands, "MAX_PAYLOAD_BYTES", 10)
    node = serve()
    result = run(commands.put, "-", node=node, stdin=b"x" * 11)
    assert (result.exit_code, node.requests) == (1, [])
    assert "the limit is 10" in result.stderr


def test_put_tells_a_nodes_refusal_in_one_line_or_as_its_document(serve, sample):
    node = serve()
    node.script["blobs"] += [refuse(PayloadTooLarge(value=9, bound=3))] * 2
    result = run(commands.put, "-", node=node, stdin=sample.payload)
    assert result.exit_code == 1
    assert result.stderr == "error: the payload has 9 bytes or more; the limit is 3\n"
    result = run(commands.put, "-", "--json", node=node, stdin=sample.payload)
    assert json.loads(result.stderr)["bound"] == 3


def test_put_of_a_file_that_is_not_there_is_wrong_usage(tmp_path):
    assert run(commands.put, tmp_path / "absent").exit_code == 2


# ---------------------------------------------------------------- get


def test_get_writes_to_a_file_or_a_pipe(serve, sample, tmp_path):
    node = serve()
    path = tmp_path / "out.bin"
    result = run(commands.get, sample.blob.blob_id.hex(), "-o", path, node=node)
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == sample.payload
    assert "250,000 bytes verified" in result.stdout
    result = run(commands.get, sample.blob.blob_id.hex0x, node=node)
    assert result.stdout_bytes == sample.payload


@pytest.mark.parametrize(
    ("span", "start", "stop"),
    [("0-0", 0, 1), ("5-70000", 5, 70_001), ("249999-", 249_999, 250_000), ("1-9999999", 1, None)],
)
def test_get_a_range_both_ends_included(serve, sample, span, start, stop):
    result = run(commands.get, sample.blob.blob_id.hex0x, "--range", span, node=serve())
    assert result.stdout_bytes == sample.payload[start:stop]


@pytest.mark.parametrize("span", ["", "5", "-5", "5-4", "a-b", "1-2-3", "٣-٤", "1" * 50 + "-"])
def test_a_range_that_is_none_is_wrong_usage(sample, span):
    assert run(commands.get, sample.blob.blob_id.hex0x, f"--range={span}").exit_code == 2


def test_a_range_past_the_end_fails(serve, sample):
    result = run(commands.get, sample.blob.blob_id.hex0x, "--range", "250000-", node=serve())
    assert result.exit_code == 1
    assert "250000 bytes" in result.stderr


def test_get_describes_the_file_in_json(serve, sample, tmp_path):
    path = tmp_path / "out.bin"
    result = run(commands.get, sample.blob.blob_id.hex0x, "-o", path, "--json", node=serve())
    document = json.loads(result.stdout)
    assert (document["bytes"], document["output"]) == (250_000, str(path))


def test_json_and_payload_do_not_share_standard_output(sample):
    result = run(commands.get, sample.blob.blob_id.hex0x, "--json")
    assert result.exit_code == 2


def test_no_payload_goes_to_a_terminal(sample, monkeypatch):
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(commands, "sys", SimpleNamespace(stdout=terminal))
    result = run(commands.get, sample.blob.blob_id.hex0x)
    assert result.exit_code == 2
    assert "-o" in result.stderr
    assert sys.stdout is not terminal


def test_a_failed_get_leaves_what_was_there_and_nothing_else(serve, sample, tmp_path):
    node = serve(tamper_column=lambda index, data: data[:-1] + b"\0")
    path = tmp_path / "out.bin"
    path.write_bytes(b"before")
    result = run(commands.get, sample.blob.blob_id.hex0x, "-o", path, node=node)
    assert result.exit_code == 1
    assert "0 columns could be fetched and verified" in result.stderr
    assert "false column" in result.stderr
    assert result.stdout == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.bin"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("text", ["0x12", "zz" * 32, ""])
def test_an_id_that_is_none_is_wrong_usage(text):
    result = run(commands.get, text)
    assert result.exit_code == 2
    assert "is not a blob id" in result.stderr


@pytest.mark.parametrize("text", ["soon", "0", "-1s"])
def test_a_timeout_that_is_none_is_wrong_usage(sample, text):
    result = run(commands.get, sample.blob.blob_id.hex0x, f"--timeout={text}")
    assert result.exit_code == 2


def test_an_address_that_is_none_is_wrong_usage(sample):
    result = run(commands.status, sample.blob.blob_id.hex0x, "--node", "nowhere")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_nodes_come_from_the_environment(serve, sample):
    first, second = serve(blobs=[]), serve()
    environment = {"HOLDFAST_NODE": f"{first.url} {second.url}"}
    result = run(commands.get, sample.blob.blob_id.hex0x, env=environment)
    assert result.stdout_bytes == sample.payload


# ---------------------------------------------------------------- status and list


def test_status_is_told_node_by_node(serve, sample):
    nodes = serve(columns=set(range(5)) | {7}), serve(blobs=[])
    options = [text for node in nodes for text in ("--node", node.url)]
    result = run(commands.status, sample.blob.blob_id.hex0x, *options)
    assert result.exit_code == 0
    assert "6: 0-4, 7" in result.stdout
    assert "was never stored here" in result.stdout
    result = run(commands.status, sample.blob.blob_id.hex0x, "--json", *options)
    first, second = json.loads(result.stdout)["nodes"]
    assert first["columns"] == [0, 1, 2, 3, 4, 7]
    assert second["problem"]["code"] == "unknown_blob"


def test_status_fails_if_no_node_has_the_blob(serve, sample):
    node = serve(blobs=[])
    result = run(commands.status, sample.blob.blob_id.hex0x, node=node)
    assert (result.exit_code, result.stdout) == (1, "")
    options = ["--node", node.url, "--node", serve(blobs=[]).url]
    result = run(commands.status, sample.blob.blob_id.hex0x, *options)
    assert result.exit_code == 1
    assert result.stdout.count("never stored") == 2


def test_a_pruned_blob_is_said_to_be_gone(serve, sample):
    node = serve()
    node.script["status"].append(refuse(Pruned(blob_id="0x00", expired_at=7)))
    result = run(commands.status, sample.blob.blob_id.hex0x, node=node)
    assert "expired at 7" in result.stderr
    assert "only an archive" in result.stderr


def test_list_shows_ids_whole_and_labels_harmless(serve, sample):
    node = serve()
    result = run(commands.list_blobs, "--after", 0, "--limit", 5, "--label", "x", node=node)
    assert sample.blob.blob_id.hex0x in result.stdout
    assert dict(node.requests[0].query) == {"after": "0", "limit": "5", "label": "x"}
    result = run(commands.list_blobs, "--json", node=node)
    first = json.loads(result.stdout)["blobs"][0]
    assert (first["cursor"], first["payload_bytes"]) == (1, 250_000)


def test_list_goes_on_with_what_is_stored(serve, sample):
    node = serve()
    event = node.event(sample.blob) | {"label": "\x1b[2J"}
    lines = encode_event(json.dumps(event), id="1")
    for options in [], ["--json"]:
        # The stream is taken up after the event; there the node refuses, which ends the command.
        node.script["events"] += [stream(lines), refuse(NotFound(what="route", value="x"))]
        result = run(commands.list_blobs, "--follow", *options, node=node)
        assert result.exit_code == 1
        assert sample.blob.blob_id.hex0x in result.stdout
        assert "\x1b" not in result.stdout
        assert result.stdout.count("\n") == 1


# ---------------------------------------------------------------- verify


def test_verify_says_that_all_holds(serve, sample):
    result = run(commands.verify, sample.blob.blob_id.hex0x, "--points", 3, node=serve())
    assert result.exit_code == 0
    assert "128: 0-127" in result.stdout
    assert "3 of 3" in result.stdout
    assert "nothing" in result.stdout


def test_verify_names_what_does_not_hold_and_fails(serve, sample):
    def tamper(index, data):
        return data[:-1] + bytes([data[-1] ^ 1]) if index == 9 else data

    node = serve(tamper_column=tamper)
    result = run(commands.verify, sample.blob.blob_id.hex0x, node=node)
    assert result.exit_code == 1
    assert "column 9: " in result.stdout
    result = run(commands.verify, sample.blob.blob_id.hex0x, "--json", node=node)
    document = json.loads(result.stdout)
    assert (document["sound"], document["recoverable"]) == (False, True)
    assert len(document["nodes"][0]["false"]) == 1


def test_verify_fails_if_the_columns_are_too_few(serve, sample):
    node = serve(columns=set(range(63)))
    result = run(commands.verify, sample.blob.blob_id.hex0x, "--points", 0, node=node)
    assert result.exit_code == 1
    assert "63 columns hold; 64 are needed" in result.stderr


# ---------------------------------------------------------------- words and files


def test_spans():
    assert spans([]) == ""
    assert spans([5, 1, 2, 3, 9, 8]) == "1-3, 5, 8-9"


@pytest.mark.parametrize("seconds", [-1, 10**18])
def test_a_time_that_no_calendar_has_is_shown_as_it_is(seconds):
    assert utc(seconds) == f"{seconds} (unix seconds)"
    assert utc(0) == "1970-01-01 00:00:00 UTC"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"first")
    link = tmp_path / "link"
    link.symlink_to(path)
    write_whole(link, b"second")
    assert path.read_bytes() == b"second"
    assert link.is_symlink()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"third")
    assert path.read_bytes() == b"second"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "link"]


def test_a_device_is_written_to_and_not_replaced():
    write_whole(Path("/dev/null"), b"x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "command",
    [commands.put, commands.get, commands.status, commands.list_blobs, commands.verify],
    ids=lambda command: command.name,
)
def test_help_says_what_a_command_does_and_takes(command):
    text = run(command, "--help").output
    assert "HOLDFAST_NODE" in text
    assert "http://127.0.0.1:8800" in text
    assert "--json" in text
    assert len(text.splitlines()) > 10
