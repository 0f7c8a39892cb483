"""`holdfast member` and `holdfast signer` as processes: started, killed, started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from member_specimens import (
    DISPERSER,
    ME,
    STRANGER,
    body_of,
    committee,
    dispersal,
    secret,
    small_blob,
    ticket,
)

from committee.attestation import Attestation, verify_attestation
from committee.cli.member import member
from committee.dispersal import Dispersal
from committee.keystore import write_keystore
from da_node.service.output import EXIT_FAILURE, EXIT_USAGE

KEYSET = committee(not_before=0).keyset
PROGRAM = "from committee.cli.member import member, signer; import click; g = click.Group()\n"
PROGRAM += "g.add_command(member); g.add_command(signer); g()"
COMMAND = [sys.executable, "-c", PROGRAM]
HANGS_S = 300.0
"""Nothing takes so long, however busy the machine is, unless it hangs."""


@dataclass
class Files:
    """What the operator of a member has."""

    keystore: Path
    password_file: Path
    keyset: Path
    socket: Path

    @property
    def key(self) -> list[str]:
        return ["--keystore", str(self.keystore), "--password-file", str(self.password_file)]

    @property
    def signer(self) -> list[str]:
        return ["signer", "run", *self.key, "--socket", str(self.socket)]

    def member(self, *more: str) -> list[str]:
        directory = self.keyset.parent / "data"
        options = {"port": "0", "directory": str(directory), "keysets": str(self.keyset)}
        # The setup for KZG takes seconds of a processor, and others may need the machine too.
        options |= {"attest-timeout-s": f"{HANGS_S}", "request-timeout-s": f"{2 * HANGS_S}"}
        if "--config" not in more:
            options["dispersers"] = DISPERSER.address.hex0x
        flags = [text for name, value in options.items() for text in (f"--{name}", value)]
        return ["member", "run", "--log-json", *flags, *more]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("member")
    found = Files(
        keystore=directory / "key.json",
        password_file=directory / "password",
        keyset=directory / "keyset.json",
        socket=directory / "signer.sock",
    )
    write_keystore(found.keystore, secret(ME), "correct horse", kdf="pbkdf2", rounds=1000)
    found.password_file.write_text("correct horse\n")
    found.password_file.chmod(0o600)
    found.keyset.write_bytes(committee(not_before=0).serialize())
    return found


@contextmanager
def started(arguments: list[str], event: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A process, and its log's line that says that it is ready; it is dead afterwards."""
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            seen = []
            for line in process.stderr:
                seen.append(line)
                entry = json.loads(line)
                if entry["event"] == event:
                    break
            else:
                pytest.fail("it did not start: " + "".join(seen))
            yield process, entry
        finally:
            process.kill()


def refused(arguments: list[str]) -> tuple[int, str]:
    """Exit code and error of a command that does not start."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=HANGS_S, check=False
    )
    return done.returncode, done.stderr


def put(url: str, request: Dispersal, now: int) -> bytes:
    path = f"{url}/v1/blobs/{request.header.blob_id.hex0x}/columns"
    sent = urllib.request.Request(
        path, body_of(request), ticket(request, time=now).fields(), method="PUT"
    )
    with urllib.request.urlopen(sent, timeout=HANGS_S) as answer:
        signature: bytes = answer.read()
    return signature


def test_a_member_is_killed_and_signs_the_same_again(files: Files) -> None:
    now = int(time.time())
    expires_at = -(-(now + KEYSET.retention_s) // 3600) * 3600
    request = dispersal(small_blob(0), keyset_hash=KEYSET.hash, expires_at=expires_at)
    attestation = Attestation(
        keyset_hash=KEYSET.hash, blob_id=request.header.blob_id, expires_at=expires_at
    )
    arguments = files.member("--signer", str(files.socket))
    with started(files.signer, "signing"):
        code, error = refused(files.member(*files.key))
        assert code == EXIT_FAILURE
        assert "in use by another process" in error
        with started(arguments, "listening") as (process, entry):
            assert entry["member"] == ME
            first = put(entry["url"], request, now)
            verify_attestation(KEYSET, attestation, ME, first)
            process.kill()
        with started(arguments, "listening") as (process, entry):
            assert put(entry["url"], request, now + 1) == first
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            told = {"attested", "stopping", "stopped"}
            events = [
                event for line in process.stderr if (event := json.loads(line)["event"]) in told
            ]
            assert process.wait() == 0
    assert events == ["attested", "stopping", "stopped"]


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--signer", "a", "--keystore", "b", "--password-file", "c"],
        ["--keystore", "b"],
        ["--signer", "a", "--password-file", "c"],
        ["--signer", "a", "--dispersers", "0x12"],
        ["--signer", "a", "--dispersers", ""],
    ],
)
def test_settings_that_do_not_fit_are_refused(files: Files, more: list[str]) -> None:
    outcome = CliRunner().invoke(member, files.member(*more)[1:])
    assert outcome.exit_code == EXIT_USAGE, outcome.output


def test_keysets_and_dispersers_are_read_again_at_sighup_whole_or_not_at_all(
    files: Files, tmp_path: Path
) -> None:
    one = committee(not_before=0)
    other = committee(not_before=10)
    (tmp_path / "a.json").write_bytes(one.serialize())
    data = str(tmp_path / "data")
    config = tmp_path / "member.toml"
    config.write_text(f'dispersers = "{DISPERSER.address.hex0x}"')
    more = ("--keysets", str(tmp_path), "--directory", data, "--config", str(config))
    with started(files.member(*files.key, *more), "listening") as (process, entry):
        assert process.stderr is not None

        def hung_up(what: str = "keysets ") -> Any:
            """What the log says of it; it says more, of members that cannot be reached."""
            process.send_signal(signal.SIGHUP)
            assert process.stderr is not None
            lines = (json.loads(line) for line in process.stderr)
            return next(line for line in lines if line["event"].startswith(what))

        def followed() -> list[str]:
            with urllib.request.urlopen(entry["url"] + "/v1/keysets", timeout=HANGS_S) as answer:
                return [found["keyset_hash"] for found in json.load(answer)["keysets"]]

        (tmp_path / "b.json").write_bytes(other.serialize())
        both = [whole.keyset.hash.hex0x for whole in (one, other)]
        told = hung_up()
        assert (told["event"], told["keysets"]) == ("keysets read again", both)
        assert followed() == both
        config.write_text(f'dispersers = "{STRANGER.address.hex0x}"')
        assert hung_up("dispersers ")["dispersers"] == [STRANGER.address.hex0x]
        config.write_text('dispersers = "0x12"')
        assert "dispersers" in hung_up("keysets not")["reason"]
        config.write_text(f'dispersers = "{STRANGER.address.hex0x}"')
        (tmp_path / "b.json").write_bytes(committee(network=8, not_before=20).serialize())
        told = hung_up("keysets not")
        assert told["level"] == "error"
        assert "different networks" in told["reason"]
        (tmp_path / "b.json").write_bytes(b"{")
        assert "b.json" in hung_up("keysets not")["reason"]
        assert followed() == both
