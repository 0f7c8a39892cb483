"""Real members and dispersers in this process, each with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from disperser_specimens import DISPERSER, NOW, RememberingExecutor, secret

from committee.disperser.disperser import Disperser
from committee.disperser.serving import running_disperser
from committee.disperser.settings import DisperserSettings
from committee.documents import Committee, Member, committee_of
from committee.keyset import VerifiedKeyset
from committee.member.member import Member as Attesting
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.secp256k1 import EthereumKey
from committee.signing.signer import LocalSigner
from da_node.service.kzg_pool import KzgPool


class Clock:
    """Unix seconds, set by the test."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass
class RunningMember:
    """A member; closing `stop` ends it."""

    member: Attesting
    url: str
    stop: AsyncExitStack


@dataclass
class RealNetwork:
    """Members by the numbers of their keys, and whoever disperses to them."""

    directory: Path
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)
    """The members'."""
    members: dict[int, RunningMember] = field(default_factory=dict)

    async def start_member(
        self, seed: int, *keysets: VerifiedKeyset, dispersers: Sequence[EthereumKey] = (DISPERSER,)
    ) -> RunningMember:
        """A member follows keysets; where others are is no part of them, and it never asks."""
        own = await self.stack.enter_async_context(AsyncExitStack())
        member, url = await own.enter_async_context(
            running_member(
                MemberSettings(
                    directory=self.directory / f"member-{seed}",
                    port=0,
                    kernel_threads=1,
                    shutdown_grace_s=0.0,
                    dispersers=",".join(key.address.hex0x for key in dispersers),
                ),
                kzg=KzgPool(1, RememberingExecutor),
                committees=[introduced(keyset, {}) for keyset in keysets],
                signer=LocalSigner(secret(seed)),
                clock=self.clock,
            )
        )
        self.members[seed] = RunningMember(member, url, own)
        return self.members[seed]

    def committee(self, keyset: VerifiedKeyset) -> Committee:
        """A keyset's members, where they run."""
        return introduced(keyset, {seed: one.url for seed, one in self.members.items()})

    async def start_disperser(
        self,
        *keysets: VerifiedKeyset,
        clock: Clock | None = None,
        key: EthereumKey = DISPERSER,
        **settings: Any,
    ) -> tuple[Disperser, str]:
        """A disperser to those members, with its URL."""
        return await self.stack.enter_async_context(
            running_disperser(
                DisperserSettings(
                    **{"port": 0, "kernel_threads": 1, "shutdown_grace_s": 0.0, **settings}
                ),
                committees=[self.committee(keyset) for keyset in keysets],
                key=key,
                kzg=KzgPool(1, RememberingExecutor),
                clock=clock or self.clock,
            )
        )

    def urls(self, *seeds: int) -> list[str]:
        return [self.members[seed].url for seed in seeds]


def introduced(keyset: VerifiedKeyset, urls: dict[int, str]) -> Committee:
    """The committee of a keyset; where a member is not known to be, nobody is."""
    seed_of = {secret(seed).public_key: seed for seed in range(8)}
    seeds = [seed_of[key] for key in keyset.public_keys]
    members = [
        Member.introduce(
            secret(seed),
            name=f"member-{seed}",
            url=urls.get(seed, f"http://127.0.0.1:{1 + seed}"),
        )
        for seed in seeds
    ]
    return committee_of(keyset, members)
