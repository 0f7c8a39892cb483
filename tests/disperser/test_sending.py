"""Blobs sent to members on real sockets, honest and not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from disperser_specimens import EXPIRES_AT, NOW, PAYLOAD, blob, keyset, kzg
from fake_member import (
    Conduct,
    eventually,
    once,
    refusing,
    saying,
    signing_another_expiry,
    signing_as,
    silent,
)
from network_under_test import PATIENCE, Network

from committee.certificate import Certificate, verify_certificate
from committee.disperser import sending as sending_module
from committee.disperser.sending import Spread
from committee.disperser.spreading import OVERDUE
from committee.errors import DispersalFailed, ReplayedRequest, UnknownDisperser
from da_node.coding import payload_of, verify_columns
from da_node.service import NotReady


async def test_every_member_gets_its_arc_and_the_certificate_is_valid(network: Network) -> None:
    spread = await network.spread()
    certificate = Certificate.parse(spread.certificate.serialize(), kzg())
    assert verify_certificate(certificate, keyset()).header == blob().header
    assert certificate.expires_at == EXPIRES_AT
    assert spread.faults == {}
    await eventually(lambda: all(member.certificates for member in network.members))
    columns = {}
    for member in network.members:
        (dispersal,) = member.dispersals
        assert dispersal.label == "a label"
        for column in verify_columns(dispersal.header, dispersal.columns, kzg()):
            columns[column.index] = column
    assert payload_of(blob().header, list(columns.values()), kzg()) == PAYLOAD


async def test_the_threshold_is_enough_to_return_and_the_last_member_is_seen_to(
    network: Network,
) -> None:
    late = asyncio.Event()
    network.members[2].conduct = [once(late)]
    spread = await network.spread()
    assert spread.certificate.signers == (0, 1, 3)
    assert network.members[2].certificates == []
    late.set()
    await eventually(lambda: len(network.members[2].certificates) == 1)
    await eventually(
        lambda: all(member.certificates[-1].signers == (0, 1, 2, 3) for member in network.members)
    )


@pytest.mark.parametrize(
    "conduct",
    [
        signing_as(2),
        signing_another_expiry,
        saying(b""),
        saying(bytes(96)),
        saying(b"\xc0" + bytes(95)),
        saying(bytes(100_000)),
        saying(b"x" * 96),
    ],
    ids=["another's", "another expiry", "empty", "zeros", "infinity", "too long", "garbage"],
)
async def test_a_wrong_signature_is_that_members_fault_and_named(
    network: Network, conduct: Conduct
) -> None:
    blocked = asyncio.Event()
    network.members[1].conduct = [conduct]
    network.members[3].conduct = [once(blocked)]
    sending = asyncio.create_task(network.spread())
    name = "member-1"
    faults = network.metrics.faults.labels(name)
    await eventually(lambda: faults._value.get() == 1)
    blocked.set()
    spread = await sending
    assert set(spread.faults) == {name}
    assert spread.certificate.signers == (0, 2, 3)
    assert len(network.members[1].dispersals) == 1


async def test_a_member_that_is_gone_costs_nothing(network: Network) -> None:
    await network.members[0].close()
    assert (await network.spread()).certificate.signers == (1, 2, 3)


async def test_one_that_did_not_sign_is_told_of_the_blob_once_nothing_else_is_to_be_done(
    network: Network,
) -> None:
    blocked = asyncio.Event()
    network.members[3].conduct = [once(blocked)]
    network.members[1].conduct = [refusing(UnknownDisperser(value="0x00"))]
    sending = asyncio.create_task(network.spread())
    await eventually(lambda: network.members[3].dispersals != [])
    assert network.members[1].certificates == []
    blocked.set()
    certificate = (await sending).certificate
    await eventually(lambda: network.members[1].certificates != [])
    assert network.members[1].certificates == [certificate]
    assert certificate.signers == (0, 2, 3)


async def test_those_who_are_slow_to_listen_are_not_waited_for(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "TELLING", 0)
    network.members[1].conduct = [refusing(UnknownDisperser(value="0x00"))]
    await network.spread()
    await eventually(lambda: not network.sender._running)
    assert not network.sender._telling
    assert network.members[1].certificates == []


async def test_two_members_gone_is_a_plain_failure_with_their_reasons(network: Network) -> None:
    refusal = UnknownDisperser(value="0x00")
    network.members[0].conduct = [refusing(refusal)]
    network.members[3].conduct = [signing_as(0)]
    with pytest.raises(DispersalFailed) as caught:
        await network.spread()
    error = caught.value
    assert error.blob_id == blob().blob_id.hex0x
    assert error.threshold == 3
    assert error.failures["member-0"] == str(refusal)
    assert "member 3 did not sign" in error.failures["member-3"]
    assert error.retry_after_s


async def test_what_is_nobodys_fault_is_tried_again(network: Network) -> None:
    for member in network.members:
        member.conduct = [refusing(NotReady(reason="starting"))]
    sending = asyncio.create_task(network.spread())
    await eventually(lambda: all(len(member.dispersals) == 1 for member in network.members))
    failures = [network.metrics.failures.labels(f"member-{i}", "not_ready") for i in range(4)]
    await eventually(lambda: all(one._value.get() == 1 for one in failures))
    network.time.advance(10.0)
    assert len((await sending).certificate.signers) >= 3


async def test_a_request_seen_before_is_signed_anew(network: Network) -> None:
    for member in network.members:
        member.conduct = [refusing(ReplayedRequest(value="0x", time=NOW))]
    await network.spread()
    await eventually(lambda: all(member.certificates for member in network.members))
    assert [member.times for member in network.members] == [[NOW, NOW + 1]] * 4


async def test_the_hedge_reaches_a_member_whose_first_connection_is_dead(
    network: Network,
) -> None:
    network.members[0].conduct = [silent]
    network.members[1].conduct = [silent]
    sending = asyncio.create_task(network.spread())
    await eventually(lambda: all(member.dispersals for member in network.members))
    signatures = [network.metrics.signatures.labels(f"member-{i}") for i in (2, 3)]
    await eventually(lambda: all(one._value.get() == 1 for one in signatures))
    network.time.advance(2.0)
    assert len((await sending).certificate.signers) >= 3
    hedged = network.members[:2]
    await eventually(lambda: [member.times for member in hedged] == [[NOW, NOW + 1]] * 2)


async def test_without_the_hedge_the_same_network_certifies_nothing(network: Network) -> None:
    """The test above, the hedge removed: the outcome changes."""
    network.sender._patience = replace(PATIENCE, hedge_s=None)
    network.members[0].conduct = [silent]
    network.members[1].conduct = [silent]
    sending = asyncio.create_task(network.spread())
    await eventually(lambda: all(member.dispersals for member in network.members))
    signatures = [network.metrics.signatures.labels(f"member-{i}") for i in (2, 3)]
    await eventually(lambda: all(one._value.get() == 1 for one in signatures))
    network.time.advance(2.0)
    network.time.advance(PATIENCE.blob_s)
    with pytest.raises(DispersalFailed) as caught:
        await sending
    assert caught.value.failures == {"member-0": OVERDUE, "member-1": OVERDUE}
    assert caught.value.signed == 2


async def test_a_silent_member_is_let_go_where_too_much_is_held_for_it(network: Network) -> None:
    network.sender._lagging_bytes = len(blob().leaves)
    network.members[2].conduct = [silent] * 9
    first = await network.spread()
    assert network.metrics.lagging._value.get() == 1
    second = await network.spread()
    await eventually(lambda: len(network.sender._running) == 1)
    assert first.certificate.attestation == second.certificate.attestation


async def test_the_same_blob_again_gets_the_same_certificate(network: Network) -> None:
    await network.members[3].close()
    first, second = await network.spread(), await network.spread()
    assert first.certificate.serialize() == second.certificate.serialize()


async def test_draining_ends_what_does_not_end(network: Network) -> None:
    network.members[2].conduct = [silent]
    await network.spread()
    await network.sender.drain(0)
    assert network.sender._running == set()


@pytest.mark.parametrize("signed", range(5))
async def test_killed_at_any_step_the_next_one_gets_the_same_certificate(
    network: Network, signed: int
) -> None:
    """Killed once so many members have signed; those that have not are silent until then."""
    for member in network.members[signed:]:
        member.conduct = [silent]
    spreading = asyncio.create_task(network.spread())
    await eventually(lambda: all(member.dispersals for member in network.members))
    signatures = [network.metrics.signatures.labels(f"member-{i}") for i in range(signed)]
    await eventually(lambda: all(one._value.get() == 1 for one in signatures))
    await network.kill()
    first = (await asyncio.gather(spreading, return_exceptions=True))[0]
    second = await network.spread()
    assert second.certificate.attestation.expires_at == EXPIRES_AT
    assert second.certificate.header == blob().header
    if isinstance(first, Spread):
        assert signed >= keyset().threshold
        assert first.certificate.attestation == second.certificate.attestation
    # What was asked before is asked under a new signature, since a member takes each but once.
    await eventually(lambda: all(member.times == [NOW, NOW, NOW + 1] for member in network.members))
