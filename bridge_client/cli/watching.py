"""`holdfast bridge watch`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Collection, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import click
import msgspec

from bridge_client.bringing import Bringer
from bridge_client.cli.challenges import answer
from bridge_client.cli.session import Session, daemon_command, until_there
from bridge_client.cli.tokens import escrow_of
from bridge_client.errors import JournalFault, NoChallenge
from bridge_client.fallback.inbox import Inbox
from bridge_client.metrics import WatcherMetrics
from bridge_client.proposals import Proposals
from bridge_client.pulse import STILL_S, Pulse, telling
from bridge_client.samplers import SamplerService
from bridge_client.sending import Sender
from bridge_client.settings import BridgeSettings
from bridge_client.settling import Settlement
from bridge_client.watching import News, Seen, Watcher
from da_node.client import Client
from da_node.coding import LocalKzg, local_verifier
from da_node.service import (
    BadConfiguration,
    Bug,
    HoldfastError,
    Output,
    configure_logging,
    logger,
)

_log = logger(__name__)


@click.command("watch")
@click.option("--respond", is_flag=True, help="Answer challenges, from --nodes.")
@click.option(
    "--verdicts",
    is_flag=True,
    help="Have --samplers look at what is proposed, and bring their verdicts.",
)
@click.option("--once", is_flag=True, help="Stop at the newest block.")
@click.option(
    "--listen",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Tell at 127.0.0.1:PORT/readyz whether it does its work, and at /metrics how much; "
    "0 takes any free port.",
)
@click.option("--name", default="watch", show_default=True, help="Of this watcher in the journal.")
@daemon_command
async def watch_command(
    session: Session,
    output: Output,
    respond: bool,
    verdicts: bool,
    once: bool,
    listen: int | None,
    name: str,
) -> None:
    """Print the events of the settlement, of --bridge and of --inbox, as they happen, from where
    this watcher was.

    One line for each; an event that a reorganisation took back is printed again as lost. Runs
    until Ctrl-C or SIGTERM. With --verdicts each of --samplers draws a new sample of every batch
    that is proposed, for this account, which it must list among its `watchers`. What the endpoint
    or a sampler fails at is logged, and tried again. Exit codes: 0 stopped, 1 failed, 2 wrong
    usage.
    """
    if not once:
        configure_logging("info")
    settlement = (
        await session.settlement()
        if once
        else await until_there(session.settlement, session.settings.poll_s)
    )
    contracts = [settlement.contract]
    if session.settings.bridge is not None:  # a guardian sees what it may veto
        contracts.append(escrow_of(session).contract)
    if session.settings.inbox is not None:
        contracts.append(Inbox(session.chain, session.settings.inbox_address).contract)
    watcher = Watcher(
        session.chain,
        session.journal,
        contracts,
        name=name,
        first_block=session.settings.first_block,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        duties: dict[str, _Duty] = {}
        sender = await session.sender() if respond or verdicts else None
        if respond and sender:
            client = await stack.enter_async_context(Client(session.settings.node_urls))
            duties["challenges"] = _Answers(settlement, sender, client)
        if verdicts and sender:
            web = await stack.enter_async_context(aiohttp.ClientSession())
            duties["batches"] = _proposals(session.settings, settlement, sender, web)
        for duty in duties.values():
            duty.begin(await watcher.past())
        pulse = Pulse(time.monotonic, still_s=max(STILL_S, 3 * session.settings.poll_s))
        metrics = WatcherMetrics()
        if listen is not None:
            url = await stack.enter_async_context(telling(pulse, metrics, listen))
            _log.info("listening", url=url)
        looking = Looking(
            watcher=watcher, output=output, duties=duties, once=once, pulse=pulse, metrics=metrics
        )
        await _until(stop, looking.work(session.settings.poll_s))


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """The work, broken off once it is to stop: what it sends is journalled, and goes on later."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _proposals(
    settings: BridgeSettings, settlement: Settlement, sender: Sender, web: aiohttp.ClientSession
) -> Proposals:
    """Raises BadConfiguration where no sampler is named."""
    if not settings.sampler_urls:
        reason = "there is nobody whose verdicts could be brought"
        raise BadConfiguration(source="settings", name="samplers", reason=reason)
    return Proposals(
        settlement=settlement,
        samplers=[
            SamplerService(url=url, chain_id=settings.chain_id, session=web)
            for url in settings.sampler_urls
        ],
        bringer=Bringer(settlement=settlement, sender=sender),
        key=sender.key,
        chain_id=settings.chain_id,
    )


