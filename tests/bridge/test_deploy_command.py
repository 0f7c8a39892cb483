"""`holdfast bridge deploy` with a bridge: its owner is slow, and all is checked."""

from __future__ import annotations

from typing import Any

import pytest
from chain_under_test import Deployed
from desk import WINDOWS, Desk
from settlement_specimens import DAY, HOUR, Settled
from settlement_under_test import account

from bridge_client.artifacts import Artifact

SIGNER = "0x" + "51" * 20
ESCROW = ["--daily-limit", 1000, "--signer", SIGNER]


def token(desk: Desk, test_tokens: dict[str, Artifact]) -> str:
    return desk.chain.deploy(test_tokens["PlainToken"]).address


def said(desk: Desk, of: Deployed, *functions: str) -> list[Any]:
    return [desk.chain.call(of, function) for function in functions]


def test_a_bridge_belongs_to_a_timelock_slower_than_the_challenge_period(
    desk: Desk, test_tokens: dict[str, Artifact]
) -> None:
    coin = token(desk, test_tokens)
    made = desk.deployed("--token", coin, *ESCROW, "--bridge-delay", "3h")
    assert made["owner"] == account(4).address.hex0x, "a development chain's"
    bridge = desk.at("TokenEscrowBridge", made["bridge"])
    functions = ("owner", "tokenAsset", "settlement", "withdrawalSigner", "guardian", "dailyLimit")
    assert said(desk, bridge, *functions) == [
        made["bridge_owner"],
        coin.lower(),
        made["settlement"],
        SIGNER,
        account(4).address.hex0x,
        1000,
    ]
    timelock = desk.at("TimelockController", made["bridge_owner"])
    assert said(desk, timelock, "getMinDelay") == [3 * HOUR]
    sent = len(desk.give("journal", "--last", 1000)["intents"])
    assert desk.deployed("--token", coin, *ESCROW, "--bridge-delay", "3h") == made
    assert len(desk.give("journal", "--last", 1000)["intents"]) == sent


def test_another_token_is_another_bridge_of_the_same_settlement(
    desk: Desk, test_tokens: dict[str, Artifact]
) -> None:
    made = [
        desk.deployed("--token", token(desk, test_tokens), *ESCROW, "--bridge-delay", "3h")
        for _ in range(2)
    ]
    assert made[0]["bridge"] != made[1]["bridge"]
    assert made[0] | {"bridge": None} == made[1] | {"bridge": None}


def test_a_bridge_is_put_beside_a_settlement_that_somebody_else_deployed(
    desk: Desk, test_tokens: dict[str, Artifact]
) -> None:
    settlement = Settled.on(desk.chain).settlement.address
    desk.options += ["--settlement", settlement]
    given = ["escrow", token(desk, test_tokens), *ESCROW]
    refused = desk.give(*given, "--bridge-delay", "7d", code=2)
    assert refused["name"] == "bridge-delay"
    assert desk.give("journal")["intents"] == []
    made = desk.give(*given)
    assert desk.give(*given) == made
    bridge = desk.at("TokenEscrowBridge", made["bridge"])
    assert said(desk, bridge, "owner", "settlement", "withdrawalSigner") == [
        made["bridge_owner"],
        settlement.lower(),
        SIGNER,
    ]
    timelock = desk.at("TimelockController", made["bridge_owner"])
    assert said(desk, timelock, "getMinDelay") == [9 * DAY], "two days to get out"


def test_one_timelock_owns_all_where_it_is_slow_enough(
    desk: Desk, test_tokens: dict[str, Artifact]
) -> None:
    given = [*WINDOWS, "--token", token(desk, test_tokens), *ESCROW]
    desk.give("deploy", *given, code=11)
    desk.chain.advance(2 * HOUR + 2 * DAY)
    made = desk.give("deploy", *given)
    assert made["owner"] == made["bridge_owner"]
    timelock = desk.at("TimelockController", made["owner"])
    assert said(desk, timelock, "getMinDelay") == [2 * HOUR + 2 * DAY]
    bare = desk.give("deploy", *given, "--bare", code=1)
    assert bare["code"] == "l1_other_intent"


def test_an_owner_that_is_too_fast_is_refused_before_anything_is_sent(
    desk: Desk, test_tokens: dict[str, Artifact]
) -> None:
    given = ["deploy", "--timelock-delay", 0, *WINDOWS, *ESCROW]
    refused = desk.give(*given, "--token", token(desk, test_tokens), "--bridge-delay", "2h", code=2)
    assert refused["name"] == "bridge-delay"
    assert "7200 s is not longer than the challenge period, 7200 s" in refused["reason"]
    nowhere = desk.give(*given, "--token", SIGNER, "--bridge-delay", "3h", code=1)
    assert nowhere["code"] == "l1_no_contract"
    desk.refuse("deploy", "--token", SIGNER)
    assert desk.give("journal")["intents"] == []


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        (["--margin", "30m"], "margin", "1800 s is shorter than the response window"),
        (["--exit-delay", "2h"], "exit-delay", "7200 s is not longer than the challenge period"),
        (["--timelock-delay", "1h"], "timelock-delay", "3600 s is not longer"),
        (["--proposal-bond", 0], "proposal-bond", "0 is not above 0"),
        (["--verdict-lifetime", 0], "verdict-lifetime", "0 is not above 0"),
    ],
)
def test_figures_that_could_not_hold_are_refused_before_anything_is_sent(
    desk: Desk, given: list[object], name: str, reason: str
) -> None:
    refused = desk.give("deploy", "--timelock-delay", 0, *WINDOWS, *given, code=2)
    assert refused["name"] == name
    assert refused["reason"].startswith(reason)
    assert desk.give("journal")["intents"] == []


def test_a_bare_bridge_belongs_to_its_signer(desk: Desk, test_tokens: dict[str, Artifact]) -> None:
    made = desk.deployed("--token", token(desk, test_tokens), *ESCROW, "--bare")
    assert made["bridge_owner"] == SIGNER
    assert said(desk, desk.at("TokenEscrowBridge", made["bridge"]), "isBare") == [True]


@pytest.mark.parametrize(
    ("name", "place", "function", "arguments", "what"),
    [
        ("CertificateVerifier", "verifier", "setGuardian", [SIGNER], "guardian of Cert"),
        ("BatchSettlement", "settlement", "setSequencer", [None, False], "isSequencer of Batch"),
    ],
)
def test_what_is_not_as_planned_is_named(
    desk: Desk, name: str, place: str, function: str, arguments: list[Any], what: str
) -> None:
    made = desk.deployed()
    given = [bytes(account(4).address) if one is None else one for one in arguments]
    desk.chain.send(desk.at(name, made[place]), function, *given, sender=4)
    refused = desk.deployed(code=1)
    assert refused["code"] == "not_as_planned"
    assert refused["what"].startswith(what)
