"""Whoever has a right on L1 has a command for it: samplers, bond holders, guardians, the owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bridge_specimens import SIGNER, Bridged, withdrawal_id
from committee_specimens import keyset, secret
from desk import ROOTS, Desk
from settlement_specimens import COMMITTEE, DAY, HOUR, SAMPLERS, SEQUENCER, STAKE, Settled
from settlement_under_test import account, stage

from bridge_client.artifacts import Artifact
from bridge_client.errors import Reverted
from bridge_client.registry import Registry, Standing
from committee.documents import Member, committee_of
from sampler.conclusion import Finding

OWN = account(SEQUENCER).address.hex0x
OTHER = account(8).address.hex0x
GONE = 31 * DAY
BOND = 4 * 10**18
SETTLEMENT = "BatchSettlement"


def standing(desk: Desk, *command: object, code: int = 0) -> Any:
    return desk.give(*map(str, command), code=code)["standing" if code == 0 else "reason"]


def due(desk: Desk) -> int:
    return int(desk.give("collect")["wei"])


def test_a_sampler_comes_goes_and_may_come_again(desk: Desk) -> None:
    desk.settled()
    assert standing(desk, "stake", code=1) == "WrongStanding"
    for key in (1, 2):
        desk.give("govern", "admit", OWN, "--key", key)
        for _ in range(2):
            assert standing(desk, "stake") == "active"
        assert standing(desk, "unstake", code=1) == "WrongStanding"
        for _ in range(2):
            assert standing(desk, "leave") == "leaving"
        assert standing(desk, "unstake", code=1) == "StakeLocked"
        desk.chain.advance(GONE)
        for _ in range(2):
            assert standing(desk, "unstake") == "unknown"
    desk.give("govern", "admit", OTHER)
    assert standing(desk, "stake", OTHER) == "active", "anybody may pay"
    desk.give("govern", "expel", OTHER)
    assert standing(desk, "unstake", OTHER, code=1) == "StakeLocked"


def test_bonds_come_back_whichever_way_a_batch_falls(desk: Desk) -> None:
    desk.settled()
    for rows in (1, 3):
        desk.proposed("--state-root", "0x" + f"{rows:064x}", rows=rows)
    first, second = (desk.give("challenge", 0, "--point", point) for point in (7, 8))
    desk.chain.advance(HOUR + 1)
    desk.give("uphold", first["challenge"])
    assert desk.give("reclaim", 1, code=1)["reason"] == "NotPending"
    half, point = BOND // 2, 10**16 + 10**14
    assert due(desk) == half + point
    desk.give("dissolve", second["challenge"])
    assert due(desk) == point
    desk.give("reclaim", 2)
    assert due(desk) == BOND
    assert desk.give("collect") == {"account": OWN, "wei": "0", "transaction": None}


def test_a_batch_is_given_up(desk: Desk) -> None:
    desk.settled()
    desk.proposed()
    assert desk.give("abandon", 0) == {"batch": 1, "state": "void"}
    assert due(desk) == BOND // 2, "it might have become final"
    assert desk.give("abandon", 0, code=1)["code"] == "no_batch"


@pytest.fixture
def bridged(desk: Desk, test_tokens: dict[str, Artifact]) -> Bridged:
    """A bridge of the command's own, its account the guardian."""
    coin = desk.chain.deploy(test_tokens["PlainToken"])
    given = ["--token", coin.address, "--daily-limit", 100, "--signer", SIGNER.address.hex0x]
    made = desk.deployed(*given, "--bridge-delay", "3h", "--withdrawal-delay", "2h")
    desk.options += ["--bridge", made["bridge"], "--settlement", made["settlement"]]
    desk.chain.send(coin, "mint", desk.chain.accounts[SEQUENCER], 10_000)
    bridge = desk.at("TokenEscrowBridge", made["bridge"])
    desk.give("deposit", 1000, "--target-chain", 9, "--sequence-nonce", 1)
    unused: Any = None
    on = Settled(desk.chain, unused, unused, unused)
    return Bridged(on, coin, unused, bridge)


def delayed(desk: Desk, bridged: Bridged, number: int) -> str:
    """A signed withdrawal above the limit; its id."""
    *_, signature = bridged.signed(OTHER, 200, withdrawal_id(number))
    named = "0x" + withdrawal_id(number).hex()
    given = ["--id", named, "--user", OTHER, "--signature", "0x" + signature.hex()]
    desk.give("withdraw", 200, *given)
    return named


def test_what_is_delayed_is_released_in_time_or_vetoed(desk: Desk, bridged: Bridged) -> None:
    one, other = (delayed(desk, bridged, number) for number in (1, 2))
    seen = [event for event in desk.give("watch", "--once") if event["contract"] != SETTLEMENT]
    assert [event["event"] for event in seen] == ["DepositInitiated"] + 2 * ["WithdrawalDelayed"]
    assert [event["fields"]["withdrawalId"] for event in seen[1:]] == [one, other]
    assert desk.give("release", one, code=1)["reason"] == "BRIDGE_STATE: still delayed"
    desk.give("veto", other)
    desk.chain.advance(2 * HOUR)
    receipt = desk.give("release", one)
    assert desk.give("release", one) == receipt, "paid once"
    assert desk.give("release", other, code=1)["reason"] == "BRIDGE_STATE: nothing waits"
    account_of = desk.chain.web3.to_checksum_address(OTHER)
    assert desk.chain.call(bridged.token, "balanceOf", account_of) == 200


