"""`holdfast devchain`: a chain on this machine with a settlement on it. For development only."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from signal import Signals
from typing import Annotated, Any, ClassVar

import click
from msgspec import Meta

from bridge_client.anvil import anvil
from bridge_client.devchain import Deploying, Windows, serve
from committee.cli.keysets import read_committee
from committee.cli.signals import set_by
from committee.ethereum_keystore import read_ethereum_keystore
from committee.passwords import read_password
from committee.secp256k1 import Address
from da_node.service import (
    BadConfiguration,
    MalformedRequest,
    Output,
    Settings,
    configure_logging,
    load,
    settings_flags,
    with_output,
)

HARDFORK = "osaka"
BLOCK_S = 1
SAVED_EVERY_S = 60
"""What a chain that is killed has lost when it is started again, at most."""


class DevchainSettings(Settings, frozen=True, kw_only=True):
    """A development chain, and what lies on it."""

    environment_prefix: ClassVar[str] = "HOLDFAST_DEVCHAIN_"

    port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of /v1/deployment and /readyz.")
    ] = 0
    rpc_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of the JSON-RPC; 0 takes any free one.")
    ] = 0
    directory: Annotated[
        Path, Meta(description="Where the chain is kept, and the journal of who deployed.")
    ] = Path("holdfast-devchain")
    keystore: Annotated[
        Path | None,
        Meta(
            description="The account that deploys and is the sequencer, encrypted.",
            extra={"default_means": "none: one must be named"},
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(
            description="File with the keystore's password, on one line.",
            extra={"default_means": "none: one must be named"},
        ),
    ] = None
    keysets: Annotated[
        str | None,
        Meta(
            description="Files of the keysets that are registered, by commas.",
            extra={"default_means": "none: one must be named"},
        ),
    ] = None
    samplers: Annotated[
        str | None,
        Meta(
            description="Samplers that are admitted, by their addresses, with commas.",
            extra={"default_means": "none"},
        ),
    ] = None
    accounts: Annotated[
        str | None,
        Meta(
            description="Accounts that are given ether, by commas.",
            extra={"default_means": "none"},
        ),
    ] = None
    challenge_period_s: Annotated[
        int,
        Meta(
            ge=1, le=86_400, description="Of a batch, until it is final.", extra={"unit": "seconds"}
        ),
    ] = 20
    response_window_s: Annotated[
        int,
        Meta(ge=1, le=86_400, description="Time to answer a challenge.", extra={"unit": "seconds"}),
    ] = 10
    verdict_lifetime_s: Annotated[
        int,
        Meta(
            ge=1, le=86_400, description="How long *available* counts.", extra={"unit": "seconds"}
        ),
    ] = 3600
    quorum: Annotated[
        int, Meta(ge=1, le=64, description="Verdicts that make final, and that object.")
    ] = 1

    def check(self) -> None:
        """Raises BadConfiguration."""
        for name in ("keystore", "password_file", "keysets"):
            if getattr(self, name) is None:
                raise BadConfiguration(source="settings", name=name, reason="must be named")
        _ = (self.addresses("samplers"), self.addresses("accounts"))

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Those of a setting. Raises BadConfiguration."""
        try:
            return tuple(map(Address.from_hex, _parts(getattr(self, name))))
        except MalformedRequest as error:
            raise BadConfiguration(source="settings", name=name, reason=str(error)) from None

    def deploying(self) -> Deploying:
        """Reads the files. Raises BadDocument, WrongPassword, OSError."""
        assert self.keystore is not None  # `check` has seen to it
        assert self.password_file is not None
        return Deploying(
            directory=self.directory / "journal",
            key=read_ethereum_keystore(self.keystore, read_password(self.password_file)),
            keysets=[read_committee(Path(path)).keyset for path in _parts(self.keysets)],
            samplers=self.addresses("samplers"),
            accounts=self.addresses("accounts"),
            windows=Windows(
                challenge_period_s=self.challenge_period_s,
                response_window_s=self.response_window_s,
                verdict_lifetime_s=self.verdict_lifetime_s,
                quorum=self.quorum,
            ),
        )


@click.group("devchain")
def devchain() -> None:
    """A chain on this machine with a settlement on it. For development only."""


@devchain.command("run")
@settings_flags(DevchainSettings)
@with_output
def run(output: Output, config: Path | None, **flags: Any) -> None:
    """Run anvil, with a block a second and the contracts, until SIGTERM or Ctrl-C.

    The next run goes on with the chain of `directory`. Exit codes: 0 stopped, 1 failed, 2 wrong
    settings.
    """
    settings = load(DevchainSettings, file=config, environment=os.environ, flags=flags)
    configure_logging("info")
    what = settings.deploying()
    settings.directory.mkdir(parents=True, exist_ok=True)
    options = ["--block-time", str(BLOCK_S), "--state", str(settings.directory / "chain.json")]
    options += ["--state-interval", str(SAVED_EVERY_S)]
    with anvil(HARDFORK, *options, port=settings.rpc_port) as url:
        asyncio.run(_run(url, what, settings.port))


async def _run(url: str, what: Deploying, port: int) -> None:
    await serve(url, what, port, set_by(Signals.SIGTERM, Signals.SIGINT))


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
