"""The bridge's act of the demonstration: a batch is final once it is certified and sampled, and one
that is withheld falls. On a real EVM, with windows of seconds; no clock is moved.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from bridge_client.answering import openings
from bridge_client.anvil import anvil, binary
from bridge_client.contract import Contract
from bridge_client.deploying import deploy
from bridge_client.errors import GateClosed, ToolMissing
from bridge_client.gate import Clock, Gate, certified
from bridge_client.journal import JournalThread
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.plans import Plan
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.settlement import Batch, BatchState
from bridge_client.settling import Proposal, Settlement
from bridge_client.verdicts import read_verdict
from committee.devnet import LocalCommittee, Shape
from committee.secp256k1 import SECRET_BYTES, EthereumKey
from da_node.client import Client, Receipt, RetryPolicy
from da_node.coding import BlobId, LocalKzg
from da_node.service import HoldfastError
from da_node.service.kzg_pool import KzgPool
from da_node.service.stage import Failed, Stage, require
from sampler.checking import checking
from sampler.committees import Committees
from sampler.judging import Policy as SamplingPolicy
from sampler.patience import Patience
from sampler.signing import SigningKey
from sampler.verdict import SignedVerdict

SHAPE: Final = Shape(members=4, faults=1)
GONE: Final = (1, 2, 3)
"""Members that give nothing more: what is left is 32 columns, and 64 are needed."""
CHAIN_ID: Final = 31_337
ETHER: Final = 10**18
PERIOD_S: Final = 10
"""A batch is doubted within it, on a slow machine as well."""
WINDOW_S: Final = 4
QUORUM: Final = 2
POINTS: Final = 4
POLL_S: Final = 0.2
PATIENCE_S: Final = 120.0
MOST_ITEMS: Final = 256


def act(stage: Stage) -> None:
    """A batch proposed, sampled, final; another one withheld, challenged, void."""
    try:
        binary()
    except ToolMissing as error:
        stage.scene("batches on L1")
        stage.fact("left out", f"{error}: {error.advice}")
        return
    stage.scene("start a committee, and a chain on this machine (anvil, a block a second)")
    with (
        LocalCommittee.made(stage.directory, SHAPE) as committee,
        anvil("osaka", "--block-time", "1") as url,
    ):
        with stage.timed("ready after"):
            committee.network.start()
        kzg = LocalKzg()
        kzg.load()
        pool = KzgPool(1, proves=False)
        pool.warm()
        try:
            asyncio.run(_play(stage, committee, url, kzg, pool))
        finally:
            pool.close()
        stage.scene("stop them all (SIGTERM)")
        committee.network.stop()


@dataclass(frozen=True, kw_only=True)
class _Cast:
    """Who plays, on which chain."""

    stage: Stage
    committee: LocalCommittee
    chain: Chain
    journal: JournalThread
    kzg: LocalKzg
    pool: KzgPool
    sequencer: EthereumKey
    challenger: EthereumKey
    samplers: tuple[EthereumKey, ...]

    def sender(self, key: EthereumKey) -> Sender:
        return Sender(
            self.chain,
            self.journal,
            chain_id=CHAIN_ID,
            key=key,
            policy=Policy(confirmations=1),
            waiting=Waiting(poll_s=POLL_S, bound_s=PATIENCE_S),
        )

    def clock(self) -> Clock:
        return Clock(time=time.monotonic, poll_s=POLL_S, bound_s=PATIENCE_S)


async def _play(
    stage: Stage, committee: LocalCommittee, url: str, kzg: LocalKzg, pool: KzgPool
) -> None:
    async with _opened(url, stage.directory / "journal") as (endpoint, chain, journal):
        keys = [EthereumKey(secrets.token_bytes(SECRET_BYTES)) for _ in range(2 + QUORUM)]
        for key in keys:
            await endpoint.ask("anvil_setBalance", [key.address.hex0x, hex(100 * ETHER)])
        cast = _Cast(
            stage=stage,
            committee=committee,
            chain=chain,
            journal=journal,
            kzg=kzg,
            pool=pool,
            sequencer=keys[0],
            challenger=keys[1],
            samplers=tuple(keys[2:]),
        )
        settlement = await _deployed(cast)
        await _final(cast, settlement)
        await _void(cast, settlement)


@asynccontextmanager
async def _opened(
    url: str, directory: Path
) -> AsyncIterator[tuple[Endpoint, Chain, JournalThread]]:
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        journal = await opened(directory, chain, CHAIN_ID)
        try:
            yield endpoint, chain, journal
        finally:
            await journal.close()


async def _deployed(cast: _Cast) -> Settlement:
    cast.stage.scene("deploy the contracts, register the keyset, admit two samplers")
    sender = cast.sender(cast.sequencer)
    plan = Plan(
        keysets=(cast.committee.committee.keyset,),
        sequencers=(sender.account,),
        samplers=tuple(key.address for key in cast.samplers),
        guardian=sender.account,
        timelock_delay_s=0,
        challenge_period_s=PERIOD_S,
        response_window_s=WINDOW_S,
        margin_s=WINDOW_S,
        verdict_lifetime_s=3600,
        quorum=QUORUM,
        objectors=QUORUM,
        strict_only=False,
        proposal_bond_wei=ETHER,
        point_bond_wei=ETHER // 1000,
        row_bond_wei=ETHER // 10_000,
        forced_fee_wei=ETHER // 1000,
        stake_wei=ETHER,
        exit_delay_s=3600,
    )
    with cast.stage.timed("took"):
        made = await deploy(sender, plan, "demo")
        settlement = await Settlement.at(cast.chain, made.settlement)
        for key in cast.samplers:
            await _stake(sender, settlement.registry, key)
    cast.stage.fact("settlement", made.settlement.hex0x)
    cast.stage.fact(
        "final takes", f"a certificate, {QUORUM} verdicts, {PERIOD_S} s without a challenge"
    )
    return settlement


async def _stake(sender: Sender, registry: Contract, key: EthereumKey) -> None:
    address = bytes(key.address)
    purpose = f"stake {key.address.hex0x}"
    await registry.send(sender, purpose, "stake", address, value=ETHER)


async def _final(cast: _Cast, settlement: Settlement) -> None:
    cast.stage.scene("post a batch, and propose it with its certificate")
    began = time.monotonic()
    batch = await _proposed(cast, settlement, cast.stage.batch, 0)
    cast.stage.scene("two samplers look, sign what they find, and the gate makes the batch final")
    gate = Gate(
        settlement=settlement,
        sender=cast.sender(cast.sequencer),
        sources=[_Sampling(cast, key) for key in cast.samplers],
        clock=cast.clock(),
    )
    done = await gate.run(batch)
    require(done.state is BatchState.FINAL, "a batch that is certified and sampled should be final")
    tally = await settlement.tally(done)
    cast.stage.fact("verdicts", f"{tally.available} available, {tally.withheld} withheld")
    cast.stage.fact(
        "final", f"{time.monotonic() - began:.1f} s after its post; its window is {PERIOD_S} s"
    )


async def _void(cast: _Cast, settlement: Settlement) -> None:
    cast.stage.scene("propose another batch; then three of the four members are gone (SIGKILL)")
    batch = await _proposed(cast, settlement, cast.stage.batch[1:], 1)
    for member in GONE:
        cast.committee.kill(member)
    cast.stage.scene(f"somebody doubts it: the chain draws {POINTS} points, and asks for them")
    challenger = cast.sender(cast.challenger)
    challenge = await settlement.challenge_drawn(challenger, batch, POINTS)
    cast.stage.fact("points", ", ".join(map(str, challenge.points)))
    cast.stage.fact("answer", await _nobody_answers(cast, batch.blob_id, challenge.points))
    await _until_after(cast.chain, challenge.deadline)
    await settlement.uphold(challenger, challenge)
    gate = Gate(settlement=settlement, sender=challenger, sources=[], clock=cast.clock())
    try:
        await gate.run(batch)
    except GateClosed as error:
        cast.stage.fact("the gate says", str(error))
    else:
        raise Failed("a withheld batch must not become final")
    length, final_length = await settlement.lengths()
    require((length, final_length) == (1, 1), "the first batch alone should stand")
    due = await settlement.contract.answer("due", bytes(cast.challenger.address))
    cast.stage.fact("to whom doubted", f"{due / ETHER:.4f} ether: half the bond, and its own back")


async def _until_after(chain: Chain, moment: int) -> None:
    """Until a block is later than that."""
    while True:
        left_s = moment + 1 - (await chain.head()).time
        if left_s <= 0:
            return
        await asyncio.sleep(left_s)


async def _proposed(cast: _Cast, settlement: Settlement, payload: bytes, height: int) -> Batch:
    async with Client(cast.committee.disperser_url, kzg=cast.kzg) as client:
        receipt: Receipt = await client.post(payload, label="demo")
        certificate = await certified(
            client,
            settlement,
            receipt.blob_id,
            [cast.committee.committee.keyset],
            cast.clock(),
        )
    # made up: no rollup is played here
    root = bytes(31) + bytes((height + 1,))
    proposal = Proposal(
        height=height,
        previous_root=await settlement.tip(),
        state_root=root,
        withdrawals_root=bytes(32),
        certificate=certificate,
    )
    batch = await settlement.propose(cast.sender(cast.sequencer), proposal)
    cast.stage.fact("proposed", f"batch {batch.number} at height {height}, {batch.rows} rows")
    cast.stage.fact("blob id", batch.blob_id.hex0x)
    return batch


async def _nobody_answers(cast: _Cast, blob_id: BlobId, points: tuple[int, ...]) -> str:
    """What keeps whoever would answer from it."""
    urls = [cast.committee.url(index) for index in range(SHAPE.members)]
    policy = RetryPolicy(attempts=1, deadline_s=2.0)
    async with Client(urls, kzg=cast.kzg, policy=policy) as client:
        try:
            header = await client.header(blob_id)
            await openings(client, header, points, cast.kzg)
        except HoldfastError as error:
            return f"nobody can give it: {str(error).partition(';')[0][:120]}"
    raise Failed("a blob that is gone must not be answered for")


@dataclass(frozen=True)
class _Sampling:
    """A sampler that looks when it is asked."""

    cast: _Cast
    key: EthereumKey

    async def verdicts(self, blob_id: BlobId) -> list[SignedVerdict]:
        committee = self.cast.committee.committee
        policy = SamplingPolicy(
            wanted=Fraction(1, 10**6),
            patience=Patience(),
            together=False,
            most_items=MOST_ITEMS,
            chain_id=CHAIN_ID,
            key=SigningKey(key=self.key, taken_at=0),
        )
        urls = [member.url for member in committee.members]
        async with checking(
            policy, Committees([committee]), urls, self.cast.pool, connections=16
        ) as checker:
            judgement = await checker.check(blob_id)
        signed, _ = read_verdict(judgement.document, "sampler", CHAIN_ID)
        verdict = signed.verdict
        self.cast.stage.fact(
            signed.signer.hex0x[:10] + "…",
            f"{verdict.finding.name.lower()}: {verdict.held} of {verdict.asked} points held",
        )
        return [signed]
