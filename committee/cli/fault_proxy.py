"""`holdfast fault-proxy`: members seen through faults. Part of the test kit."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random
from signal import Signals
from typing import Annotated, Any, ClassVar

import click
from aiohttp import web
from msgspec import Meta

from committee.cli.signals import set_by
from committee.devnet.fault_control import control_application
from committee.devnet.fault_proxy import LOOPBACK, FaultProxy, Front
from da_node.service import (
    BadConfiguration,
    Output,
    Settings,
    configure_logging,
    load,
    logger,
    settings_flags,
    with_output,
)

_log = logger(__name__)


class FaultProxySettings(Settings, frozen=True, kw_only=True):
    """What stands before whom."""

    environment_prefix: ClassVar[str] = "HOLDFAST_FAULT_PROXY_"

    port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of the control; 0 takes any free one.")
    ] = 0
    fronts: Annotated[
        str,
        Meta(
            description="NAME=PORT:TARGET for each member, separated by commas: the front's port "
            "and the member's own."
        ),
    ] = ""
    seed: Annotated[
        int | None,
        Meta(
            description="Of all that is random in faults, to see the same again.",
            extra={"default_means": "a new one every time"},
        ),
    ] = None

    def check(self) -> None:
        """The fronts are what they must be."""
        self.made()

    def made(self) -> dict[str, Front]:
        """The fronts. Raises BadConfiguration."""
        fronts: dict[str, Front] = {}
        for text in self.fronts.split(","):
            name, _, ports = text.strip().partition("=")
            port, _, target = ports.partition(":")
            if not (name and port.isdecimal() and target.isdecimal()) or name in fronts:
                reason = f"{text!r} is not NAME=PORT:TARGET, each name once"
                raise BadConfiguration(source="settings", name="fronts", reason=reason)
            chance = Random() if self.seed is None else Random(f"{self.seed} {name}")
            fronts[name] = Front(name, int(port), int(target), chance)
        return fronts


@click.group("fault-proxy")
def fault_proxy() -> None:
    """Stand before members, and do to their askers what faulty ones would. For tests only."""


@fault_proxy.command("run")
@settings_flags(FaultProxySettings)
@with_output
def run(output: Output, config: Path | None, **flags: Any) -> None:
    """Run fronts and their control, on loopback, until SIGTERM or Ctrl-C.

    docs/DEVNET.md has the faults. Exit codes: 0 stopped, 1 failed, 2 wrong settings.
    """
    settings = load(FaultProxySettings, file=config, environment=os.environ, flags=flags)
    configure_logging("info")
    asyncio.run(_run(settings))


async def _run(settings: FaultProxySettings) -> None:
    stop = set_by(Signals.SIGTERM, Signals.SIGINT)
    async with FaultProxy(settings.made()) as proxy:
        runner = web.AppRunner(control_application(proxy), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, LOOPBACK, settings.port)
            await site.start()
            _log.info("listening", url=site.name, fronts=settings.fronts)
            await stop.wait()
        finally:
            await runner.cleanup()
    _log.info("stopped")
