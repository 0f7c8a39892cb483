"""From a batch's post to its being final on L1: a committee of processes, samplers, a real EVM.

Beside the sum of the windows that the settlement's rules ask for, which no speed shortens: the
challenge period. What is above it is work, and blocks of a second.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.measure import Row
from bridge_client.anvil import anvil
from bridge_client.deploying import deploy
from bridge_client.gate import Clock, Gate, certified
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.plans import Plan
from bridge_client.registry import Registry
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.settlement import Batch
from bridge_client.settling import Proposal, Settlement
from bridge_client.verdicts import read_verdict
from committee.devnet import LocalCommittee
from committee.secp256k1 import EthereumKey
from da_node.client import Client
from da_node.coding import BlobId
from da_node.service.kzg_pool import KzgPool
from sampler.checking import checking
from sampler.committees import Committees
from sampler.judging import Policy as SamplingPolicy
from sampler.patience import Patience
from sampler.signing import SigningKey
from sampler.verdict import SignedVerdict

CHAIN_ID: Final = 31_337
ETHER: Final = 10**18
PERIOD_S, WINDOW_S = 6, 3
"""What the chain is asked to wait; a challenge can be answered for the second."""
SAMPLERS: Final = 2
ROUNDS: Final = 3
PAYLOAD_BYTES: Final = 615_000
"""About a channel of a busy rollup."""
POLL_S: Final = 0.1
PATIENCE_S: Final = 120.0
STAGES: Final = ("certified", "proposed", "with its verdicts", "final")


def run() -> Iterator[Row]:
    """The stages of a batch, each as the median of its rounds."""
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalCommittee.running(Path(directory) / "network") as committee,
        anvil("osaka", "--block-time", "1") as url,
    ):
        pool = KzgPool(1, proves=False)
        pool.warm()
        try:
            rounds = asyncio.run(_settled(committee, url, Path(directory) / "journal", pool))
        finally:
            pool.close()
    for number, stage in enumerate(STAGES):
        took_s = statistics.median(times[number] for times in rounds)
        yield Row(
            what=f"from post to {stage}, 615 KB, 4 members, {SAMPLERS} samplers",
            figure=f"{took_s:.1f} s",
            beside=f"its windows alone: {PERIOD_S} s",
            ratio=took_s / PERIOD_S,
            target="report",
            reached=None,
        )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where batches are settled."""

    committee: LocalCommittee
    settlement: Settlement
    sender: Sender
    sources: list[_Sampling]


async def _settled(
    committee: LocalCommittee, url: str, journal: Path, pool: KzgPool
) -> list[list[float]]:
    async with _deployed(committee, url, journal, pool) as place:
        return [await _round(place, number) for number in range(ROUNDS)]


@asynccontextmanager
async def _deployed(
    committee: LocalCommittee, url: str, directory: Path, pool: KzgPool
) -> AsyncIterator[_Place]:
    keys = [EthereumKey(bytes(31) + bytes((i,))) for i in range(1, 2 + SAMPLERS)]
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        journal = await opened(directory, chain, CHAIN_ID)
        try:
            for key in keys:
                await endpoint.ask("anvil_setBalance", [key.address.hex0x, hex(100 * ETHER)])
            sender = Sender(
                chain,
                journal,
                chain_id=CHAIN_ID,
                key=keys[0],
                policy=Policy(confirmations=1),
                waiting=Waiting(poll_s=POLL_S, bound_s=PATIENCE_S),
            )
            made = await deploy(sender, _plan(committee, sender, keys[1:]), "bench")
            settlement = await Settlement.at(chain, made.settlement)
            for key in keys[1:]:
                await Registry(settlement.registry).stake(sender, key.address)
            yield _Place(
                committee=committee,
                settlement=settlement,
                sender=sender,
                sources=[_Sampling(committee, key, pool) for key in keys[1:]],
            )
        finally:
            await journal.close()


def _plan(committee: LocalCommittee, sender: Sender, samplers: list[EthereumKey]) -> Plan:
    return Plan(
        keysets=(committee.committee.keyset,),
        sequencers=(sender.account,),
        samplers=tuple(key.address for key in samplers),
        guardian=sender.account,
        timelock_delay_s=0,
        challenge_period_s=PERIOD_S,
        response_window_s=WINDOW_S,
        margin_s=WINDOW_S,
        verdict_lifetime_s=3600,
        quorum=SAMPLERS,
        objectors=SAMPLERS,
        strict_only=False,
        proposal_bond_wei=ETHER,
        point_bond_wei=ETHER // 1000,
        row_bond_wei=ETHER // 10_000,
        forced_fee_wei=1,
        stake_wei=ETHER,
        exit_delay_s=3600,
    )


async def _round(place: _Place, height: int) -> list[float]:
    """Seconds after the post at which each stage is reached."""
    settlement, sender = place.settlement, place.sender
    clock = Clock(time=time.monotonic, poll_s=POLL_S, bound_s=PATIENCE_S)
    began, times = time.monotonic(), []
    async with Client(place.committee.disperser_url) as client:
        receipt = await client.post(Random(height).randbytes(PAYLOAD_BYTES), label="bench")
        certificate = await certified(
            client, settlement, receipt.blob_id, [place.committee.committee.keyset], clock
        )
    times.append(time.monotonic() - began)
    proposal = Proposal(
        height=height,
        previous_root=await settlement.tip(),
        state_root=(height + 1).to_bytes(32, "big"),
        withdrawals_root=bytes(32),
        certificate=certificate,
    )
    batch = await settlement.propose(sender, proposal)
    times.append(time.monotonic() - began)
    said = [one for source in place.sources for one in await source.verdicts(batch.blob_id)]
    await _later_than(settlement, batch)
    await settlement.submit(sender, batch, said)
    times.append(time.monotonic() - began)
    gate = Gate(settlement=settlement, sender=sender, sources=(), clock=clock)
    await gate.run(batch)
    times.append(time.monotonic() - began)
    return times


async def _later_than(settlement: Settlement, batch: Batch) -> None:
    """A verdict may not be later than the block that has it."""
    least = max(time.time(), batch.proposed_at)
    while True:
        left_s = least - (await settlement.contract.chain.head()).time
        if left_s <= 0:
            return
        await asyncio.sleep(min(left_s, POLL_S))


@dataclass(frozen=True)
class _Sampling:
    """A sampler that looks when it is asked."""

    committee: LocalCommittee
    key: EthereumKey
    pool: KzgPool

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        committee = self.committee.committee
        policy = SamplingPolicy(
            wanted=Fraction(1, 10**6),
            patience=Patience(),
            together=False,
            most_items=256,
            chain_id=CHAIN_ID,
            key=SigningKey(key=self.key, taken_at=0),
        )
        urls = [member.url for member in committee.members]
        async with checking(
            policy, Committees([committee]), urls, self.pool, connections=16
        ) as checker:
            judgement = await checker.check(blob_id)
        return [read_verdict(judgement.document, "sampler", CHAIN_ID)[0]]
