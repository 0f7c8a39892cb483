"""Four members on real sockets that know where the others are, and the blobs between them."""

from __future__ import annotations

import asyncio
import functools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    MEMBERS,
    NOW,
    Clock,
    SteadyKzg,
    certificate,
    committee,
    kzg,
    secret,
)

from committee.documents import Committee, committee_of
from committee.documents import Member as Document
from committee.member.member import Member
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.signing.signer import LocalSigner
from da_node.client import Pace
from da_node.coding import Commitment, EncodedBlob, Proof
from da_node.store.records import indices_of


@functools.cache
def _proven(row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
    return kzg().commit_and_prove(row)


class RememberingKzg(SteadyKzg):
    """Proves no row twice, in all tests of a session together."""

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        return _proven(bytes(row))


@functools.cache
def remembering_kzg() -> RememberingKzg:
    """One for all: its tables take seconds to load."""
    return RememberingKzg()


@dataclass
class Time:
    """Goes only where the test puts it. Short pauses are over at once, long ones never."""

    now: float = 1000.0

    def pace(self) -> Pace:
        async def sleep(seconds: float) -> None:
            if seconds >= 1:
                await asyncio.Event().wait()
            await asyncio.sleep(0)

        return Pace(clock=lambda: self.now, sleep=sleep, draw=lambda: 0.5)


@dataclass
class Network:
    """Members by index, each in a directory of its own."""

    directory: Path
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    time: Time = field(default_factory=Time)
    members: dict[int, Member] = field(default_factory=dict)
    urls: dict[int, str] = field(default_factory=dict)
    stacks: dict[int, AsyncExitStack] = field(default_factory=dict)

    async def start(self, index: int, **settings: Any) -> Member:
        """Start a member, again or for the first time, and tell everyone where it is."""
        await self.stop(index)
        stack = self.stacks[index] = AsyncExitStack()
        member, url = await stack.enter_async_context(
            running_member(
                MemberSettings(
                    directory=self.directory / f"member-{index}",
                    **{
                        "port": 0,
                        "kernel_threads": 1,
                        "shutdown_grace_s": 0.0,
                        "dispersers": DISPERSER.address.hex0x,
                        **settings,
                    },
                ),
                kzg=remembering_kzg(),
                committees=[committee()],
                signer=LocalSigner(secret(index)),
                clock=self.clock,
                pace=self.time.pace(),
            )
        )
        self.members[index], self.urls[index] = member, url
        for one in self.members.values():
            one.seats.follow([self.committee()])
        return member

    async def stop(self, index: int) -> None:
        self.members.pop(index, None)
        if index in self.stacks:
            await self.stacks.pop(index).aclose()

    async def close(self) -> None:
        for index in list(self.stacks):
            await self.stop(index)

    def committee(self) -> Committee:
        """With the addresses at which the members are now; nobody is at port 1."""
        members = [
            Document.introduce(
                secret(index),
                name=f"member {index}",
                url=self.urls.get(index, f"http://127.0.0.{index + 2}:1"),
            )
            for index in range(MEMBERS)
        ]
        return committee_of(committee().keyset, members)

    def keep(self, index: int, blob: EncodedBlob, expires_at: int = EXPIRES_AT) -> None:
        """A member has its arc of a blob."""
        self.members[index].node.store.put_blob(
            blob.header,
            [blob.column(column) for column in committee().keyset.arcs[index]],
            expires_at=expires_at,
            label="mine",
            pledge=committee().keyset.hash,
        )

    async def certify(
        self, blob: EncodedBlob, *signers: int, expires_at: int = EXPIRES_AT
    ) -> bytes:
        """Members have their arcs and a certificate of theirs."""
        data = certificate(*signers, of=blob, expires_at=expires_at).serialize()
        for index in signers:
            self.keep(index, blob, expires_at)
            await self.members[index].take_certificate(blob.blob_id, data)
        return data


def wanted(member: Member) -> set[tuple[bytes, int]]:
    """Blobs and expiries that a member wants."""
    store = member.node.store
    return {
        (one.blob_id, one.expires_at)
        for expires_at in store.wanted_expiries()
        for one in store.wanted_until(expires_at, None, 1000)
    }


def held(member: Member, blob: EncodedBlob) -> tuple[int, ...]:
    """The columns of a blob that a member has, each read and verified."""
    store = member.node.store
    record = store.record(blob.blob_id)
    return tuple(j for j in indices_of(record.held) if store.read_column(record, j) is not None)


def metrics_of(member: Member) -> str:
    return member.node.metrics.registry.render().decode()
