"""Every durable step of a member fails, in both ways, and the power goes: no signature was given
without its columns on disk behind it, and whoever asks again gets the same one.

One story of orders is told to a member whose store lies on a disk that loses what was not synced:
a blob, its repeat, a later expiry, an earlier one, another blob. It is told once for each durable
step, each way in which the step can fail, and several lengths of log that the power leaves. Then
a member is started on what is left, and a check that knows nothing but what was signed looks at
it. The same check must fail on a database that does not sync.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk, NeverSyncing
from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    ME,
    Clock,
    body_of,
    committee,
    dispersal,
    kzg,
    my_arc,
    secret,
    small_blob,
    ticket,
)

from committee.attestation import Attestation
from committee.bls import PublicKey, Signature
from committee.dispersal import Dispersal, digest_of
from committee.member.admission import Admission
from committee.member.catching_up import CatchingUp
from committee.member.certificates import Certificates
from committee.member.member import Member
from committee.member.metrics import MemberMetrics
from committee.member.peers import Peers
from committee.member.seat import Seats
from da_node.client import Client, Pace
from da_node.errors import StoreFault, UnknownBlob
from da_node.node.metrics import NodeMetrics
from da_node.node.node import Node
from da_node.service import NodeSettings
from da_node.store import Store

LATER = EXPIRES_AT + 3600
NOW = EXPIRES_AT - 1_572_864 - 60
"""When both expiries are acceptable."""
KEPT_OF_THE_LOG = (0, 1, 100)
"""Writes that the power leaves of those that were not synced."""


class Witness:
    """A member's key, and everything that was ever signed with it, answered or not."""

    def __init__(self) -> None:
        self.signed: dict[Attestation, Signature] = {}

    @property
    def public_key(self) -> PublicKey:
        return secret(ME).public_key

    async def sign(self, attestation: Attestation) -> Signature:
        signature = attestation.sign(secret(ME))
        assert self.signed.setdefault(attestation, signature) == signature
        return signature

    async def probe(self) -> None:
        pass


def story() -> list[Dispersal]:
    first, second = small_blob(0), small_blob(1)
    return [
        dispersal(first),
        dispersal(first),
        dispersal(first, expires_at=LATER),
        dispersal(first),
        dispersal(second, expires_at=LATER),
    ]


@asynccontextmanager
async def member_on(database: LossyDatabase, witness: Witness) -> AsyncIterator[Member]:
    """A member on a disk, without its network; started like any other."""
    clock = Clock(NOW)
    metrics = NodeMetrics()
    node = Node(
        settings=NodeSettings(directory=Path("unused"), kernel_threads=1),
        store=Store(database, clock=clock, headroom_bytes=0),
        kzg=kzg(),
        metrics=metrics,
        node_id="0x00",
        clock=clock,
        timers=asyncio.get_running_loop(),
    )
    seats = Seats([committee()], witness.public_key)
    certificates = Certificates(seats, kzg())
    member_metrics = MemberMetrics(metrics.registry)
    pace = Pace(clock=lambda: 0.0, sleep=asyncio.sleep, draw=lambda: 0.5)
    catching_up = CatchingUp(
        node=node,
        seats=seats,
        certificates=certificates,
        peers=Peers(
            seats=seats,
            store=node.store,
            workers=node.workers,
            client=Client("http://127.0.0.1:1"),
            metrics=member_metrics,
            pace=pace,
        ),
        metrics=member_metrics,
        pace=pace,
        interval_s=1.0,
        bytes_per_s=1 << 20,
    )
    try:
        yield Member(
            node=node,
            kzg=kzg(),
            seats=seats,
            admission=Admission(seats, [DISPERSER.address]),
            signer=witness,
            certificates=certificates,
            catching_up=catching_up,
            metrics=member_metrics,
            attest_timeout_s=600,
        )
    finally:
        await node.stop()


async def order(member: Member, request: Dispersal, time: int) -> Signature:
    """What a disperser gets for a request."""
    signed = await member.identify(ticket(request, time=time), request.header.blob_id)
    body = bytearray(body_of(request))
    return await member.attest(member.admit(signed), body, digest_of([body]))


async def tell(member: Member) -> None:
    """The story, as far as it goes."""
    for turn, request in enumerate(story()):
        await order(member, request, NOW + turn)


async def check(disk: LossyDisk, witness: Witness) -> None:
    """From scratch, after the power went: whatever was signed is on disk, and is signed again."""
    before = dict(witness.signed)
    async with member_on(LossyDatabase(disk), witness) as member:
        store = member.node.store
        for attestation in before:
            record = store.record(attestation.blob_id)
            assert record.expires_at >= attestation.expires_at
            assert committee().keyset.hash in store.pledges(
                attestation.blob_id, attestation.expires_at
            )
            for index in my_arc():
                assert store.read_column(record, index) is not None
        await tell(member)
    assert before.items() <= witness.signed.items()
    assert len(witness.signed) == 3


async def steps_of_the_story() -> int:
    disk = LossyDisk()
    async with member_on(LossyDatabase(disk), Witness()) as member:
        started = disk.steps
        await tell(member)
    return disk.steps - started


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
async def test_wherever_the_power_goes_what_was_signed_is_on_disk(keep_failed: bool) -> None:
    steps = await steps_of_the_story()
    assert steps >= 13
    for step in range(1, steps + 1):
        for torn_after in KEPT_OF_THE_LOG:
            disk, witness = LossyDisk(), Witness()
            database = LossyDatabase(disk)
            async with member_on(database, witness) as member:
                disk.fail_at, disk.keep_failed = disk.steps + step, keep_failed
                disk.torn_after = torn_after
                with pytest.raises(StoreFault):
                    await tell(member)
            disk.fail_at = None
            await check(disk, witness)


async def test_the_check_fails_on_a_database_that_does_not_sync() -> None:
    disk, witness = LossyDisk(), Witness()
    async with member_on(NeverSyncing(disk), witness) as member:
        await tell(member)
    assert len(witness.signed) == 3
    with pytest.raises(UnknownBlob):
        await check(disk, witness)
