"""`holdfast disperser`: run a disperser, and say who may post to it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path
from typing import Any, Literal

import click

from committee.cli.passwords import KDF, PASSWORD_FILE, password_of
from committee.cli.signals import set_by
from committee.disperser.serving import run_disperser
from committee.disperser.settings import DisperserSettings
from committee.disperser.tenant_file import change_tenants, read_tenants
from committee.disperser.tenants import ENTROPY_BYTES, Tenants, Token
from committee.ethereum_keystore import write_ethereum_keystore
from committee.secp256k1 import SECRET_BYTES, EthereumKey
from da_node.service import (
    BadConfiguration,
    NotFound,
    Output,
    configure_logging,
    load,
    parse_bytes,
    printable,
    settings_flags,
    with_output,
)
from da_node.service.kzg_pool import KzgPool

_file = click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The tenants' file.",
)


@click.group()
def disperser() -> None:
    """Run a disperser, and say who may post to it."""


@disperser.command()
@settings_flags(DisperserSettings)
@with_output
def run(output: Output, config: Path | None, **flags: Any) -> None:
    """Run a disperser until SIGTERM or Ctrl-C; what is under way then is finished first. SIGHUP
    makes it read the keysets' files again.

    Settings come from --config, the environment and flags, each overriding the one before. Without
    --tenants it listens on loopback only. Exit codes: 0 stopped, 1 failed, 2 wrong settings.
    """
    settings = load(DisperserSettings, file=config, environment=os.environ, flags=flags)
    configure_logging(settings.log_level, settings.log_json)
    asyncio.run(_run(settings))


async def _run(settings: DisperserSettings) -> None:
    await run_disperser(
        settings,
        kzg=KzgPool(settings.kzg_workers),
        stop=set_by(signal.SIGTERM, signal.SIGINT),
        changed=set_by(signal.SIGHUP),
    )


@disperser.command()
@click.argument("keystore", type=click.Path(dir_okay=False, path_type=Path))
@PASSWORD_FILE
@KDF
@with_output
def keygen(
    output: Output, keystore: Path, password_file: Path | None, kdf: Literal["scrypt", "pbkdf2"]
) -> None:
    """Draw the key that requests to members are signed with, into a new KEYSTORE, encrypted.

    KEYSTORE (Web3 Secret Storage, version 3) does not replace another file. The password is asked
    for twice. Prints the address under which members list this disperser. The key attests nothing:
    who has it can make members store blobs, until they strike the address off their list.
    Exit codes: 0 written, 1 not written, 2 wrong usage.
    """
    if keystore.exists():
        raise click.UsageError(f"{keystore} is there already, and is not replaced")
    key = EthereumKey(secrets.token_bytes(SECRET_BYTES))
    password = password_of(password_file, confirm=True)
    with output.progress("encrypting the key", 0):
        write_ethereum_keystore(keystore, key, password, kdf=kdf)
    output.result({"keystore": str(keystore), "address": key.address.hex0x}, key.address.hex0x)


@disperser.group()
def token() -> None:
    """Tokens of the tenants who may post. A running disperser follows every change at once."""


@token.command()
@click.argument("tenant")
@_file
@click.option("--label", "labels", multiple=True, help="Only under this label; may be repeated.")
@click.option("--requests", type=click.IntRange(1), help="Payloads an hour.", metavar="N")
@click.option("--bytes", "size", help="Bytes of payload an hour.", metavar="SIZE")
@with_output
def add(
    output: Output,
    tenant: str,
    path: Path,
    labels: tuple[str, ...],
    requests: int | None,
    size: str | None,
) -> None:
    """Make a token for TENANT and print it, this once: the file keeps only its SHA-256."""
    made: list[tuple[Token, str]] = []
    bytes_ = None if size is None else _size(size)
    entropy = secrets.token_bytes(ENTROPY_BYTES)

    def change(before: Tenants) -> Tenants:
        tenants, one, text = before.with_token(
            entropy, tenant, labels=labels, requests=requests, bytes_=bytes_
        )
        made.append((one, text))
        return tenants

    change_tenants(path, change)
    one, text = made[0]
    output.result({**_document(one), "token": text}, text)


@token.command()
@click.argument("token_id", metavar="ID")
@_file
@with_output
def revoke(output: Output, token_id: str, path: Path) -> None:
    """Revoke the token called ID (`token list` tells)."""

    def change(before: Tenants) -> Tenants:
        left = before.without(token_id)
        if left is None:
            raise NotFound(what="token", value=token_id)
        return left

    change_tenants(path, change)
    output.result({"revoked": token_id}, f"{token_id} revoked")


@token.command("list")
@_file
@with_output
def list_tokens(output: Output, path: Path) -> None:
    """List the tokens, by their ids."""
    tokens = read_tenants(path).tokens
    output.result(
        {"tokens": [_document(one) for one in tokens]}, "\n".join(_line(one) for one in tokens)
    )


def _document(one: Token) -> dict[str, Any]:
    return {
        "id": one.id,
        "tenant": one.tenant,
        "labels": list(one.labels),
        "requests_per_hour": one.requests,
        "bytes_per_hour": one.bytes,
    }


def _line(one: Token) -> str:
    requests = "any number" if one.requests is None else f"{one.requests:,}"
    size = "any number" if one.bytes is None else f"{one.bytes:,}"
    labels = f", labels {', '.join(one.labels)}" if one.labels else ""
    quota = f"{requests} of payloads and {size} of bytes an hour"
    return printable(f"{one.id}  {one.tenant}  {quota}{labels}")


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise BadConfiguration(source="command line", name="--bytes", reason=str(error)) from None
