"""Samplers' verdicts on chain: whose count, for what, until when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from chain_under_test import Chain
from committee_specimens import keyset
from settlement_specimens import (
    ANYONE,
    CONFIG,
    DAY,
    EXIT_DELAY,
    REGISTRAR,
    SAMPLERS,
    SEQUENCER,
    STAKE,
    Settled,
    as_argument,
    header_of,
)

from bridge_client.artifacts import Artifact
from sampler.conclusion import Finding
from sampler.confidence import Rule
from sampler.verdict import sign

PERIOD = CONFIG["challengePeriod_s"]


@pytest.fixture
def settled(standing: Settled, chain: Chain) -> Settled:
    """With one batch."""
    standing.propose(0)
    chain.advance(10)
    return standing


def why(settled: Settled, *said: Any, chain_id: int | None = None) -> Any:
    arguments = settled.submission(*said, chain_id=chain_id)
    return settled.chain.refused(settled.settlement, "submitVerdicts", 0, *arguments)


def counted(settled: Settled) -> tuple[int, int]:
    """Available and withheld."""
    return tuple(settled.chain.call(settled.settlement, "countVerdicts", 1))


def voice_of(settled: Settled, number: int) -> tuple[Any, ...]:
    """The call that answers with a sampler's verdict on the batch, and its time."""
    return settled.settlement, "voices", 1, bytes(SAMPLERS[number].address)


def test_verdicts_that_samplers_sign_count(settled: Settled) -> None:
    """The signature is that of the sampler's own code."""
    settled.say(0, *((key, settled.verdict()) for key in SAMPLERS[:3]))
    assert counted(settled) == (3, 0)


def test_a_sampler_counts_once_whatever_it_sends(settled: Settled) -> None:
    for _ in range(3):
        settled.chain.advance(1)
        settled.say(0, (SAMPLERS[0], settled.verdict()))
    assert counted(settled) == (1, 0)
    repeated = settled.verdict()
    settled.chain.advance(1)
    settled.say(0, (SAMPLERS[1], repeated))
    settled.say(0, (SAMPLERS[1], repeated))
    assert counted(settled) == (2, 0)


def test_who_brings_one_verdict_first_does_not_keep_the_others_out(settled: Settled) -> None:
    """Two watchers bring the same, or somebody sees them coming and takes one out."""
    said = [(key, settled.verdict()) for key in SAMPLERS[:2]]
    settled.say(0, said[0])
    settled.say(0, *said)
    assert counted(settled) == (2, 0)


def test_the_later_verdict_of_a_sampler_counts(settled: Settled) -> None:
    early = settled.verdict()
    settled.chain.advance(1)
    settled.say(0, (SAMPLERS[0], settled.verdict(finding=Finding.WITHHELD)))
    assert counted(settled) == (0, 1)
    contradiction = settled.verdict(time=settled.chain.call(*voice_of(settled, 0))[1])
    for passed_over in (early, contradiction):
        settled.say(0, (SAMPLERS[0], passed_over))
        assert counted(settled) == (0, 1)
    settled.chain.advance(1)
    settled.say(0, (SAMPLERS[0], settled.verdict()))
    assert counted(settled) == (1, 0)


def test_samplers_that_disagree_stop_a_batch_only_together(settled: Settled) -> None:
    settled.chain.advance(PERIOD)
    settled.approve(0)
    settled.say(0, (SAMPLERS[2], settled.verdict(finding=Finding.WITHHELD)))
    assert counted(settled) == (2, 1)
    settled.chain.call(settled.settlement, "finalize", 0)
    settled.chain.advance(1)
    settled.say(0, (SAMPLERS[0], settled.verdict(finding=Finding.WITHHELD)))
    refusal = settled.chain.refused(settled.settlement, "finalize", 0)
    assert (refusal.name, refusal.operands) == ("ObjectionStands", (2, 2))
    settled.chain.advance(3 * DAY)
    assert settled.chain.refused(settled.settlement, "finalize", 0).name == "ObjectionStands"


def test_available_lapses_and_withheld_stands(settled: Settled) -> None:
    settled.say(
        0,
        (SAMPLERS[0], settled.verdict()),
        (SAMPLERS[1], settled.verdict(finding=Finding.WITHHELD)),
    )
    settled.chain.advance(CONFIG["verdictLifetime_s"] - 600)
    assert counted(settled) == (1, 1)
    settled.chain.advance(1200)
    assert counted(settled) == (0, 1)


