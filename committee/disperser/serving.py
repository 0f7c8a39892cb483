"""A disperser started and stopped: files, listening socket, in the right order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

from aiohttp import web

from committee.disperser.disperser import Disperser
from committee.disperser.routes import disperser_routes
from committee.disperser.settings import DisperserSettings
from committee.disperser.tenant_file import TenantFile
from committee.documents import Committee
from committee.ethereum_keystore import read_ethereum_keystore
from committee.keyset_files import followed_files, read_keysets
from committee.passwords import read_password
from committee.secp256k1 import EthereumKey
from da_node.client import Pace
from da_node.client.client import local_pace
from da_node.service import BadConfiguration, logger
from da_node.service.collector import spare_collector
from da_node.service.http.application import Front, application_of
from da_node.service.http.deadlines import Timers
from da_node.service.http.serving import listening
from da_node.service.http.tls import tls_context
from da_node.service.kzg_pool import KzgPool

_log = logger(__name__)


def unix_clock() -> int:
    """Whole seconds since 1970 by this machine's clock."""
    return int(time.time())


def read_key(settings: DisperserSettings) -> EthereumKey:
    """The key that requests to members are signed with; blocks for half a second.

    Raises BadConfiguration, BadDocument, WrongPassword, OSError.
    """
    if settings.keystore is None or settings.password_file is None:
        raise BadConfiguration(source="settings", name="keystore", reason="must be named")
    return read_ethereum_keystore(settings.keystore, read_password(settings.password_file))


def require_safe(settings: DisperserSettings) -> None:
    """Without tokens only this machine may post. Raises BadConfiguration."""
    if settings.tenants is None and not _is_loopback(settings.host):
        reason = (
            f"{settings.host} is not loopback, and without `tenants` whoever reaches it may post"
        )
        raise BadConfiguration(source="settings", name="host", reason=reason)


@asynccontextmanager
async def running_disperser(
    settings: DisperserSettings,
    *,
    committees: Sequence[Committee],
    key: EthereumKey,
    kzg: KzgPool,
    clock: Callable[[], int] = unix_clock,
    timers: Timers | None = None,
    pace: Pace | None = None,
) -> AsyncIterator[tuple[Disperser, str]]:
    """A disperser that listens, and its URL; stopped in order at the end. Owns `kzg`.

    Raises BadConfiguration, BadDocument, OSError.
    """
    require_safe(settings)
    tls = tls_context(settings.tls_cert, settings.tls_key)
    tenants = None if settings.tenants is None else TenantFile(settings.tenants)
    timers = timers or asyncio.get_running_loop()
    disperser = Disperser(
        settings=settings,
        committees=committees,
        key=key,
        kzg=kzg,
        tenants=tenants,
        clock=clock,
        timers=timers,
        pace=pace or local_pace(),
    )
    async with listening(
        disperser,
        _application(disperser),
        settings,
        tls=tls,
        timers=timers,
        show_connections=disperser.metrics.connections.set_function,
    ) as url:
        yield disperser, url


async def run_disperser(
    settings: DisperserSettings, *, kzg: KzgPool, stop: asyncio.Event, changed: asyncio.Event
) -> None:
    """Run until `stop` is set; whenever `changed` is, the keysets' files are read again.

    Raises as `running_disperser` and reading the files do.
    """
    require_safe(settings)
    spare_collector()
    key = await asyncio.to_thread(read_key, settings)
    committees = await asyncio.to_thread(read_keysets, settings.keysets)
    async with (
        running_disperser(settings, committees=committees, key=key, kzg=kzg) as (disperser, url),
        followed_files(settings.keysets, changed, disperser.follow),
    ):
        committee = disperser.committee
        _log.info(
            "listening",
            url=url,
            address=key.address.hex0x,
            keyset_hash=committee.keyset.hash.hex0x,
            members=len(committee.members),
        )
        await stop.wait()
        _log.info("stopping", grace_s=settings.shutdown_grace_s)
    _log.info("stopped")


def _application(disperser: Disperser) -> web.Application:
    front = Front(
        title="Holdfast disperser",
        description="Payloads in, spread over a committee; certificates out; read back.",
        metrics=disperser.metrics.front,
        rates=disperser.rates,
        timers=disperser.timers,
        request_timeout_s=disperser.settings.request_timeout_s,
        trust_forwarded=disperser.settings.trust_forwarded,
    )
    return application_of(disperser_routes(disperser), front)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
