"""Sessions of a sampler without its service, for benchmarks that carry them out one by one."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from committee.documents import Committee
from da_node.client import Client, Receipt
from da_node.client.client import local_pace
from da_node.service.kzg_pool import KzgPool
from sampler.asking import Asker
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.confidence import WANTED_ERROR, Rule
from sampler.controls import Controls
from sampler.judging import Judge, Policy
from sampler.order import SECRET_BYTES
from sampler.patience import Patience
from sampler.verdict import Verdict
from sampler.verifying import Verifier

CONNECTIONS = 64
"""To one member, as by default."""


@asynccontextmanager
async def asking(kzg: KzgPool) -> AsyncIterator[Asker]:
    """Connections, and a verifier for what comes over them."""
    verifier = Verifier(kzg, threads=1)
    asker = Asker(verifier, kzg, local_pace(), connections=CONNECTIONS)
    try:
        yield asker
    finally:
        await verifier.close()
        await asker.close()


def judge_of(committee: Committee, asker: Asker, kzg: KzgPool) -> Judge:
    """A judge with a sampler's own defaults: one question a request, 1e-6, no key."""
    chance = random.SystemRandom()
    return Judge(
        policy=Policy(
            wanted=WANTED_ERROR,
            patience=Patience(),
            together=False,
            most_items=1024,
            chain_id=1,
            key=None,
        ),
        committees=Committees([committee]),
        nodes=[committee.members[0].url],
        asker=asker,
        controls=Controls(time.time, chance),
        kzg=kzg,
        clock=time.time,
        pace=local_pace(),
        chance=chance,
    )


async def available(judge: Judge, receipt: Receipt, rule: Rule) -> Verdict:
    """The verdict on a blob of which every byte can be had. AssertionError for any other."""
    certificate = None
    if rule is Rule.CERTIFIED:
        certificate = await judge.certificate(receipt.blob_id, receipt.certificate)
    terms = judge.terms(certificate, receipt.expires_at)
    judged = await judge.judge(receipt.header, terms, secrets.token_bytes(SECRET_BYTES))
    if judged.verdict.finding is not Finding.AVAILABLE or judged.verdict.rule is not rule:
        raise AssertionError(f"{rule.name}: {judged.document!r}")
    return judged.verdict


async def post(disperser: str, size_bytes: int) -> Receipt:
    """A random payload, certified. What came back is not compared with it: that would be work."""
    async with Client(disperser) as client:
        return await client.post(os.urandom(size_bytes), check=False)