def test_verdicts_may_be_deployed_never_to_lapse(chain: Chain) -> None:
    settled = Settled.on(chain, verdictLifetime_s=2**64 - 1)
    settled.propose(0)
    settled.approve(0)
    chain.advance(PERIOD)
    assert counted(settled) == (2, 0)
    chain.send(settled.settlement, "finalize", 0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"blob_id": header_of(3).blob_id}, "OtherBlob"),
        ({"keyset_hash": keyset(4, 0, 3).hash}, "OtherBlob"),
        ({"finding": Finding.INCONCLUSIVE}, "Inconclusive"),
        ({"error": Fraction(1, 10**6) + Fraction(1, 10**18)}, "WeakVerdict"),
        ({"error": Fraction(1)}, "WeakVerdict"),
    ],
)
def test_a_verdict_on_something_else_or_too_weak_does_not_count(
    settled: Settled, changes: dict[str, Any], name: str
) -> None:
    assert why(settled, (SAMPLERS[0], settled.verdict(**changes))).name == name


def test_a_verdict_from_before_the_proposal_or_the_future_does_not_count(
    settled: Settled,
) -> None:
    proposed_at = settled.batch(1)["proposedAt"]
    for time in (proposed_at - 1, settled.chain.now + 1000):
        refusal = why(settled, (SAMPLERS[0], settled.verdict(time=time)))
        assert refusal.name == "VerdictOutOfTime"
    settled.say(0, (SAMPLERS[0], settled.verdict(time=proposed_at)))


def test_a_settlement_may_demand_the_rule_that_trusts_nobody(chain: Chain) -> None:
    settled = Settled.on(chain, strictOnly=True)
    settled.propose(0)
    chain.advance(1)
    refusal = why(settled, (SAMPLERS[0], settled.verdict()))
    assert (refusal.name, refusal.operands) == ("NotStrict", (int(Rule.CERTIFIED),))
    settled.say(
        0,
        (SAMPLERS[0], settled.verdict(rule=Rule.STRICT)),
        (SAMPLERS[1], settled.verdict(finding=Finding.WITHHELD)),
    )
    assert counted(settled) == (1, 1)


def test_a_verdict_of_nobodys_or_for_another_chain_does_not_count(settled: Settled) -> None:
    assert why(settled, (SAMPLERS[3], settled.verdict())).name == "NotSampler"
    assert why(settled, (SAMPLERS[0], settled.verdict()), chain_id=1).name == "NotSampler"
    verdicts, signatures = settled.submission((SAMPLERS[0], settled.verdict()))
    for spoilt in (signatures[0][:-1], signatures[0] + b"\0", bytes(65)):
        refusal = settled.chain.refused(settled.settlement, "submitVerdicts", 0, verdicts, [spoilt])
        assert refusal.name.startswith("ECDSAInvalidSignature")


