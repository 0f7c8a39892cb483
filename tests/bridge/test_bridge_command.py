"""`holdfast bridge`: from nothing to a final batch, with exit codes that scripts can use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from chain_under_test import Chain, Deployed
from click.testing import CliRunner
from committee_specimens import attested, secret
from da_layer import DaLayer, served
from settlement_specimens import COMMITTEE, HOUR, SAMPLERS, header_of
from settlement_under_test import CHAIN_ID, account

from bridge_client.artifacts import artifact
from bridge_client.cli.bridge import bridge
from bridge_client.ethereum import Interface
from committee.certificate import certify
from committee.documents import Member, committee_of
from committee.ethereum_keystore import write_ethereum_keystore
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.documents import verdict_document
from sampler.verdict import Verdict

PASSWORD = "long enough"
GENESIS = "0x" + "00" * 32
ROOTS = ["--state-root", "0x" + "11" * 32, "--withdrawals-root", "0x" + "22" * 32]
WINDOWS = ["--challenge-period", "2h", "--response-window", "1h", "--margin", "1h"]


@dataclass
class Desk:
    """Where somebody works with the command."""

    directory: Path
    chain: Chain
    layer: DaLayer
    options: list[str]

    def give(self, command: str, *arguments: object, code: int = 0) -> Any:
        """What a command prints as JSON; of one that fails, what it says of that."""
        given = [command, "--json", *self.options, *map(str, arguments)]
        result = CliRunner().invoke(bridge, given)
        assert result.exit_code == code, (result.output, result.exception)
        text = result.stdout if code == 0 else result.stderr
        lines = [json.loads(line) for line in text.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def deployed(self, *more: object) -> Any:
        samplers = [part for key in SAMPLERS[:2] for part in ("--sampler", key.address.hex0x)]
        return self.give("deploy", "--timelock-delay", 0, *WINDOWS, *samplers, *more)

    def settled(self) -> Any:
        """A settlement with its samplers, which later commands are about."""
        made = self.deployed()
        registry = Deployed(
            self.chain.web3.to_checksum_address(made["samplers"]),
            Interface(artifact("SamplerRegistry")),
        )
        for key in SAMPLERS[:2]:
            self.chain.send(registry, "stake", bytes(key.address), value=10**18)
        self.options += ["--settlement", made["settlement"]]
        return made

    def certificate(self, rows: int = 1) -> bytes:
        expires_at = self.chain.now + 200 * HOUR
        signed = attested(COMMITTEE, 0, 1, 2, of=header_of(rows), expires_at=expires_at)
        return certify(header_of(rows), signed).serialize()

    def proposed(self, *more: object, rows: int = 1) -> Any:
        blob_id = self.layer.hold(rows, self.certificate(rows))
        return self.give("propose", blob_id.hex0x, *ROOTS, *more)

    def verdicts(self, finding: Finding) -> list[object]:
        """Both samplers', of now, as options."""
        self.chain.advance(1)
        given: list[object] = []
        for number, key in enumerate(SAMPLERS[:2]):
            verdict = Verdict(
                blob_id=header_of().blob_id,
                keyset_hash=COMMITTEE.hash,
                finding=finding,
                unit=Unit.POINTS,
                rule=Rule.STRICT,
                asked=48,
                held=48,
                failed=0,
                error=Fraction(1, 10**6),
                time=self.chain.now,
            )
            document = verdict_document(
                verdict,
                chain_id=CHAIN_ID,
                key=key,
                evidence=b"{}",
                reason="",
                expires_at=0,
                label="",
                silent=[],
            )
            path = self.directory / f"verdict-{finding.name}-{number}.json"
            path.write_text(json.dumps(document))
            given += ["--verdict", path]
        return given


@pytest.fixture
def desk(l1: tuple[str, Chain], tmp_path: Path) -> Iterator[Desk]:
    url, chain = l1
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    write_ethereum_keystore(keystore, account(4), PASSWORD, kdf="pbkdf2", rounds=1000)
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    keyset = tmp_path / "keyset.json"
    members = [
        Member.introduce(secret(i), name=f"member-{i}", url=f"http://member-{i}")
        for i in range(COMMITTEE.size)
    ]
    keyset.write_bytes(committee_of(COMMITTEE, members).serialize())
    with served() as layer:
        options = {
            "rpc": url,
            "chain-id": CHAIN_ID,
            "journal": tmp_path / "journal",
            "keystore": keystore,
            "password-file": password,
            "keysets": keyset,
            "nodes": layer.url,
            "confirmations": 1,
            "poll-s": 0.01,
            "wait-s": 1,
            "max-lag-s": 86_400,
        }
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        yield Desk(tmp_path, chain, layer, given)


