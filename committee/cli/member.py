"""`holdfast member` and `holdfast signer`: a committee member's two processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from committee.cli.signals import set_by
from committee.member.serving import run_member
from committee.member.settings import MemberSettings
from committee.signing.server import running_signer
from committee.signing.signer import locked_key
from da_node.service import (
    Output,
    configure_logging,
    load,
    logger,
    settings_flags,
    with_output,
)
from da_node.service.kzg_pool import KzgPool

_log = logger(__name__)


@click.group()
def member() -> None:
    """Run a committee member: a node that attests what it keeps."""


@member.command("run")
@settings_flags(MemberSettings)
@with_output
def run(output: Output, config: Path | None, **flags: Any) -> None:
    """Run a member until SIGTERM or Ctrl-C; what is under way then is finished first. SIGHUP makes
    it read the keysets' files again, and from --config which dispersers are served.

    Settings come from --config, the environment and flags, each overriding the one before. Name
    the keysets, the dispersers that are served, and either --keystore with --password-file or the
    socket of a signer. Exit codes: 0 stopped, 1 failed, 2 wrong settings.
    """
    read = partial(load, MemberSettings, file=config, environment=os.environ, flags=flags)
    settings = read()
    configure_logging(settings.log_level, settings.log_json)
    asyncio.run(_run(settings, read))


async def _run(settings: MemberSettings, read: Callable[[], MemberSettings]) -> None:
    await run_member(
        settings,
        kzg=KzgPool(settings.kzg_workers, proves=False),
        stop=set_by(signal.SIGTERM, signal.SIGINT),
        changed=set_by(signal.SIGHUP),
        read_settings=read,
    )


@click.group()
def signer() -> None:
    """Hold a member's key in a process that the internet cannot reach."""


@signer.command("run")
@click.option(
    "--keystore",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The member's key (EIP-2335).",
)
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File with the keystore's password, on one line.",
)
@click.option(
    "--socket",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Unix socket to make; only this user may open it.",
)
@click.option(
    "--group",
    metavar="NAME",
    help="Users of this group may open it too, and have attestations signed: the member's alone.",
)
@with_output
def run_signer(
    output: Output, keystore: Path, password_file: Path, socket: Path, group: str | None
) -> None:
    """Sign attestations for one member until SIGTERM or Ctrl-C.

    A second signer, or a member, with the same keystore refuses to start; so does a second member
    on this signer's socket. A copy of the keystore elsewhere cannot be known: keep one.
    """
    configure_logging("info", None)
    with locked_key(keystore, password_file) as key:

        async def serve() -> None:
            stop = set_by(signal.SIGTERM, signal.SIGINT)
            async with running_signer(key, socket, group=group):
                _log.info("signing", public_key=key.public_key.hex0x, socket=str(socket))
                await stop.wait()
            _log.info("stopped")

        asyncio.run(serve())
