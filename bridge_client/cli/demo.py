"""The bridge's act of the demonstration: a batch is final once it is certified and sampled, tokens
go in and come out, and a batch that is withheld falls. On a real EVM, with windows of seconds; no
clock is moved.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from bridge_client.answering import openings
from bridge_client.anvil import binary
from bridge_client.cli.demo_tokens import Tokens
from bridge_client.devchain import BALANCE_WEI, CHAIN_ID, ETHER, settlement_of
from bridge_client.devnet import L1, L1Files, chain_part, watcher_part
from bridge_client.devnet.parts import rpc_url
from bridge_client.errors import GateClosed, ToolMissing
from bridge_client.gate import Clock, Gate, certified
from bridge_client.journal import JournalThread
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.samplers import SamplerService
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.settlement import Batch, BatchState, Tally
from bridge_client.settling import Proposal, Settlement
from committee.certificate import VerifiedCertificate
from committee.devnet import LocalCommittee, Shape
from committee.ethereum_keystore import read_ethereum_keystore
from committee.passwords import read_password
from committee.secp256k1 import SECRET_BYTES, EthereumKey
from da_node.client import Client, RetryPolicy
from da_node.coding import BlobId, LocalKzg
from da_node.service import HoldfastError
from da_node.service.network import Ports, SettingValue
from da_node.service.stage import Failed, Stage, require
from sampler.devnet import sampler_address, sampler_part

SHAPE: Final = Shape(members=4, faults=1)
GONE: Final = (1, 2, 3)
"""Members that give nothing more: what is left is 32 columns, and 64 are needed."""
PERIOD_S: Final = 10
"""A batch is doubted within it, on a slow machine as well."""
WINDOW_S: Final = 4
SAMPLERS: Final = ("sampler-0", "sampler-1")
POINTS: Final = 4
POLL_S: Final = 0.2
PATIENCE_S: Final = 120.0


def act(stage: Stage) -> None:
    """A batch proposed, sampled, final; another one withheld, challenged, void."""
    try:
        binary()
    except ToolMissing as error:
        stage.scene("batches on L1")
        stage.fact("left out", f"{error}: {error.advice}")
        return
    stage.scene("start a committee, two samplers, a watcher, and a chain on this machine")
    with _made(stage) as (committee, files, ports):
        with stage.timed("ready after"):
            committee.network.start(PATIENCE_S)
        kzg = LocalKzg()
        kzg.load()
        asyncio.run(_play(stage, committee, files, rpc_url(ports), kzg))
        stage.scene("stop them all (SIGTERM)")
        committee.network.stop()


@contextmanager
def _made(stage: Stage) -> Iterator[tuple[LocalCommittee, L1Files, Ports]]:
    """What is played with, not started yet."""
    more: Mapping[str, Mapping[str, SettingValue]] = {
        L1: {"challenge_period_s": PERIOD_S, "response_window_s": WINDOW_S}
    }
    with ExitStack() as stack:
        committee = stack.enter_context(LocalCommittee.made(stage.directory, SHAPE))
        ports = stack.enter_context(Ports())
        founding, node = committee.founding, committee.disperser_url
        files = L1Files(directory=stage.directory, founding=founding)
        samplers = [
            sampler_part(stage.directory, founding, ports, node, more, name=name)
            for name in SAMPLERS
        ]
        signers = [sampler_address(stage.directory, founding, name=name) for name in SAMPLERS]
        chain = chain_part(files, ports, signers, more)
        watcher = watcher_part(files, ports, [part.url for part in samplers], node, more)
        for part in (*samplers, chain, watcher):
            committee.network.add(part)
        yield committee, files, ports


@dataclass(frozen=True, kw_only=True)
class _Cast:
    """Who plays, on which chain."""

    stage: Stage
    committee: LocalCommittee
    chain: Chain
    journal: JournalThread
    kzg: LocalKzg
    sequencer: EthereumKey
    challenger: EthereumKey
    user: EthereumKey

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
    stage: Stage, committee: LocalCommittee, files: L1Files, url: str, kzg: LocalKzg
) -> None:
    password = read_password(files.founding.password)
    async with _opened(url, files) as (endpoint, chain, journal):
        cast = _Cast(
            stage=stage,
            committee=committee,
            chain=chain,
            journal=journal,
            kzg=kzg,
            sequencer=read_ethereum_keystore(files.sequencer_keystore, password),
            challenger=EthereumKey(secrets.token_bytes(SECRET_BYTES)),
            user=EthereumKey(secrets.token_bytes(SECRET_BYTES)),
        )
        for key in (cast.challenger, cast.user):
            await endpoint.ask("anvil_setBalance", [key.address.hex0x, hex(BALANCE_WEI)])
        settlement = await Settlement.at(chain, settlement_of(cast.sequencer.address))
        stage.fact("settlement", settlement.contract.address.hex0x)
        needed = f"a certificate, {settlement.terms.quorum} verdicts"
        stage.fact("final takes", f"{needed}, {PERIOD_S} s without a challenge")
        tokens = await Tokens.deposited(
            stage, settlement, cast.sender(cast.sequencer), cast.sender(cast.user), CHAIN_ID
        )
        await _final(cast, settlement, tokens.tree.root)
        await tokens.withdrawn(0)
        await _void(cast, settlement)


@asynccontextmanager
async def _opened(url: str, files: L1Files) -> AsyncIterator[tuple[Endpoint, Chain, JournalThread]]:
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        journal = await opened(files.journal, chain, CHAIN_ID)
        try:
            yield endpoint, chain, journal
        finally:
            await journal.close()


async def _final(cast: _Cast, settlement: Settlement, withdrawals_root: bytes) -> None:
    cast.stage.scene("post a batch, and propose it with its certificate")
    began = time.monotonic()
    certificate = await _certified(cast, settlement, cast.stage.batch)
    batch = await _proposed(cast, settlement, certificate, 0, withdrawals_root)
    cast.stage.scene("the samplers look at what is proposed; the watcher brings what they sign")
    await _until_told(cast, settlement, batch)
    await _tell_verdicts(cast, batch.blob_id)
    gate = Gate(
        settlement=settlement,
        sender=cast.sender(cast.sequencer),
        sources=[],
        clock=cast.clock(),
    )
    done = await gate.run(batch)
    require(done.state is BatchState.FINAL, "a batch that is certified and sampled should be final")
    tally = await settlement.tally(done)
    cast.stage.fact("verdicts", f"{tally.available} available, {tally.withheld} withheld")
    cast.stage.fact(
        "final", f"{time.monotonic() - began:.1f} s after its post; its window is {PERIOD_S} s"
    )


async def _until_told(cast: _Cast, settlement: Settlement, batch: Batch) -> None:
    """Until both samplers' verdicts are on the chain."""
    expected = Tally(available=len(SAMPLERS), withheld=0)
    deadline = time.monotonic() + PATIENCE_S
    while await settlement.tally(batch) != expected:
        require(time.monotonic() < deadline, "the watcher should bring both samplers' verdicts")
        await asyncio.sleep(POLL_S)


