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
from disperser_specimens import NOW, keyset, keyset_of, secret

from committee.cli.disperser import disperser
from committee.disperser.serving import read_key
from committee.disperser.settings import DisperserSettings
from committee.disperser.tenant_file import read_tenants
from committee.documents import Member, committee_of
from committee.errors import WrongPassword
from committee.ethereum_keystore import read_ethereum_keystore
from da_node.service import BadConfiguration

NAMED = ["--keysets", "k", "--keystore", "f", "--password-file", "p"]


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


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


def test_a_key_is_encrypted_its_owners_alone_and_never_replaced(
    tmp_path: Path, password: Path
) -> None:
    path = tmp_path / "keystore"
    options = ("--password-file", password, "--kdf", "pbkdf2")
    address = run("keygen", path, *options).stdout.strip()
    settings = DisperserSettings(keystore=path, password_file=password)
    key = read_key(settings)
    assert key.address.hex0x == address
    assert key.reveal().hex() not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    assert "there already" in run("keygen", path, *options, status=2).output
    assert path.read_bytes() == before
    password.chmod(0o644)
    with pytest.raises(BadConfiguration, match="chmod 600"):
        read_key(settings)
    password.chmod(0o600)
    password.write_text("battery staple")
    with pytest.raises(WrongPassword):
        read_key(settings)


def test_the_password_is_asked_for_twice_on_a_terminal(tmp_path: Path) -> None:
    arguments = ["keygen", str(tmp_path / "k"), "--kdf", "pbkdf2", "--json"]
    typed = "correct horse\ncorrect horse\n"
    result = CliRunner().invoke(disperser, arguments, input=typed)
    assert result.exit_code == 0, result.output
    assert "correct horse" not in result.output
    key = read_ethereum_keystore(tmp_path / "k", "correct horse")
    assert json.loads(result.stdout)["address"] == key.address.hex0x


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "keysets"),
        (["--keysets", "k"], "keystore"),
        (["--keysets", "k", "--keystore", "f"], "password_file"),
        ([*NAMED, "--host", "0.0.0.0"], "loopback"),
        ([*NAMED, "--dispersal-timeout-s", "100"], "member_timeout_s"),
    ],
)
def test_settings_that_do_not_fit_are_named(arguments: list[str], named: str) -> None:
    assert named in run("run", *arguments, status=2).output


def test_a_disperser_starts_follows_its_keysets_and_stops_at_signals(
    tmp_path: Path, password: Path
) -> None:
    introduced = [
        Member.introduce(secret(i), name=f"member {i}", url=f"http://127.0.0.1:{1 + i}")
        for i in range(4)
    ]
    keysets = tmp_path / "keysets"
    keysets.mkdir()
    (keysets / "one.json").write_bytes(committee_of(keyset(), introduced).serialize())
    following = keyset_of((0, 1, 2, 3), not_before=NOW)
    run("keygen", tmp_path / "key", "--password-file", password, "--kdf", "pbkdf2")
    command = [
        *(sys.executable, "-c", "from committee.cli.disperser import disperser; disperser()"),
        *("run", "--port", "0", "--log-json"),
        *("--keysets", str(keysets)),
        *("--keystore", str(tmp_path / "key"), "--password-file", str(password)),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        listening = json.loads(process.stderr.readline())
        assert listening["event"] == "listening"
        with urllib.request.urlopen(listening["url"] + "/v1/node", timeout=300) as answer:
            assert json.load(answer)["keyset_hash"] == keyset().hash.hex0x
        for data, event in (
            (committee_of(following, introduced).serialize(), "keysets read again"),
            (b"{}", "keysets not usable: those of before stay"),
        ):
            (keysets / "two.json").write_bytes(data)
            process.send_signal(signal.SIGHUP)
            assert json.loads(process.stderr.readline())["event"] == event
            with urllib.request.urlopen(listening["url"] + "/v1/keysets", timeout=300) as answer:
                listed = [one["keyset_hash"] for one in json.load(answer)["keysets"]]
            assert listed == [keyset().hash.hex0x, following.hash.hex0x]
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=300)
        assert "correct horse" not in logged
        assert process.returncode == 0
