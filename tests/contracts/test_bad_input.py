"""Whatever is handed in, a refusal says why: no call and no constructor fails without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from blob_specimens import opening
from bridge_specimens import LIMIT, USER, Bridged
from chain_under_test import MOST_GAS, Chain, Deployed
from settlement_specimens import (
    BOND,
    CHALLENGER,
    CONFIG,
    DAY,
    GUARDIAN,
    REGISTRAR,
    SAMPLERS,
    SEQUENCER,
    STAKE,
    Settled,
    header_of,
)

from bridge_client.artifacts import Artifact, artifact

PANIC = "0x4e487b71"
"""Of `Panic(uint256)`: the compiler's own check, such as an index beyond its list."""
POINT_BOND = CONFIG["pointBondWei"] + CONFIG["rowBondWei"]
NOBODY = "0x" + "00" * 20
LONGEST = 2**32 - 1
"""Seconds that a keyset can keep a blob."""


# ------------------------------------------------------------------------- calls


def values(parameter: dict[str, Any]) -> list[Any]:
    """The smallest, a small and the greatest of its kind."""
    kind = parameter["type"]
    if kind.endswith("[]"):
        empty, small, great = values(parameter | {"type": kind[:-2]})
        return [[], [small], [empty, great, great]]
    if kind == "tuple":
        members = [values(member) for member in parameter["components"]]
        return [tuple(member[i] for member in members) for i in range(3)]
    if kind.startswith("uint"):
        return [0, 1, 2 ** int(kind[4:]) - 1]
    by_kind: dict[str, list[Any]] = {
        "address": [bytes(20), bytes(19) + b"\1", b"\xff" * 20],
        "bool": [False, True, True],
        "bytes": [b"", b"\1" * 65, b"\xff" * 389],
        "bytes32": [bytes(32), b"\1" * 32, b"\xff" * 32],
    }
    return by_kind[kind]


def calls_of(name: str) -> Iterator[tuple[str, list[Any], bool]]:
    """Every function with arguments of one size, and with one of another size among small ones;
    whether it takes money.
    """
    for entry in artifact(name).abi:
        if entry["type"] != "function":
            continue
        choices = [values(parameter) for parameter in entry["inputs"]]
        given = [[choice[size] for choice in choices] for size in range(3)]
        for i, choice in enumerate(choices):
            for other in (0, 2):
                given.append([*given[1][:i], choice[other], *given[1][i + 1 :]])
        for arguments in given if choices else [[]]:
            yield entry["name"], arguments, entry["stateMutability"] == "payable"


def refusal_of(
    chain: Chain, to: Deployed, data: bytes, sender: str, value: int
) -> str | None:  # as hex
    asked = {"to": to.address, "from": sender, "data": "0x" + data.hex()}
    figures = {"value": hex(value), "gas": hex(MOST_GAS)}
    answer = chain.web3.provider.make_request("eth_call", [asked | figures, "latest"])  # type: ignore[arg-type]
    return str(answer["error"].get("data")) if "error" in answer else None


def test_every_refusal_of_every_function_says_why(standing_bridge: Bridged, chain: Chain) -> None:
    settled = standing_bridge.settled
    settled.propose(0)
    asked = (0, bytes(header_of().blob_id), [5, 9])
    chain.send(settled.settlement, "challenge", *asked, sender=CHALLENGER, value=2 * POINT_BOND)
    chain.impersonate(standing_bridge.timelock.address)
    registrar, sequencer = chain.accounts[REGISTRAR], chain.accounts[SEQUENCER]
    refused = 0
    for name, to, sender in (
        ("CertificateVerifier", settled.verifier, registrar),
        ("SamplerRegistry", settled.registry, registrar),
        ("BatchSettlement", settled.settlement, sequencer),
        ("TokenEscrowBridge", standing_bridge.bridge, standing_bridge.timelock.address),
        ("TokenEscrowBridge", standing_bridge.bridge, chain.accounts[USER]),
    ):
        for function, arguments, takes_money in calls_of(name):
            data = to.interface.calldata(function, *arguments)
            for value in (0, BOND, STAKE, CONFIG["forcedFeeWei"]) if takes_money else (0,):
                found = refusal_of(chain, to, data, sender, value)
                what = (name, function, arguments, found)
                assert found is None or len(found) >= 10, what
                assert found is None or not found.startswith(PANIC), what
                refused += found is not None
    assert refused > 100