def test_a_signature_is_taken_in_one_form_only(settled: Settled) -> None:
    """s in the lower half: the other root would let one verdict look like two."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    verdicts, (good,) = settled.submission((SAMPLERS[0], settled.verdict()))
    high = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    malleated = good[:32] + high + bytes((55 - good[64],))
    refusal = settled.chain.refused(settled.settlement, "submitVerdicts", 0, verdicts, [malleated])
    assert refusal.name == "ECDSAInvalidSignatureS"


def test_a_sampler_that_leaves_counts_no_more(settled: Settled) -> None:
    settled.say(0, *((key, settled.verdict()) for key in SAMPLERS[:2]))
    sampler = bytes(SAMPLERS[0].address)
    assert settled.chain.refused(settled.registry, "retire", sampler).name == "NotAuthorized"
    settled.chain.send(settled.registry, "retire", sampler, sender=REGISTRAR)
    assert counted(settled) == (1, 0)
    assert why(settled, (SAMPLERS[0], settled.verdict())).name == "NotSampler"


def come_back(settled: Settled, number: int) -> None:
    """Leave, take the stake, and be admitted again."""
    sampler, registry, chain = bytes(SAMPLERS[number].address), settled.registry, settled.chain
    chain.send(registry, "retire", sampler, sender=REGISTRAR)
    chain.advance(EXIT_DELAY)
    chain.send(registry, "withdraw", sampler)
    chain.send(registry, "admit", sampler, sender=REGISTRAR)
    assert chain.call(registry, "activeSince", sampler) == 0, "its stake is not paid"
    chain.send(registry, "stake", sampler, value=STAKE)
    assert chain.call(registry, "activeSince", sampler) == chain.now


def test_who_comes_back_begins_anew(chain: Chain) -> None:
    """What it said before stands no more, neither for nor against, and is not taken any more."""
    settled = Settled.on(chain, verdictLifetime_s=2**64 - 1)
    settled.propose(0)
    chain.advance(10)
    settled.say(
        0,
        (SAMPLERS[0], settled.verdict(finding=Finding.WITHHELD)),
        (SAMPLERS[1], settled.verdict()),
        (SAMPLERS[2], settled.verdict()),
    )
    assert counted(settled) == (2, 1)
    chain.advance(1)
    unsaid = settled.verdict(finding=Finding.WITHHELD)
    for number in (0, 1):
        come_back(settled, number)
    assert counted(settled) == (1, 0)
    since = chain.call(settled.registry, "activeSince", bytes(SAMPLERS[0].address))
    refusal = why(settled, (SAMPLERS[0], unsaid))
    assert (refusal.name, refusal.operands[:2]) == ("VerdictOutOfTime", (unsaid.time, since))
    settled.say(
        0,
        (SAMPLERS[0], settled.verdict(finding=Finding.WITHHELD, time=since)),
        (SAMPLERS[1], settled.verdict()),
    )
    assert counted(settled) == (2, 1)


def test_counting_does_not_grow_with_samplers_that_come_and_go(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    """An owner that admits ever others could else have counting fit no transaction."""
    chain, registry = settled.chain, settled.chain.deploy(test_contracts["SmallRegistry"])
    config = settled.config | {"samplers": registry.address}
    sequencers = [chain.accounts[SEQUENCER]]
    settlement = chain.deploy("BatchSettlement", tuple(config.values()), sequencers)
    settled = replace(settled, registry=registry, settlement=settlement)
    settled.propose(0)

    def counting() -> int:
        data = settlement.interface.calldata("countVerdicts", 1)
        return int(chain.web3.eth.estimate_gas({"to": settlement.address, "data": data}))

    def join(number: int) -> None:
        chain.advance(1)
        chain.send(registry, "set", bytes(SAMPLERS[number].address), chain.now)
        chain.advance(1)
        settled.say(0, (SAMPLERS[number], settled.verdict()))

    join(0)
    join(1)
    full = counting()
    for gone, comes in ((0, 2), (2, 3), (1, 0)):
        chain.send(registry, "set", bytes(SAMPLERS[gone].address), 0)
        join(comes)
        assert counted(settled) == (2, 0)
        assert chain.call(*voice_of(settled, gone)) == (0, 0)
        assert counting() <= full


# ------------------------------------------------------------------------- registration


def test_only_the_owner_admits_and_only_a_stake_makes_active(settled: Settled) -> None:
    newcomer, registry = bytes(SAMPLERS[3].address), settled.registry
    chain = settled.chain
    assert chain.refused(registry, "admit", newcomer).name == "NotAuthorized"
    assert chain.refused(registry, "stake", newcomer, value=STAKE).name == "WrongStanding"
    chain.send(registry, "admit", newcomer, sender=REGISTRAR)
    assert chain.refused(registry, "admit", newcomer, sender=REGISTRAR).name == "WrongStanding"
    assert not chain.call(registry, "isActive", newcomer)
    assert chain.refused(registry, "stake", newcomer, value=STAKE - 1).name == "WrongStake"
    chain.send(registry, "stake", newcomer, value=STAKE)
    assert chain.call(registry, "isActive", newcomer)


def test_a_stake_comes_back_after_a_while_and_once(settled: Settled) -> None:
    sampler, registry, chain = bytes(SAMPLERS[0].address), settled.registry, settled.chain
    assert chain.refused(registry, "withdraw", sampler).name == "WrongStanding"
    chain.send(registry, "retire", sampler, sender=REGISTRAR)
    assert chain.refused(registry, "withdraw", sampler).name == "StakeLocked"
    chain.advance(EXIT_DELAY)
    before = chain.balance("0x" + sampler.hex())
    chain.send(registry, "withdraw", sampler)
    assert chain.balance("0x" + sampler.hex()) == before + STAKE
    assert chain.refused(registry, "withdraw", sampler).name == "WrongStanding"


def test_two_verdicts_of_one_moment_cost_the_stake(settled: Settled) -> None:
    chain, registry, key = settled.chain, settled.registry, SAMPLERS[0]
    first, second = settled.verdict(), settled.verdict(finding=Finding.WITHHELD)
    later = settled.verdict(finding=Finding.WITHHELD, time=first.time + 1)

    def pair(one: Any, other: Any, by: Any = key) -> tuple[Any, ...]:
        chain_id = chain.web3.eth.chain_id
        return (
            as_argument(one),
            sign(one, chain_id, key).signature,
            as_argument(other),
            sign(other, chain_id, by).signature,
        )

    unsure = settled.verdict(finding=Finding.INCONCLUSIVE, error=Fraction(1))
    for innocent in (
        pair(first, first),
        pair(first, later),
        pair(first, second, SAMPLERS[1]),
        pair(unsure, first),  # by another rule, or from a session that was cut off
        pair(second, unsure),
    ):
        assert chain.refused(registry, "slash", *innocent).name == "NoContradiction"
    before = chain.balance("0x" + "0" * 36 + "dead")
    chain.send(registry, "retire", bytes(key.address), sender=REGISTRAR)
    chain.send(registry, "slash", *pair(first, second), sender=ANYONE)
    assert chain.balance("0x" + "0" * 36 + "dead") == before + STAKE // 2
    assert chain.balance(registry.address) == 2 * STAKE
    assert chain.refused(registry, "slash", *pair(first, second)).name == "WrongStanding"
    assert chain.refused(registry, "withdraw", bytes(key.address)).name == "WrongStanding"


def test_a_contradiction_costs_one_stake_and_not_the_next(settled: Settled) -> None:
    """The pair is on the chain for all to see: it would be the end of any later stake."""
    chain, registry, key = settled.chain, settled.registry, SAMPLERS[0]
    sampler = bytes(key.address)

    def shown(time: int) -> tuple[Any, ...]:
        said = [settled.verdict(time=time)]
        said.append(settled.verdict(time=time, finding=Finding.WITHHELD))
        verdicts, signatures = settled.submission(*((key, one) for one in said))
        return verdicts[0], signatures[0], verdicts[1], signatures[1]

    old = chain.now
    chain.send(registry, "slash", *shown(old))
    chain.advance(1)
    chain.send(registry, "admit", sampler, sender=REGISTRAR)
    chain.send(registry, "stake", sampler, value=STAKE)
    since = chain.now
    refusal = chain.refused(registry, "slash", *shown(old))
    assert (refusal.name, refusal.operands) == ("BeforeStake", (old, since))
    chain.send(registry, "retire", sampler, sender=REGISTRAR)
    assert chain.refused(registry, "slash", *shown(since - 1)).name == "BeforeStake"
    chain.send(registry, "slash", *shown(since))


def test_who_shows_a_contradiction_is_paid_once_though_it_calls_again(
    settled: Settled, test_contracts: dict[str, Artifact]
) -> None:
    chain, registry, key = settled.chain, settled.registry, SAMPLERS[0]
    said = [settled.verdict(), settled.verdict(finding=Finding.WITHHELD)]
    signed = [sign(one, chain.web3.eth.chain_id, key).signature for one in said]
    shown = (as_argument(said[0]), signed[0], as_argument(said[1]), signed[1])
    data = registry.interface.calldata("slash", *shown)
    greedy = chain.deploy(test_contracts["Greedy"])
    chain.send(greedy, "act", registry.address, data, data)
    assert chain.call(greedy, "wasRefused")
    assert chain.balance(greedy.address) == STAKE // 2
    assert chain.balance(registry.address) == 2 * STAKE


def test_there_are_at_most_so_many_samplers(chain: Chain) -> None:
    registry = chain.deploy("SamplerRegistry", chain.accounts[REGISTRAR], STAKE, EXIT_DELAY)
    for number in range(1, 65):
        chain.send(registry, "admit", number.to_bytes(20, "big"), sender=REGISTRAR)
    refusal = chain.refused(registry, "admit", bytes(19) + b"\xff", sender=REGISTRAR)
    assert (refusal.name, refusal.operands) == ("TooManySamplers", (64,))