def test_a_guardian_pauses_and_only_the_owner_goes_on(desk: Desk, bridged: Bridged) -> None:
    deposit = ["deposit", 1, "--target-chain", 9, "--sequence-nonce"]
    for turn in (1, 2):
        for _ in range(2):
            desk.give("pause")
        assert desk.give(*deposit, 9, code=1)["reason"] == "BRIDGE_STATE: paused"
        desk.give("govern", "unpause", "--key", turn, code=11)
        desk.chain.advance(3 * HOUR)
        for _ in range(2):
            desk.give("govern", "unpause", "--key", turn)
        desk.give(*deposit, 10 + turn)


def test_an_act_is_scheduled_taken_back_and_scheduled_again(desk: Desk, bridged: Bridged) -> None:
    desk.give("govern", "appoint", OTHER, code=11)
    desk.give("govern", "appoint", OTHER, code=11)
    desk.give("govern", "appoint", OTHER, "--cancel")
    desk.chain.advance(3 * HOUR)
    assert desk.chain.call(bridged.bridge, "withdrawalSigner") == SIGNER.address.hex0x
    desk.give("govern", "appoint", OTHER, "--key", "again", code=11)
    desk.give("govern", "bridge-guard", OTHER, code=11)
    desk.chain.advance(3 * HOUR)
    desk.give("govern", "appoint", OTHER, "--key", "again")
    desk.give("govern", "bridge-guard", OTHER)
    assert desk.chain.call(bridged.bridge, "withdrawalSigner") == OTHER
    assert desk.give("pause", code=1)["reason"].startswith("BRIDGE_AUTH")
    refused = desk.give("govern", "guard", OTHER, "--cancel", code=1)
    assert refused["code"] == "l1_no_contract", "an account owns the verifier"
    desk.refuse("govern", "appoint")


def test_keysets_come_by_the_owner_and_go_by_the_guardian(desk: Desk) -> None:
    made = desk.settled()
    new = keyset(7, 2)
    members = [
        Member.introduce(secret(i), name=f"member-{i}", url=f"http://member-{i}")
        for i in range(new.size)
    ]
    file = desk.directory / "new.json"
    file.write_bytes(committee_of(new, members).serialize())
    verifier = desk.at("CertificateVerifier", made["verifier"])
    for _ in range(2):
        desk.give("govern", "enable", "--keysets", file)
    assert desk.chain.call(verifier, "isInForce", bytes(new.hash))
    again = desk.give("govern", "enable", "--key", 2, "--keysets", file, code=1)
    assert again["reason"] == "WrongKeysetState", "prepared and enabled already"

    assert desk.give("disable", COMMITTEE.hash.hex0x)["state"] == "disabled"
    blob_id = desk.layer.hold(1, desk.certificate())
    waiting = desk.give("propose", blob_id.hex0x, *ROOTS, code=11)
    assert "is not in force" in waiting["lacking"]


def test_who_proposes_is_the_owner_s_to_say(desk: Desk) -> None:
    desk.settled()
    desk.give("govern", "bar", OWN)
    blob_id = desk.layer.hold(1, desk.certificate())
    refused = desk.give("propose", blob_id.hex0x, *ROOTS, code=1)
    assert refused["reason"] == "NotSequencer"
    desk.give("govern", "allow", OWN)
    assert desk.give("propose", blob_id.hex0x, *ROOTS)["height"] == 0


def test_two_verdicts_of_one_second_are_shown_from_their_files(desk: Desk) -> None:
    made, moment, files = desk.settled(), desk.chain.now, []
    for finding in (Finding.AVAILABLE, Finding.WITHHELD):
        *_, file = desk.verdicts(finding, time=moment)
        files.append(file)
    desk.give("slash", *files)
    registry = desk.at("SamplerRegistry", made["samplers"])
    assert not desk.chain.call(registry, "isActive", bytes(SAMPLERS[1].address))
    assert desk.give("slash", *files)["standing"] == "unknown", "once"


async def test_a_sampler_that_contradicts_itself_pays(l1: Any, tmp_path: Path) -> None:
    async with stage(l1, tmp_path) as act:
        registry, reporter = Registry(act.settlement.registry), act.sender(SEQUENCER)
        said = [act.verdict(0, finding=one) for one in (Finding.AVAILABLE, Finding.WITHHELD)]
        with pytest.raises(Reverted, match="NoContradiction"):
            await registry.slash(reporter, said[0], said[0])
        before = act.test.balance(act.test.accounts[SEQUENCER])
        for _ in range(2):
            await registry.slash(reporter, *said)
        gained = act.test.balance(act.test.accounts[SEQUENCER]) - before
        assert 0.49 * STAKE < gained < 0.5 * STAKE
        assert (await registry.sampler(SAMPLERS[0].address)).standing is Standing.UNKNOWN
