"""What every command of the bridge begins and ends with."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bridge_client.errors import GateClosed, GateTimeout, L1TooSlow, L1Unreachable, NoContract
from bridge_client.gate import Clock
from bridge_client.journal import JournalThread
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.settings import BridgeSettings
from bridge_client.settling import Settlement
from committee.cli.keysets import read_committee
from committee.ethereum_keystore import read_ethereum_keystore
from committee.keyset import VerifiedKeyset
from committee.passwords import read_password
from committee.secp256k1 import EthereumKey
from da_node.service import BadConfiguration, Output, load, logger, settings_flags, with_output

EXIT_CLOSED: Final = 10
"""Waiting does not help: the batch is void, or samplers object."""
EXIT_NOT_YET: Final = 11
"""What was waited for did not come in time; the same command goes on."""

T = TypeVar("T")

_log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Session:
    """An endpoint and a journal that are open."""

    settings: BridgeSettings
    chain: Chain
    journal: JournalThread
    key: EthereumKey | None

    async def sender(self, *, resumes: bool = True) -> Sender:
        """For the account of the keystore; what was left open is sent first, unless the caller is
        about to cancel it. Raises BadConfiguration where there is no keystore.
        """
        settings = self.settings
        if self.key is None:
            reason = "this command sends transactions and needs one"
            raise BadConfiguration(source="settings", name="keystore", reason=reason)
        sender = Sender(
            self.chain,
            self.journal,
            chain_id=settings.chain_id,
            key=self.key,
            policy=Policy(
                confirmations=settings.confirmations,
                blocks_before_bump=settings.blocks_before_bump,
                most_fee=settings.max_fee,
                most_blob_fee=settings.max_blob_fee,
            ),
            waiting=Waiting(
                poll_s=settings.poll_s, bound_s=settings.wait_s, most_lag_s=settings.max_lag_s
            ),
        )
        if resumes:
            await sender.resume()
        return sender

    async def settlement(self) -> Settlement:
        """The one of the settings."""
        return await Settlement.at(self.chain, self.settings.settlement_address)

    def clock(self) -> Clock:
        """A gate's."""
        return Clock(time=time.monotonic, poll_s=self.settings.poll_s, bound_s=self.settings.wait_s)

    def keysets(self) -> list[VerifiedKeyset]:
        """Those of the settings; blocks. Raises BadConfiguration, BadDocument, OSError."""
        paths = [part.strip() for part in (self.settings.keysets or "").split(",")]
        found = [read_committee(Path(path)).keyset for path in paths if path]
        if not found:
            reason = "this command needs the keyset that certificates are checked with"
            raise BadConfiguration(source="settings", name="keysets", reason=reason)
        return found


@asynccontextmanager
async def session(settings: BridgeSettings, *, waits: bool = False) -> AsyncIterator[Session]:
    """Raises as reading the keystore, `opened` and the endpoint do; what `waits` does so for an
    endpoint that is not there yet.
    """
    key = await asyncio.to_thread(_key, settings)
    async with Endpoint(settings.rpc) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        if waits:
            await until_there(chain.identity, settings.poll_s)
        journal = await opened(settings.journal, chain, settings.chain_id)
        try:
            yield Session(settings=settings, chain=chain, journal=journal, key=key)
        finally:
            await journal.close()


async def until_there(ask: Callable[[], Awaitable[T]], poll_s: float) -> T:
    """What is asked for, once it is there: what runs for good is started with what it needs."""
    while True:
        try:
            return await ask()
        except (L1Unreachable, NoContract) as error:
            _log.warning("not there yet", reason=str(error))
            await asyncio.sleep(poll_s)


def bridge_command(
    work: Callable[..., Awaitable[None]], *, waits: bool = False
) -> Callable[..., Any]:
    """A command with the settings' options: `work` gets the session, the output, and what else the
    command takes. What a gate says of waiting becomes its exit code. One that `waits` does so for
    the endpoint, unless it is told to work `once`.
    """

    @settings_flags(BridgeSettings)
    @with_output
    @functools.wraps(work)
    def run(output: Output, config: Path | None, **given: Any) -> None:
        names = BridgeSettings.__struct_fields__
        flags = {name: given.pop(name) for name in names}
        settings = load(BridgeSettings, file=config, environment=os.environ, flags=flags)

        async def whole() -> None:
            is_patient = waits and not given.get("once", False)
            async with session(settings, waits=is_patient) as opened_session:
                await work(opened_session, output, **given)

        try:
            asyncio.run(whole())
        except GateClosed as error:
            output.fail(error)
            raise click.exceptions.Exit(EXIT_CLOSED) from None
        except (GateTimeout, L1TooSlow) as error:
            output.fail(error)
            raise click.exceptions.Exit(EXIT_NOT_YET) from None

    return run


daemon_command = functools.partial(bridge_command, waits=True)


def _key(settings: BridgeSettings) -> EthereumKey | None:
    if settings.keystore is None or settings.password_file is None:
        return None
    return read_ethereum_keystore(settings.keystore, read_password(settings.password_file))