def test_from_nothing_to_a_final_batch(desk: Desk) -> None:
    desk.settled()
    batch = desk.proposed()
    assert (batch["batch"], batch["height"], batch["state"]) == (1, 0, "pending")
    assert desk.give("status")["batches"][0]["hindrances"] == ["period", "verdicts"]
    waiting = desk.give("settle", 0, code=11)
    assert waiting["code"] == "gate_timeout"
    assert waiting["lacking"] == "period, verdicts"
    desk.chain.advance(2 * HOUR)
    final = desk.give("settle", 0, *desk.verdicts(Finding.AVAILABLE))
    assert final["state"] == "final"
    assert desk.give("settle", 0)["state"] == "final", "asked again it is no fault"
    purposes = [one["purpose"].split()[0] for one in desk.give("journal")["intents"]]
    assert purposes[:3] == ["finalize", "verdicts", "propose"]


def test_a_command_that_is_repeated_is_one_transaction(desk: Desk) -> None:
    first = desk.deployed()
    assert desk.deployed() == first
    desk.options += ["--settlement", first["settlement"]]
    named = ["--height", 0, "--previous-root", GENESIS]
    batch = desk.proposed(*named)
    again = desk.give("propose", batch["blob_id"], *ROOTS, *named)
    assert again == batch
    assert desk.give("status")["length"] == 1
    changed = desk.give("deploy", "--timelock-delay", 0, "--quorum", 3, *WINDOWS, code=1)
    assert changed["code"] == "l1_other_intent"
    other = desk.deployed("--label", "other")
    assert other["settlement"] != first["settlement"]


def test_samplers_that_object_close_the_gate(desk: Desk) -> None:
    desk.settled()
    desk.proposed()
    closed = desk.give("settle", 0, *desk.verdicts(Finding.WITHHELD), code=10)
    assert closed["code"] == "gate_closed"
    assert closed["reason"] == "objection"


def test_a_blob_without_a_certificate_is_not_proposed(desk: Desk) -> None:
    desk.settled()
    blob_id = desk.layer.hold(1)
    waiting = desk.give("propose", blob_id.hex0x, *ROOTS, code=11)
    assert waiting["code"] == "gate_timeout"
    assert "certificate" in waiting["lacking"]
    assert desk.give("status")["length"] == 0


def test_a_watcher_prints_what_happens_and_answers_challenges(desk: Desk) -> None:
    desk.settled()
    desk.proposed(rows=3)
    challenge = desk.give("challenge", 0, "--point", 8000, "--point", 7)
    assert challenge["points"] == [7, 8000]
    assert desk.give("uphold", challenge["challenge"], code=1)["reason"] == "ResponseWindowOpen"
    seen = desk.give("watch", "--once", "--respond")
    assert [one["event"] for one in seen] == ["SequencerSet", "BatchProposed", "ChallengeOpened"]
    answered = desk.give("watch", "--once", "--respond")
    assert [one["event"] for one in answered] == ["PointAnswered", "PointAnswered"]
    drawn = desk.give("challenge", 0, "--drawn", 3)
    assert desk.give("respond", drawn["challenge"])["answered"] == 3
    assert desk.give("status")["batches"][0]["hindrances"] == ["period", "verdicts"]


def test_behind_a_timelock_the_same_command_comes_to_the_end_later(desk: Desk) -> None:
    arguments = ["--timelock-delay", "3h", *WINDOWS]
    result = CliRunner().invoke(bridge, ["deploy", *arguments, "--json", *desk.options])
    assert result.exit_code == 11, result.output
    made = json.loads(result.stdout)
    assert made["waiting_until"] > desk.chain.now
    desk.chain.advance(3 * HOUR)
    done = desk.give("deploy", *arguments)
    assert done == made | {"waiting_until": None}
    desk.options += ["--settlement", done["settlement"]]
    assert desk.proposed()["height"] == 0, "the keyset is enabled"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "settlement: this command needs one"),
        (["status", "--settlement", "0x12"], "is not 40 hex digits"),
    ],
)
def test_what_is_missing_is_named(desk: Desk, arguments: list[str], said: str) -> None:
    given = [*arguments[:1], *desk.options, *arguments[1:]]
    result = CliRunner().invoke(bridge, given)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_nothing_is_deployed_without_a_keyset(desk: Desk) -> None:
    at = desk.options.index("--keysets")
    del desk.options[at : at + 2]
    assert desk.give("deploy", "--timelock-delay", 0, code=2)["name"] == "keysets"


def test_another_chain_is_refused_before_anything(desk: Desk) -> None:
    refused = desk.give("deploy", "--chain-id", 5, code=1)
    assert refused["code"] == "l1_other_chain"
