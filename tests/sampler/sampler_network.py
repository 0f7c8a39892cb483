"""Real members, each behind a front that can be made faulty, and a disperser; and a sampler."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from committee.arcs import shortest_arc
from committee.bls import SecretKey
from committee.devnet.fault_proxy import Front
from committee.devnet.faults import Fault, Withhold
from committee.disperser.serving import running_disperser
from committee.disperser.settings import DisperserSettings
from committee.documents import Committee, Member, committee_of
from committee.keyset import Keyset
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.secp256k1 import EthereumKey
from committee.signing.signer import LocalSigner
from committee.values import NetworkId
from da_node.client import Client, Receipt
from da_node.coding import BlobId, encode, local_prover
from da_node.service.kzg_pool import KzgPool
from da_node.service.network import Ports
from sampler.committees import Committees
from sampler.sampler import Sampler
from sampler.sampling import Watch
from sampler.serving import running_sampler
from sampler.settings import SamplerSettings
from sampler.signing import SigningKey

NOW: Final = 1_800_000_123
DISPERSER: Final = EthereumKey(b"\x01" * 32)
SIGNER: Final = EthereumKey(b"\x02" * 32)
PAYLOAD_BYTES: Final = 300_000
HANGS_S: Final = 300.0
"""Nothing takes so long, however busy the machine is, unless it hangs."""
PATIENT: Final = {
    "deadline_s": HANGS_S,
    "hedge_s": 0.5,
    "doubt_s": 1.0,
    "suspect_s": 2.0,
    "question_s": 60.0,
    "certificate_wait_s": 60.0,
}
"""Times of sessions: none ends because the machine was slow. Others are asked, and more, soon: that
changes no finding.
"""
ASKS_AGAIN: Final = {"question_s": 2.0}
"""Where many are silent: their questions are over soon, and those that a slow machine lost come
back until the deadline.
"""


class InThisProcess(Executor):
    """Stands in for KZG processes: their setup takes seconds to load."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def kzg() -> KzgPool:
    local_prover()  # its tables are made once
    return KzgPool(1, InThisProcess)


@functools.cache
def secret(seed: int) -> SecretKey:
    return SecretKey.generate(seed.to_bytes(32, "big"))


@functools.cache
def keyset(n: int = 4, faults: int = 1) -> Keyset:
    return Keyset(
        network_id=NetworkId(b"\x07" * 32),
        not_before=1_700_000_000,
        retention_s=1_572_864,
        challenge_period_s=604_800,
        threshold=n - faults,
        faults=faults,
        columns_per_member=shortest_arc(n, n - 2 * faults),
        public_keys=tuple(secret(i).public_key for i in range(n)),
    )


def introduced(urls: Sequence[str]) -> Committee:
    members = [
        Member.introduce(secret(index), name=f"member-{index}", url=url)
        for index, url in enumerate(urls)
    ]
    return committee_of(keyset(len(urls)), members)


@dataclass
class Clock:
    """Unix seconds that stand still until they are moved; or the machine's own."""

    now: int = NOW
    is_real: bool = False

    def __call__(self) -> int:
        return int(time.time()) if self.is_real else self.now


@dataclass
class Network:
    """A committee as samplers know it: through its members' fronts."""

    committee: Committee
    fronts: list[Front]
    disperser: str
    clock: Clock
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    @property
    def urls(self) -> list[str]:
        return [member.url for member in self.committee.members]

    def payload(self, size_bytes: int = PAYLOAD_BYTES) -> tuple[bytes, BlobId]:
        """Another payload, and what its blob will be called."""
        payload = self.chance.randbytes(size_bytes)
        return payload, encode(payload, local_prover()).blob_id

    async def post(self, size_bytes: int = PAYLOAD_BYTES, payload: bytes | None = None) -> Receipt:
        """Another payload, or this one, certified."""
        async with Client(self.disperser, kzg=local_prover()) as client:
            receipt = await client.post(payload or self.chance.randbytes(size_bytes))
        assert receipt.certificate is not None
        return receipt

    async def arm(self, members: Sequence[int], *faults: Fault) -> None:
        """These members have these faults, and the others none."""
        for index, front in enumerate(self.fronts):
            await front.arm(faults if index in members else ())

    async def heal(self) -> None:
        await self.arm(())


def all_of(blob_id: BlobId, how: Literal["missing", "silent"] = "missing") -> Withhold:
    """Nothing of this blob is given out, and everything of others."""
    return Withhold(path=of_blob(blob_id), columns=tuple(range(128)), how=how)


def of_blob(blob_id: BlobId) -> str:
    """The pattern of paths about one blob."""
    return f"/v1/blobs/{blob_id.hex0x}/*"


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """What a condition gives once it gives anything."""
    async with asyncio.timeout(HANGS_S):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_network(
    directory: Path, *, members: int = 4, real_time: bool = False
) -> AsyncIterator[Network]:
    clock = Clock(is_real=real_time)
    async with AsyncExitStack() as stack:
        ports = stack.enter_context(Ports())
        fronts = [
            Front(f"member-{index}", ports.of(f"front-{index}"), 0, random.Random(index))
            for index in range(members)
        ]
        committee = introduced([f"http://127.0.0.1:{front.port}" for front in fronts])
        own = []
        for index, front in enumerate(fronts):
            _, url = await stack.enter_async_context(
                running_member(
                    MemberSettings(
                        directory=directory / f"member-{index}",
                        port=0,
                        kernel_threads=1,
                        shutdown_grace_s=0.0,
                        reads_per_second_per_client=100_000,
                        max_reads=4096,
                        dispersers=DISPERSER.address.hex0x,
                    ),
                    kzg=kzg(),
                    committees=[committee],
                    signer=LocalSigner(secret(index)),
                    clock=clock,
                )
            )
            own.append(url)
            front.target_port = int(url.rpartition(":")[2])
            stack.push_async_callback(front.close)
            await front.listen()
        _, disperser = await stack.enter_async_context(
            running_disperser(
                DisperserSettings(port=0, kernel_threads=1, shutdown_grace_s=0.0),
                committees=[introduced(own)],
                key=DISPERSER,
                kzg=kzg(),
                clock=clock,
            )
        )
        yield Network(committee, fronts, disperser, clock)


@asynccontextmanager
async def sampling(
    network: Network,
    directory: Path,
    *,
    clock: Callable[[], float] | None = None,
    key: EthereumKey | None = SIGNER,
    taken_at: int = 0,
    committees: Committees | None = None,
    watch: Watch = lambda session: None,
    **settings: Any,
) -> AsyncIterator[tuple[Sampler, str]]:
    """A sampler that follows the network's first two members, unless told otherwise."""
    given: dict[str, Any] = {
        "directory": directory,
        "port": 0,
        "shutdown_grace_s": 0.0,
        "kernel_threads": 1,
        "feeds": ",".join(network.urls[:2]),
        **PATIENT,
        **settings,
    }
    async with running_sampler(
        SamplerSettings(**given),
        committees=committees or Committees([network.committee]),
        key=None if key is None else SigningKey(key=key, taken_at=taken_at),
        kzg=kzg(),
        clock=clock or network.clock,
        watch=watch,
    ) as running:
        yield running
