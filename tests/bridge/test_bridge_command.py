"""`holdfast bridge`: from nothing to a final batch, with exit codes that scripts can use."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from desk import GENESIS, ROOTS, WINDOWS, Desk
from settlement_specimens import HOUR

from bridge_client.cli.bridge import bridge
from sampler.conclusion import Finding


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
    assert desk.give("respond", 99, code=1)["code"] == "no_challenge"
    assert desk.give("status")["batches"][0]["hindrances"] == ["period", "verdicts"]


def test_a_watcher_that_is_to_bring_verdicts_needs_samplers_and_a_key(desk: Desk) -> None:
    desk.settled()
    desk.refuse("watch", "--once", "--verdicts")
    samplers = ["--samplers", "http://127.0.0.1:1"]
    desk.proposed()
    seen = desk.give("watch", "--once", "--verdicts", *samplers)
    assert [one["event"] for one in seen][-1] == "BatchProposed", "one that is down is no fault"


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


def test_what_is_stuck_is_cancelled(desk: Desk) -> None:
    desk.settled()
    desk.chain._rpc("evm_setAutomine", False)
    try:
        assert desk.proposed(code=11)["code"] == "l1_too_slow"
        (stuck, *_) = desk.give("journal")["intents"]
        desk.chain._rpc("anvil_dropTransaction", stuck["transaction"])
    finally:
        desk.chain._rpc("evm_setAutomine", True)
    ended = desk.give("cancel", stuck["nonce"])
    assert (ended["purpose"], ended["state"]) == (stuck["purpose"], "cancelled")
    for which in (stuck["purpose"], "9" * 5000):
        assert desk.give("cancel", which, code=1)["code"] == "l1_nothing_to_cancel"
    assert desk.give("status")["length"] == 0
    assert desk.proposed()["height"] == 0
