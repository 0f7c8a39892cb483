"""`holdfast disperser`, as its user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from disperser_specimens import keyset, secret

from committee.cli.disperser import disperser
from committee.disperser.serving import read_key
from committee.disperser.tenant_file import read_tenants
from committee.documents import Member, committee_of
from da_node.service import BadConfiguration


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(disperser, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result


def test_a_token_is_shown_once_listed_and_revoked(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    options = ("--label", "mine", "--requests", "10", "--bytes", "1GB")
    text = run("token", "add", "rollup", "--file", path, *options).stdout.strip()
    (token,) = read_tenants(path).tokens
    assert read_tenants(path).token_of(f"Bearer {text}") == token
    assert (token.labels, token.requests, token.bytes) == (("mine",), 10, 1_000_000_000)
    listed = run("token", "list", "--file", path).stdout
    assert token.id in listed
    assert text not in listed
    run("token", "revoke", token.id, "--file", path)
    assert read_tenants(path).tokens == ()
    run("token", "revoke", token.id, "--file", path, status=1)


def test_a_size_that_is_none_is_named(tmp_path: Path) -> None:
    result = run("token", "add", "a", "--file", tmp_path / "t", "--bytes", "many", status=2)
    assert "--bytes" in result.output
    assert not (tmp_path / "t").exists()


def test_a_key_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    address = run("keygen", path).stdout.strip()
    assert read_key(path).address.hex0x == address
    assert path.stat().st_mode & 0o077 == 0
    run("keygen", path, status=1)
    path.chmod(0o640)
    with pytest.raises(BadConfiguration, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "keyset"),
        (["--keyset", "k"], "key_file"),
        (["--keyset", "k", "--key-file", "f", "--host", "0.0.0.0"], "loopback"),
        (["--keyset", "k", "--key-file", "f", "--dispersal-timeout-s", "100"], "member_timeout_s"),
    ],
)
def test_settings_that_do_not_fit_are_named(arguments: list[str], named: str) -> None:
    assert named in run("run", *arguments, status=2).output


def test_a_disperser_starts_answers_and_stops_at_a_signal(tmp_path: Path) -> None:
    introduced = [
        Member.introduce(secret(i), name=f"member {i}", url=f"http://127.0.0.1:{1 + i}")
        for i in range(4)
    ]
    (tmp_path / "keyset.json").write_bytes(committee_of(keyset(), introduced).serialize())
    run("keygen", tmp_path / "key")
    command = [
        *(sys.executable, "-c", "from committee.cli.disperser import disperser; disperser()"),
        *("run", "--port", "0", "--log-json"),
        *("--keyset", str(tmp_path / "keyset.json"), "--key-file", str(tmp_path / "key")),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        listening = json.loads(process.stderr.readline())
        assert listening["event"] == "listening"
        with urllib.request.urlopen(listening["url"] + "/v1/node", timeout=20) as answer:
            assert json.load(answer)["keyset_hash"] == keyset().hash.hex0x
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