def test_verdicts_and_signatures_come_in_pairs(standing: Settled, chain: Chain) -> None:
    standing.propose(0)
    verdicts, signatures = standing.submission(*((key, standing.verdict()) for key in SAMPLERS[:2]))

    def why(*lists: Any) -> tuple[str, tuple[Any, ...]]:
        refusal = chain.refused(standing.settlement, "submitVerdicts", 0, *lists)
        return refusal.name, refusal.operands

    assert why([], []) == ("NoVerdicts", ())
    assert why([], signatures) == ("NoVerdicts", ())
    assert why(verdicts, []) == ("SignatureCount", (0, 2))
    assert why(verdicts, signatures[:1]) == ("SignatureCount", (1, 2))
    assert why(verdicts[:1], signatures) == ("SignatureCount", (2, 1))
    chain.send(standing.settlement, "submitVerdicts", 0, verdicts, signatures)


def test_a_position_beyond_the_points_asked_for_is_named(standing: Settled, chain: Chain) -> None:
    standing.propose(0)
    asked = (0, bytes(header_of().blob_id), [5, 9])
    chain.send(standing.settlement, "challenge", *asked, sender=CHALLENGER, value=2 * POINT_BOND)
    answer = (1, 2, header_of().serialize(), opening(1, 9))
    refusal = chain.refused(standing.settlement, "respond", *answer)
    assert (refusal.name, refusal.operands) == ("PositionOutOfRange", (2, 1))


# ------------------------------------------------------------------------- constructors


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"verifier": NOBODY}, "verifier"),
        ({"samplers": NOBODY}, "samplers"),
        ({"stateVerifier": "0x" + "00" * 19 + "99"}, "stateVerifier"),
        ({"owner": NOBODY}, "owner"),
        ({"quorum": 0}, "quorum"),
        ({"quorum": 65}, "quorum"),
        ({"objectors": 0}, "objectors"),
        ({"objectors": 65}, "objectors"),
        ({"challengePeriod_s": 0}, "challengePeriod_s"),
        ({"challengePeriod_s": LONGEST - 3600 + 1}, "challengePeriod_s"),
        ({"challengePeriod_s": 30 * DAY}, "exitDelay_s"),
        ({"responseWindow_s": 0}, "responseWindow_s"),
        ({"margin_s": DAY - 1}, "margin_s"),
        ({"margin_s": LONGEST - 3600 - CONFIG["challengePeriod_s"] + 1}, "margin_s"),
        ({"margin_s": 2**64 - 1, "responseWindow_s": 2**64 - 1}, "margin_s"),
        ({"verdictLifetime_s": 0}, "verdictLifetime_s"),
        ({"proposalBondWei": 0}, "proposalBondWei"),
        ({"pointBondWei": 0}, "pointBondWei"),
    ],
)
def test_a_settlement_that_could_not_hold_is_not_deployed(
    standing: Settled, chain: Chain, change: dict[str, Any], name: str
) -> None:
    refusal = chain.refused_creation(
        "BatchSettlement", tuple((standing.config | change).values()), []
    )
    assert (refusal.name, refusal.operands) == ("BadConfiguration", (name,))


def test_the_longest_windows_and_largest_quorum_are_deployed(
    standing: Settled, chain: Chain
) -> None:
    most = {"margin_s": LONGEST - 3600 - CONFIG["challengePeriod_s"], "quorum": 64, "objectors": 64}
    chain.deploy("BatchSettlement", tuple((standing.config | most).values()), [])


def test_no_contract_takes_another_for_what_it_needs(standing: Settled, chain: Chain) -> None:
    """A verifier where a registry belongs, and the other way round."""
    swapped = {"verifier": standing.registry.address, "samplers": standing.verifier.address}
    for name, address in swapped.items():
        config = standing.config | {name: address}
        refusal = chain.refused_creation("BatchSettlement", tuple(config.values()), [])
        assert (refusal.name, refusal.operands) == ("BadConfiguration", (name,))


