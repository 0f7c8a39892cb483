"""`holdfast committee` and `holdfast certificate`, from keys to a checked certificate."""

from __future__ import annotations

import getpass
import io
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from committee_specimens import EXPIRES_AT, header

from committee.attestation import Attestation, verify_attestation
from committee.certificate import certify
from committee.cli.certificates import certificate
from committee.cli.keysets import committee
from committee.disk import read_file
from committee.documents import Committee
from committee.errors import BadDocument
from committee.keystore import read_keystore

PASSWORD = "correct horse"
NETWORK = "0x" + "11" * 32


def run(*args: object, command=committee, typed: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], input=typed)


def answer(*args: object, command=committee) -> dict:
    result = run(*args, "--json", command=command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """Four keys and their keyset, made by the commands."""
    directory = tmp_path_factory.mktemp("committee")
    (directory / "password").write_text(PASSWORD + "\n")
    (directory / "password").chmod(0o600)
    for i in range(4):
        result = run(
            *("keygen", directory / f"{i}.keystore", "--kdf", "pbkdf2"),
            *("--name", f"m{i}", "--url", f"http://127.0.0.1:880{i}"),
            *("-o", directory / f"{i}.member", "--password-file", directory / "password"),
        )
        assert result.exit_code == 0, result.output
    result = build(directory, directory / "keyset")
    assert result.exit_code == 0, result.output
    return directory


def build(place: Path, target: Path, *more: object) -> Result:
    members = [place / f"{i}.member" for i in range(4)]
    rules = ("--network-id", NETWORK, "--faults", 1, "--not-before", 1_700_000_000)
    return run("keyset", "build", *members, "-o", target, *rules, *more)


@pytest.fixture(scope="session")
def certified(place: Path) -> Path:
    """A certificate by three of the four."""
    keyset = Committee.parse((place / "keyset").read_bytes(), "keyset").keyset
    attestation = Attestation(
        keyset_hash=keyset.hash, blob_id=header().blob_id, expires_at=EXPIRES_AT
    )
    keys = [read_keystore(place / f"{i}.keystore", PASSWORD) for i in (0, 1, 3)]
    signed = [
        verify_attestation(keyset, attestation, i, attestation.sign(key))
        for i, key in zip((0, 1, 3), keys, strict=True)
    ]
    file = place / "certificate"
    file.write_bytes(certify(header(), signed).serialize())
    return file


def test_a_key_is_made_encrypted_for_its_owner_only(place):
    assert stat.S_IMODE((place / "0.keystore").stat().st_mode) == 0o600
    secret = read_keystore(place / "0.keystore", PASSWORD).reveal().hex()
    for file in place.iterdir():
        assert secret not in file.read_bytes().hex()
        assert secret.encode() not in file.read_bytes()


def test_the_password_is_asked_for_twice_on_a_terminal(tmp_path):
    arguments = ("--name", "a", "--url", "http://a", "-o", tmp_path / "m", "--kdf", "pbkdf2")
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    result = run("keygen", tmp_path / "k", *arguments, "--json", typed=typed)
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    key = read_keystore(tmp_path / "k", PASSWORD)
    assert json.loads(result.stdout)["public_key"] == key.public_key.hex0x


def test_without_a_terminal_no_password_is_read_and_its_file_is_asked_for(
    tmp_path, monkeypatch, capsys
):
    """What the runner of these tests stands in for is the prompt itself, so it is not used here."""
    monkeypatch.setattr(getpass, "getpass", getpass.fallback_getpass)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n{PASSWORD}\n"))
    arguments = ["keygen", str(tmp_path / "k"), "--name", "a", "--url", "http://a"]
    with pytest.raises(SystemExit) as ended:
        committee([*arguments, "-o", str(tmp_path / "m")])
    assert ended.value.code == 2
    assert "there is no terminal" in (told := capsys.readouterr().err)
    assert "--password-file" in told
    assert not list(tmp_path.iterdir())


def test_neither_a_key_nor_its_public_file_is_replaced(place, tmp_path):
    for keystore, target in (
        (place / "0.keystore", tmp_path / "m"),
        (tmp_path / "k", place / "0.member"),
    ):
        before = [path.read_bytes() for path in (place / "0.keystore", place / "0.member")]
        arguments = ("--name", "a", "--url", "http://a", "-o", target)
        result = run("keygen", keystore, *arguments, "--password-file", place / "password")
        assert result.exit_code == 2
        assert "is there already" in result.output
        after = [path.read_bytes() for path in (place / "0.keystore", place / "0.member")]
        assert after == before
    assert not list(tmp_path.iterdir())


def test_one_file_is_not_both(place, tmp_path):
    arguments = ("--name", "a", "--url", "http://a", "-o", tmp_path / "." / "k")
    result = run("keygen", tmp_path / "k", *arguments, "--password-file", place / "password")
    assert result.exit_code == 2
    assert "cannot be both" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("password", [b"short", b"\xff" * 20, b"x" * 5000])
def test_no_key_is_made_with_a_password_that_will_not_do(tmp_path, password):
    (tmp_path / "password").write_bytes(password)
    (tmp_path / "password").chmod(0o600)
    arguments = ("--name", "a", "--url", "http://a", "-o", tmp_path / "m")
    result = run("keygen", tmp_path / "k", *arguments, "--password-file", tmp_path / "password")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_a_member_can_be_introduced_again_under_another_address(place, tmp_path):
    more = ("--name", "m0", "--url", "https://elsewhere", "-o", tmp_path / "m")
    shown = answer("introduce", place / "0.keystore", *more, "--password-file", place / "password")
    assert shown["url"] == "https://elsewhere"
    before = json.loads((place / "0.member").read_bytes())
    assert json.loads((tmp_path / "m").read_bytes()) == before | {"url": "https://elsewhere"}


def test_a_password_that_everybody_may_read_is_not_taken(tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o644)
    arguments = ("--name", "a", "--url", "http://a", "-o", tmp_path / "m")
    result = run("keygen", tmp_path / "k", *arguments, "--password-file", tmp_path / "password")
    assert result.exit_code == 2
    assert "chmod 600" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_a_wrong_password_is_said_in_one_line(place, tmp_path):
    (tmp_path / "password").write_text("battery staple")
    (tmp_path / "password").chmod(0o600)
    more = ("--name", "m0", "--url", "https://a", "-o", tmp_path / "m")
    result = run("introduce", place / "0.keystore", *more, "--password-file", tmp_path / "password")
    assert result.exit_code == 1
    assert result.stderr == f"error: {place / '0.keystore'}: the password is wrong\n"


def test_a_keyset_is_built_shown_and_verified(place):
    shown = answer("keyset", "show", place / "keyset")
    assert shown["threshold"] == 3
    assert shown["columns_per_member"] == 32
    assert shown["network_id"] == NETWORK
    assert [member["name"] for member in shown["members"]] == ["m0", "m1", "m2", "m3"]
    assert shown["members"][3]["arc"] == {"start": 96, "count": 32}
    found = answer("keyset", "verify", place / "keyset", "--hash", shown["keyset_hash"])
    assert found["keyset_hash"] == shown["keyset_hash"]
    text = run("keyset", "show", place / "keyset").output
    assert "columns 96–127" in text
    assert shown["members"][3]["public_key"] in text


def test_a_keyset_with_another_hash_than_expected_fails(place):
    result = run("keyset", "verify", place / "keyset", "--hash", "00" * 32)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the file belongs to keyset")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--faults", 2), "cannot tolerate 2 faults"),
        (("--threshold", 4), "threshold is 4; it must be 2 to 3"),
        (("--threshold", 0), "threshold is 0; it must be 2 to 3"),
        (("--columns-per-member", 31), "32 columns per member are enough"),
        (("--challenge-period", "18d"), "blobs are kept 1572864 s"),
    ],
)
def test_a_keyset_that_would_not_load_is_not_built(place, tmp_path, more, says):
    result = build(place, tmp_path / "keyset", *more)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "more", [("--network-id", "11"), ("--retention", "0.5s"), ("--retention", "soon")]
)
def test_a_rule_that_cannot_be_read_is_wrong_usage(place, tmp_path, more):
    assert build(place, tmp_path / "keyset", *more).exit_code == 2