class _Duty(Protocol):
    """What a watcher does about what it sees."""

    def begin(self, past: Iterable[Seen]) -> None:
        """All that was seen and not lost: at the start, and again when `drop` says so."""

    def take(self, seen: Iterable[Seen]) -> None:
        """What was seen since."""

    def drop(self, lost: Iterable[Seen]) -> bool:
        """What was lost; whether all that was seen is to be gone through again."""

    async def do(self) -> None:
        """What can be done now."""

    @property
    def waiting(self) -> Collection[int]:
        """What is still to be done something about."""


@dataclass
class _Answers:
    """Challenges that are to be answered."""

    settlement: Settlement
    sender: Sender
    client: Client
    kzg: LocalKzg = field(default_factory=local_verifier)
    waiting: set[int] = field(default_factory=set)

    def begin(self, past: Iterable[Seen]) -> None:
        self.waiting.clear()
        self.take(past)

    def take(self, seen: Iterable[Seen]) -> None:
        for one in seen:
            if one.event == "ChallengeOpened":
                self.waiting.add(int(one.fields["challengeId"]))

    def drop(self, lost: Iterable[Seen]) -> bool:
        for one in lost:
            if one.event == "ChallengeOpened":
                self.waiting.discard(int(one.fields["challengeId"]))
        # one that was answered is open again
        return any(one.event == "PointAnswered" for one in lost)

    async def do(self) -> None:
        """Answer what can be; what cannot is tried again until its time is over."""
        now = (await self.settlement.contract.chain.head()).time
        for number in sorted(self.waiting):
            try:
                challenge = await self.settlement.challenge_of(number)
            except NoChallenge as error:  # its event was seen: whoever is asked now is behind
                _log.warning("a challenge is not there yet", challenge=number, reason=str(error))
                continue
            if not challenge.unanswered or challenge.deadline < now:
                self.waiting.discard(number)
                continue
            try:
                await answer(self.settlement, self.sender, challenge, self.client, self.kzg)
            except (JournalFault, Bug):
                raise
            except HoldfastError as error:  # also a fee above the bound: it may fall in time
                _log.error("a challenge is not answered", challenge=number, reason=str(error))
                continue
            _log.info("a challenge is answered", challenge=number)
            self.waiting.discard(number)


@dataclass(frozen=True, kw_only=True)
class Looking:
    """One look after another."""

    watcher: Watcher
    output: Output
    duties: Mapping[str, _Duty]
    once: bool
    pulse: Pulse
    metrics: WatcherMetrics

    async def work(self, poll_s: float) -> None:
        """For good, or once to the newest block."""
        while True:
            is_complete = await self._look()
            if is_complete and self.once:
                return
            if is_complete:
                await asyncio.sleep(poll_s)

    async def _look(self) -> bool:
        """Whether there is nothing more to read for now."""
        try:
            news = await self.watcher.look()
            _tell(news, self.output)
            self.metrics.took(news)
            await self._act(news)
            self.pulse.beat(news.upto, is_complete=news.is_complete)
        except HoldfastError as error:  # a contract's refusal, too: who is asked may be behind
            if self.once or isinstance(error, JournalFault | Bug):
                raise
            self.pulse.fail(str(error))
            self.metrics.looks.labels("failed").inc()
            _log.error("the endpoint fails", reason=str(error))
            return True
        self.metrics.looks.labels("read").inc()
        return news.is_complete

    async def _act(self, news: News) -> None:
        for duty in self.duties.values():  # all of them before the first one does what may fail
            if duty.drop(news.lost):
                duty.begin(await self.watcher.past())
            else:
                duty.take(news.seen)
        for what, duty in self.duties.items():
            if news.is_complete:
                await duty.do()
            self.metrics.waiting.labels(what).set(len(duty.waiting))


def _tell(news: News, output: Output) -> None:
    for word, events in (("lost", news.lost), ("seen", news.seen)):
        for one in events:
            document = {"news": word, **msgspec.to_builtins(one)}
            fields = " ".join(f"{name}={value}" for name, value in one.fields.items())
            output.line(document, f"{word} {one.event} in block {one.block}: {fields}")
