"""`holdfast sampler run` and `keygen`."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path
from typing import Any, Literal

import click

from committee.cli.passwords import KDF, PASSWORD_FILE, password_of
from committee.ethereum_keystore import write_ethereum_keystore
from committee.secp256k1 import SECRET_BYTES, EthereumKey
from da_node.service import Output, configure_logging, load, settings_flags, with_output
from da_node.service.kzg_pool import KzgPool
from sampler.serving import run_sampler
from sampler.settings import SamplerSettings


@click.command("run")
@settings_flags(SamplerSettings)
@with_output
def run_command(output: Output, config: Path | None, **flags: Any) -> None:
    """Follow feeds, sample every new blob and give verdicts, until SIGTERM or Ctrl-C.

    Settings come from --config, the environment and flags, each overriding the one before. What was
    being sampled is resumed by the next start, with the same sample. Exit codes: 0 stopped,
    1 failed, 2 wrong settings.
    """
    settings = load(SamplerSettings, file=config, environment=os.environ, flags=flags)
    configure_logging(settings.log_level, settings.log_json)
    asyncio.run(_run(settings))


async def _run(settings: SamplerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_sampler(settings, kzg=KzgPool(settings.kzg_workers, proves=False), stop=stop)


@click.command("keygen")
@click.argument("keystore", type=click.Path(dir_okay=False, path_type=Path))
@PASSWORD_FILE
@KDF
@with_output
def keygen_command(
    output: Output, keystore: Path, password_file: Path | None, kdf: Literal["scrypt", "pbkdf2"]
) -> None:
    """Draw the key that verdicts are signed with, into a new KEYSTORE, encrypted.

    KEYSTORE (Web3 Secret Storage, version 3) does not replace another file. The password is asked
    for twice. Prints the address under which verdicts are trusted. Exit codes: 0 written,
    1 not written, 2 wrong usage.
    """
    if keystore.exists():
        raise click.UsageError(f"{keystore} is there already, and is not replaced")
    key = EthereumKey(secrets.token_bytes(SECRET_BYTES))
    password = password_of(password_file, confirm=True)
    with output.progress("encrypting the key", 0):
        write_ethereum_keystore(keystore, key, password, kdf=kdf)
    output.result({"keystore": str(keystore), "address": key.address.hex0x}, key.address.hex0x)
