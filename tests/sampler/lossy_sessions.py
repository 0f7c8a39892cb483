"""Honest sessions over sockets, through fronts that lose, delay and cut a part of everything."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Final

from sampler_network import Network, kzg

from committee.devnet.faults import Cut, Delay, Fault, Silent
from da_node.client import Receipt
from da_node.client.client import local_pace
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.confidence import WANTED_ERROR
from sampler.controls import Controls
from sampler.judging import Judge, Policy
from sampler.patience import Patience
from sampler.verifying import Verifier

ABOUT: Final = "/v1/blobs/0x*"
LOSSY: Final[list[Fault]] = [
    Silent(path=ABOUT, share=0.03),
    Cut(path=ABOUT, share=0.03, after_bytes=1000),
    Delay(path=ABOUT, share=0.1, seconds=0.3),
]
AT_ONCE: Final = 16
"""Members, fronts and sessions share one core here: a session's own time is to be most of it."""
PATIENCE: Final = Patience(
    hedge_s=0.5, doubt_s=1.5, question_s=5.0, suspect_s=3.0, round_s=2.0, deadline_s=60.0
)


async def lossy_sessions(network: Network, count: int) -> Counter[Finding]:
    """What so many sessions find about a few blobs, each with a sample of its own.

    Every member loses questions, and one in three sessions has a member that answers nothing.
    """
    receipts = [await network.post(1_000_000) for _ in range(2)]
    pool = kzg()
    verifier = Verifier(pool, threads=1)
    chance = random.Random(7)
    pace = local_pace()
    asker = Asker(verifier, pool, pace, connections=256)
    controls = Controls(network.clock, chance)
    found: Counter[Finding] = Counter()

    def judge_with(*, together: bool) -> Judge:
        return Judge(
            policy=Policy(
                wanted=WANTED_ERROR,
                patience=PATIENCE,
                together=together,
                most_items=1024,
                chain_id=1,
                key=None,
            ),
            committees=Committees([network.committee]),
            nodes=network.urls,
            asker=asker,
            controls=controls,
            kzg=pool,
            clock=network.clock,
            pace=pace,
            chance=chance,
        )

    judges = [judge_with(together=together) for together in (False, True)]
    certificates = [await judges[0].certificate(one.blob_id, one.certificate) for one in receipts]
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        receipt: Receipt = receipts[number % len(receipts)]
        judge = judges[number % 3 > 0]
        async with gate:
            judged = await judge.judge(
                receipt.header,
                judge.terms(certificates[number % len(receipts)], receipt.expires_at),
                random.Random(number).randbytes(32),
            )
        found[judged.verdict.finding] += 1

    try:
        third = count // 3
        await network.arm(range(4), *LOSSY)
        await asyncio.gather(*(one(number) for number in range(2 * third)))
        await network.fronts[1].arm([Silent(path=ABOUT)])
        await asyncio.gather(*(one(number) for number in range(2 * third, count)))
    finally:
        await network.heal()
        await verifier.close()
        await asker.close()
    return found