async def _tell_verdicts(cast: _Cast, blob_id: BlobId) -> None:
    async with aiohttp.ClientSession() as session:
        for name in SAMPLERS:
            url = cast.committee.network[name].url
            said = await SamplerService(url=url, chain_id=CHAIN_ID, session=session).latest(blob_id)
            require(said is not None, "a sampler has the verdict that it has signed")
            if said is not None:
                verdict = said.verdict.verdict
                cast.stage.fact(
                    said.verdict.signer.hex0x[:10] + "…",
                    f"{verdict.finding.name.lower()}: {verdict.held} of {verdict.asked} held",
                )


async def _void(cast: _Cast, settlement: Settlement) -> None:
    cast.stage.scene("certify another batch; three of four members are gone (SIGKILL); propose it")
    certificate = await _certified(cast, settlement, cast.stage.batch[1:])
    for member in GONE:
        cast.committee.kill(member)
    batch = await _proposed(cast, settlement, certificate, 1)
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


async def _certified(cast: _Cast, settlement: Settlement, payload: bytes) -> VerifiedCertificate:
    keysets = [cast.committee.committee.keyset]
    async with Client(cast.committee.disperser_url, kzg=cast.kzg) as client:
        receipt = await client.post(payload, label="demo")
        return await certified(client, settlement, receipt.blob_id, keysets, cast.clock())


async def _proposed(
    cast: _Cast,
    settlement: Settlement,
    certificate: VerifiedCertificate,
    height: int,
    withdrawals_root: bytes = bytes(32),
) -> Batch:
    # made up: no rollup is played here
    root = bytes(31) + bytes((height + 1,))
    proposal = Proposal(
        height=height,
        previous_root=await settlement.tip(),
        state_root=root,
        withdrawals_root=withdrawals_root,
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