def test_a_damaged_keyset_fails_as_one_line_and_as_a_problem_document(place, tmp_path):
    text = (place / "keyset").read_text()
    (tmp_path / "keyset").write_text(text.replace('"m1"', '"m0"'))
    result = run("keyset", "verify", tmp_path / "keyset")
    assert result.exit_code == 1
    assert result.stderr == "error: members 0 and 1 have the same name: m0\n"
    result = run("keyset", "verify", tmp_path / "keyset", "--json")
    assert json.loads(result.stderr)["code"] == "repeated_member"


def test_a_plan_says_what_each_threshold_tolerates_and_costs():
    planned = answer("plan", "--members", 7, "--faults", 2)
    assert [one["threshold"] for one in planned["thresholds"]] == [3, 4, 5]
    last = planned["thresholds"][-1]
    assert last["sound"] is True
    assert (last["columns_per_member"], last["stored_payloads"]) == (28, 3.0625)
    assert (last["may_lie"], last["may_be_silent"], last["may_be_lost"]) == (2, 2, 4)
    assert last["arcs"][6] == {"start": 109, "count": 28}
    text = run("plan", "--members", 7, "--faults", 2).output
    assert "member   6  109–127, 0–8" in text


def test_a_plan_marks_thresholds_that_no_keyset_may_have():
    result = run("plan", "--members", 7, "--faults", 2, "--columns-per-member", 30)
    assert result.exit_code == 0
    assert result.output.count("refused") == 2
    assert "arcs of 30 columns (threshold 5):" in result.output
    result = run(
        *("plan", "--members", 7, "--faults", 2),
        *("--columns-per-member", 30, "--threshold", 3),
    )
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--members", 4, "--faults", 2), 1),
        (("--members", 0, "--faults", 0), 2),
        (("--members", 129, "--faults", 0), 2),
        (("--members", 4, "--faults", 1, "--threshold", 4), 2),
    ],
)
def test_a_plan_for_no_committee_fails(arguments, code):
    assert run("plan", *arguments).exit_code == code


