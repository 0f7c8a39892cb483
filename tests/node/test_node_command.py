"""`holdfast node`: started and stopped as a process, and what it does without one."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mortal_node import QuickKzg

from da_node.api.serving import open_store
from da_node.cli.node import node
from da_node.coding import COLUMNS, EncodedBlob, encode
from da_node.retention import HOUR_S, expires_at_for
from da_node.service import NodeSettings

HOLDFAST = Path(sys.executable).with_name("holdfast")


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A node's process, and its log's line that says where it listens."""
    command = [str(HOLDFAST), "node", "run", "--port", "0", "--log-json", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                entry = json.loads(line)
                if entry["event"] == "listening":
                    break
            else:
                pytest.fail("the node did not start")
            yield process, entry
        finally:
            process.kill()


def fetch(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=300) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def store_one(directory: Path, now: int) -> EncodedBlob:
    """A blob in the store of a node that does not run."""
    blob = encode(b"kept", QuickKzg())
    store = open_store(NodeSettings(directory=directory), clock=lambda: now)
    columns = [blob.column(index) for index in range(COLUMNS)]
    store.put_blob(blob.header, columns, expires_at=expires_at_for(now))
    store.close()
    return blob


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(node, list(arguments))
    return outcome.exit_code, outcome.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_answers_at_once_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    with started("--directory", str(tmp_path)) as (process, entry):
        assert fetch(entry["url"] + "/healthz") == {"status": "ok"}
        assert fetch(entry["url"] + "/v1/node")["node_id"] == entry["node_id"]
        process.send_signal(number)
        assert process.stderr is not None
        events = [json.loads(line)["event"] for line in process.stderr]
        assert process.wait() == 0
    assert events == ["stopping", "stopped"]


def test_a_second_node_on_a_directory_says_so(tmp_path: Path) -> None:
    with started("--directory", str(tmp_path)):
        second = subprocess.run(
            [str(HOLDFAST), "node", "run", "--port", "0", "--directory", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        prune = subprocess.run(
            [str(HOLDFAST), "node", "prune", "--directory", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    for outcome in (second, prune):
        assert outcome.returncode == 1
        assert "in use by another process" in outcome.stderr
        assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--body-limit-bytes", "1GB"], "body_limit_bytes"),
        (["--tls-cert", "chain.pem"], "tls_cert"),
        (["--port", "70000"], "port"),
        (["--host", "256.1.1.1"], "host"),
        (["--host", "a" * 300], "host"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, arguments: list[str], name: str) -> None:
    code, output = run("run", "--directory", str(tmp_path), *arguments)
    assert code == 2
    assert name in output


def test_a_key_with_a_pass_phrase_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        f"DEK-Info: AES-256-CBC,{'00' * 16}\n\n{'A' * 64}\n-----END RSA PRIVATE KEY-----\n"
    )
    chain = Path(__file__).parent.parent / "api" / "test_only_certificate.pem"
    code, output = run("run", "--tls-cert", str(chain), "--tls-key", str(key))
    assert code == 2
    assert "tls_key" in output
    assert "pass phrase" in output


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with started("--directory", str(tmp_path / "first")) as (_, entry):
        port = entry["url"].rpartition(":")[2]
        outcome = subprocess.run(
            [str(HOLDFAST), "node", "run", "--port", port, "--directory", str(tmp_path / "second")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert outcome.returncode == 1
    assert "address already in use" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_dry_run_tells_and_deletes_nothing(tmp_path: Path) -> None:
    then = 1_600_000_000
    store_one(tmp_path, then)
    arguments = ["prune", "--directory", str(tmp_path)]
    for _ in range(2):
        code, output = run(*arguments, "--dry-run")
        assert code == 0
        assert "1 blobs" in output
        assert "would be deleted" in output
    code, output = run(*arguments, "--json")
    report = json.loads(output)
    assert (code, report["blobs"], report["dry_run"]) == (0, 1, False)
    assert report["buckets"][0]["expired_at"] == expires_at_for(then)
    assert json.loads(run(*arguments, "--json")[1])["blobs"] == 0


def test_a_backup_is_a_store(tmp_path: Path) -> None:
    now = 1_600_000_000
    blob = store_one(tmp_path / "node", now)
    target = tmp_path / "backup"
    code, output = run("backup", str(target), "--directory", str(tmp_path / "node"), "--json")
    assert (code, json.loads(output)["blobs"]) == (0, 1)
    copy = open_store(NodeSettings(directory=target), clock=lambda: now + HOUR_S)
    record = copy.record(blob.blob_id)
    column = copy.read_column(record, 77)
    copy.close()
    assert column is not None
    assert column.serialize() == blob.column(77).serialize()
    code, output = run("backup", str(target), "--directory", str(tmp_path / "node"))
    assert code == 1
    assert "exists" in output


@pytest.mark.parametrize("command", [["prune"], ["backup", "somewhere"]])
def test_a_directory_without_a_store_is_not_made_one(tmp_path: Path, command: list[str]) -> None:
    code, output = run(*command, "--directory", str(tmp_path))
    assert code == 1
    assert str(tmp_path) in output.replace("\n", "")
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # all there is, hidden files included


def test_the_disk_that_a_rate_needs() -> None:
    code, output = run("size", "--rate", "1MB/s", "--json")
    found = json.loads(output)
    assert code == 0
    assert found["rate_bytes_per_s"] == 1_000_000
    assert 2.06 < found["disk_bytes"] / found["payload_bytes"] < 2.8
    assert "GB of disk" in run("size", "--rate", "1MB/s", "--blob", "16MiB")[1]


@pytest.mark.parametrize("arguments", [["--rate", "fast"], ["--rate", "1", "--blob", "0"], []])
def test_a_rate_that_is_none_is_wrong_usage(arguments: list[str]) -> None:
    assert run("size", *arguments)[0] == 2


def test_https_is_announced_as_such(tmp_path: Path) -> None:
    keys = Path(__file__).parent.parent / "api"
    chain = keys / "test_only_certificate.pem"
    options = ["--tls-cert", str(chain), "--tls-key", str(keys / "test_only_key.pem")]
    with started("--directory", str(tmp_path), *options) as (_, entry):
        trust = ssl.create_default_context(cafile=str(chain))
        with urllib.request.urlopen(entry["url"] + "/healthz", context=trust) as answer:
            assert answer.status == 200