def test_whoever_governs_waits_longer_than_the_challenge_period(
    standing: Settled, chain: Chain
) -> None:
    """Owner of the settlement, registrar of keysets, owner of the samplers: so that people are out
    before a change counts."""
    period, accounts = CONFIG["challengePeriod_s"], chain.accounts

    def timelock(delay_s: int) -> str:
        return chain.deploy("TimelockController", delay_s, [], [], NOBODY).address

    def settlement_of(governor: str) -> Iterator[tuple[Any, ...]]:
        network = bytes(32)
        verifier = chain.deploy("CertificateVerifier", network, governor, accounts[GUARDIAN])
        registry = chain.deploy("SamplerRegistry", governor, STAKE, 30 * DAY)
        for change in (
            {"owner": governor},
            {"verifier": verifier.address},
            {"samplers": registry.address},
        ):
            yield tuple((standing.config | change).values()), [accounts[SEQUENCER]]

    fast = timelock(period)
    for arguments in settlement_of(fast):
        refusal = chain.refused_creation("BatchSettlement", *arguments)
        assert (refusal.name, refusal.operands) == ("ShortDelay", (fast.lower(), period, period))
    for arguments in settlement_of(standing.registry.address):  # it shows no delay at all
        refusal = chain.refused_creation("BatchSettlement", *arguments)
        assert (refusal.name, refusal.operands[1:]) == ("ShortDelay", (0, period))
    for arguments in settlement_of(timelock(period + 1)):
        chain.deploy("BatchSettlement", *arguments)


def test_nobody_is_no_party_and_nothing_is_no_stake(standing: Settled, chain: Chain) -> None:
    someone = chain.accounts[0]
    for contract, arguments, name in (
        ("CertificateVerifier", (bytes(32), NOBODY, someone), "registrar"),
        ("CertificateVerifier", (bytes(32), someone, NOBODY), "guardian"),
        ("SamplerRegistry", (NOBODY, STAKE, DAY), "owner"),
        ("SamplerRegistry", (someone, 0, DAY), "stakeWei"),
        ("SamplerRegistry", (someone, STAKE, 0), "exitDelay_s"),
    ):
        refusal = chain.refused_creation(contract, *arguments)
        assert (refusal.name, refusal.operands) == ("BadConfiguration", (name,))
    for to, function, given, name in (
        (standing.verifier, "setGuardian", (NOBODY,), "guardian"),
        (standing.registry, "admit", (NOBODY,), "sampler"),
        (standing.settlement, "setSequencer", (NOBODY, True), "sequencer"),
    ):
        refusal = chain.refused(to, function, *given, sender=REGISTRAR)
        assert (refusal.name, refusal.operands) == ("ZeroAddress", (name,))
    config = tuple(standing.config.values())
    assert chain.refused_creation("BatchSettlement", config, [NOBODY]).name == "ZeroAddress"
    free = tuple((standing.config | {"forcedFeeWei": 0}).values())
    assert chain.refused_creation("BatchSettlement", free, []).name == "ZeroFee"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": NOBODY}, "token is no contract"),
        ({"settlement": NOBODY}, "settlement is none"),
        ({"owner": NOBODY}, "owner is zero"),
        ({"owner": "0x" + "00" * 19 + "99"}, "owner's delay is not longer"),
        ({"withdrawalSigner": NOBODY}, "signer is zero"),
        ({"guardian": NOBODY}, "guardian is zero"),
        ({"delay_s": 0}, "delay is zero"),
        ({"delay_s": 2**32}, "delay is zero or above 2^32 seconds"),
        ({"delay_s": 2**256 - 1}, "delay is zero or above 2^32 seconds"),
    ],
)
def test_a_bridge_that_could_not_hold_is_not_deployed(
    standing_bridge: Bridged, chain: Chain, change: dict[str, Any], said: str
) -> None:
    config = {
        "token": standing_bridge.token.address,
        "settlement": standing_bridge.settled.settlement.address,
        "owner": standing_bridge.timelock.address,
        "withdrawalSigner": chain.accounts[USER],
        "guardian": chain.accounts[GUARDIAN],
        "dailyLimit": LIMIT,
        "delay_s": DAY,
        "isBare": False,
    } | change
    refusal = chain.refused_creation("TokenEscrowBridge", tuple(config.values()))
    assert b"BRIDGE_INPUT: " + said.encode() in refusal.operands[0]


def test_a_bridge_is_never_left_without_signer_or_guardian(
    standing_bridge: Bridged, chain: Chain
) -> None:
    owner = standing_bridge.timelock.address
    for function in ("setWithdrawalSigner", "setGuardian"):
        refusal = chain.refused(standing_bridge.bridge, function, NOBODY, sender=owner)
        assert b"BRIDGE_INPUT: " in refusal.operands[0]


def test_a_contract_that_is_no_settlement_is_none(
    standing_bridge: Bridged, chain: Chain, test_contracts: dict[str, Artifact]
) -> None:
    with pytest.raises(AssertionError, match="settlement is none"):
        Bridged.on(
            standing_bridge.settled, test_contracts, settlement=standing_bridge.token.address
        )