@pytest.mark.parametrize("form", ["bytes", "hex"])
def test_a_certificate_is_verified_offline(place, certified, tmp_path, form):
    file = certified
    if form == "hex":
        file = tmp_path / "certificate"
        file.write_text("0x" + certified.read_bytes().hex() + "\n")
    found = answer("verify", file, "--keyset", place / "keyset", command=certificate)
    assert found["valid"] is True
    assert found["blob_id"] == header().blob_id.hex0x
    assert found["signers"] == [0, 1, 3]
    assert found["latest_inclusion"] == EXPIRES_AT - 604_800 - 3600 - 3600
    text = run("verify", file, "--keyset", place / "keyset", command=certificate).output
    assert "3 of 4 signed, threshold 3" in text
    assert "m0, m1, m3" in text


@pytest.mark.parametrize(
    ("late_by", "code", "says"), [(0, 0, "valid"), (1, 1, "error: the blob expires at")]
)
def test_a_certificate_is_relied_on_up_to_its_last_moment(place, certified, late_by, code, says):
    included_at = EXPIRES_AT - 604_800 - 3600 - 86_400 + late_by
    result = run(
        *("verify", certified, "--keyset", place / "keyset"),
        *("--included-at", included_at, "--margin", "1d"),
        command=certificate,
    )
    assert result.exit_code == code
    assert result.output.startswith(says)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"0xzz",
        lambda data: data * 20,
        lambda data: data[:132] + b"\x0f" + data[133:],
        lambda data: data[:2] + bytes(32) + data[34:],
    ],
)
def test_a_certificate_that_is_not_valid_fails_in_one_line(place, certified, tmp_path, change):
    (tmp_path / "wrong").write_bytes(change(certified.read_bytes()))
    result = run("verify", tmp_path / "wrong", "--keyset", place / "keyset", command=certificate)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_a_file_is_read_with_a_bound(tmp_path):
    (tmp_path / "long").write_bytes(bytes(11))
    assert read_file(tmp_path / "long", 11) == bytes(11)
    with pytest.raises(BadDocument):
        read_file(tmp_path / "long", 10)
