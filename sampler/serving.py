"""A sampler started and stopped: files, state, listening socket, in the right order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from aiohttp import web

from da_node.client import Pace
from da_node.client.client import local_pace
from da_node.service import logger
from da_node.service.collector import spare_collector
from da_node.service.http.application import Front, application_of
from da_node.service.http.deadlines import Timers
from da_node.service.http.serving import listening
from da_node.service.http.tls import tls_context
from da_node.service.kzg_pool import KzgPool
from sampler.committees import Committees
from sampler.live.pages import page_routes
from sampler.live.streaming import live_routes
from sampler.look_routes import look_routes
from sampler.routes import sampler_routes
from sampler.sampler import Sampler
from sampler.sampling import Watch
from sampler.settings import SamplerSettings
from sampler.signing import SigningKey, signing_key
from sampler.state import State

_log = logger(__name__)


@asynccontextmanager
async def running_sampler(
    settings: SamplerSettings,
    *,
    committees: Committees,
    key: SigningKey | None,
    kzg: KzgPool,
    clock: Callable[[], float] = time.time,
    timers: Timers | None = None,
    pace: Pace | None = None,
    watch: Watch = lambda session: None,
) -> AsyncIterator[tuple[Sampler, str]]:
    """A sampler that follows, samples and listens, and its URL; stopped in order at the end.

    Owns `kzg`. Raises BadConfiguration, StateInUse, StateFault, OSError.
    """
    tls = tls_context(settings.tls_cert, settings.tls_key)
    state = await asyncio.to_thread(State.open, settings.directory)
    timers = timers or asyncio.get_running_loop()
    sampler = Sampler(
        settings=settings,
        state=state,
        committees=committees,
        key=key,
        kzg=kzg,
        clock=clock,
        timers=timers,
        pace=pace or local_pace(),
        watch=watch,
    )
    async with listening(
        sampler,
        _application(sampler),
        settings,
        tls=tls,
        timers=timers,
        show_connections=sampler.metrics.connections.set_function,
    ) as url:
        yield sampler, url


async def run_sampler(settings: SamplerSettings, *, kzg: KzgPool, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Raises as `running_sampler` and reading the files do."""
    with ExitStack() as stack:
        key = await asyncio.to_thread(stack.enter_context, signing_key(settings))
        committees = await asyncio.to_thread(
            Committees.read, settings.keyset_files, settings.pinned
        )
        async with running_sampler(settings, committees=committees, key=key, kzg=kzg) as (_, url):
            _log.info(
                "listening",
                url=url,
                signer=None if key is None else key.key.address.hex0x,
                feeds=list(settings.feed_urls),
                keysets=[one.hex0x for one in sorted(committees.followed)],
            )
            spare_collector()
            await stop.wait()
            _log.info("stopping", grace_s=settings.shutdown_grace_s)
    _log.info("stopped")


def _application(sampler: Sampler) -> web.Application:
    front = Front(
        title="Holdfast sampler",
        description="Whether blobs are really there: verdicts, their evidence, samples.",
        metrics=sampler.metrics.front,
        rates=sampler.rates,
        timers=sampler.timers,
        request_timeout_s=sampler.settings.request_timeout_s,
        trust_forwarded=sampler.settings.trust_forwarded,
    )
    routes = [
        *sampler_routes(sampler),
        *look_routes(sampler),
        *live_routes(sampler.showing.live),
        *page_routes(),
    ]
    return application_of(routes, front)
