"""A member started and stopped: its node, its place in the committee, and its signer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web

from committee.documents import Committee
from committee.keyset_files import followed_files, read_keysets
from committee.member.admission import Admission
from committee.member.catching_up import CatchingUp
from committee.member.certificates import Certificates
from committee.member.member import Member
from committee.member.metrics import MemberMetrics
from committee.member.peers import REQUESTS, Peers
from committee.member.routes import member_routes
from committee.member.seat import Seats
from committee.member.settings import MemberSettings
from committee.member.signer_watch import watched_signer
from committee.parameters import MAX_MEMBERS
from committee.signing.remote import remote_signer
from committee.signing.signer import LocalSigner, Signer, locked_key
from da_node.api.application import make_application
from da_node.api.serving import running_node, unix_clock
from da_node.client import Client, Limits, Pace, RetryPolicy
from da_node.node.node import KzgService, Node
from da_node.service import BadConfiguration, logger
from da_node.service.collector import spare_collector

PEER_S: Final = 300.0
"""Time that one question to another member may take: 4 MiB of columns at 32 kB/s, doubled."""

PEER_CONNECTIONS: Final = 2 * MAX_MEMBERS + REQUESTS
"""One to each member for its feed, twice as many where all are others after a rotation, and those
for columns, so that members that keep us waiting keep no question to another one waiting."""

_log = logger(__name__)


@asynccontextmanager
async def signer_of(settings: MemberSettings) -> AsyncIterator[Signer]:
    """The member's key, here or behind a socket; nobody else has it meanwhile.

    Raises KeyInUse, SignerUnreachable, BadDocument, WrongPassword, OSError.
    """
    async with AsyncExitStack() as stack:
        if settings.signer is not None:
            yield await stack.enter_async_context(remote_signer(settings.signer))
        elif settings.keystore is not None and settings.password_file is not None:
            # Blocks for half a second; nothing else runs yet.
            key = stack.enter_context(locked_key(settings.keystore, settings.password_file))
            yield LocalSigner(key)
        else:
            raise BadConfiguration(source="settings", name="keystore", reason="must be named")


@asynccontextmanager
async def running_member(
    settings: MemberSettings,
    *,
    kzg: KzgService,
    committees: Sequence[Committee],
    signer: Signer,
    clock: Callable[[], int] = unix_clock,
    pace: Pace | None = None,
) -> AsyncIterator[tuple[Member, str]]:
    """A member that listens, and its URL; stopped in order at the end. Owns `kzg`.

    `pace` is what catching up goes by: this process's clock and chance if None. Raises
    BadConfiguration where the key has no place in a keyset, and as `running_node` does.
    """
    seats = Seats(committees, signer.public_key)
    admission = Admission(seats, settings.disperser_addresses)
    pace = pace or Pace(clock=time.monotonic, sleep=asyncio.sleep, draw=random.random)
    client = Client(
        [member.url for member in seats.all[-1].committee.members],
        kzg=kzg,
        threads=settings.threads,
        limits=Limits(connections=PEER_CONNECTIONS),
        policy=RetryPolicy(attempts=1),
        pace=pace,
        operation_s=PEER_S,
    )
    made: list[Member] = []

    def application(node: Node) -> web.Application:
        metrics = MemberMetrics(node.metrics.registry)
        certificates = Certificates(seats, kzg)
        peers = Peers(
            seats=seats,
            store=node.store,
            workers=node.workers,
            client=client,
            metrics=metrics,
            pace=pace,
        )
        member = Member(
            node=node,
            kzg=kzg,
            seats=seats,
            admission=admission,
            signer=signer,
            certificates=certificates,
            catching_up=CatchingUp(
                node=node,
                seats=seats,
                certificates=certificates,
                peers=peers,
                metrics=metrics,
                pace=pace,
                interval_s=settings.catch_up_interval_s,
                bytes_per_s=settings.catch_up_bytes_per_s,
            ),
            metrics=metrics,
            attest_timeout_s=settings.attest_timeout_s,
        )
        made.append(member)
        return make_application(node, member_routes(member))

    async with AsyncExitStack() as stack:
        running = running_node(settings, kzg=kzg, clock=clock, application=application)
        _, url = await stack.enter_async_context(running)
        await stack.enter_async_context(watched_signer(signer, made[0].metrics))
        await stack.enter_async_context(client)
        await stack.enter_async_context(made[0].catching_up.running())
        yield made[0], url


async def run_member(
    settings: MemberSettings,
    *,
    kzg: KzgService,
    stop: asyncio.Event,
    changed: asyncio.Event,
    read_settings: Callable[[], MemberSettings],
) -> None:
    """Run until `stop` is set; whenever `changed` is, the keysets' files are read again, and with
    `read_settings` which dispersers are served.

    Raises as `read_keysets`, `signer_of` and `running_member` do.
    """
    spare_collector()
    committees = await asyncio.to_thread(read_keysets, settings.keysets)
    async with AsyncExitStack() as stack:
        signer = await stack.enter_async_context(signer_of(settings))
        running = running_member(settings, kzg=kzg, committees=committees, signer=signer)
        member, url = await stack.enter_async_context(running)

        async def follow(committees: Sequence[Committee]) -> None:
            dispersers = (await asyncio.to_thread(read_settings)).disperser_addresses
            member.follow(committees, dispersers)
            _log.info("dispersers read again", dispersers=[one.hex0x for one in dispersers])

        await stack.enter_async_context(followed_files(settings.keysets, changed, follow))
        seat = member.seats.current(member.node.clock())
        _log.info(
            "listening",
            url=url,
            node_id=member.node.node_id,
            keyset_hash=seat.keyset.hash.hex0x,
            member=seat.index,
            arc=str(seat.arc),
        )
        await stop.wait()
        _log.info("stopping", grace_s=settings.shutdown_grace_s)
    _log.info("stopped")
