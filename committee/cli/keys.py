"""`holdfast committee keygen` and `introduce`: a member's key, and what it hands to the others."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import click
import msgspec

from committee.bls import ENTROPY_BYTES, SecretKey
from committee.cli.passwords import KDF, PASSWORD_FILE, password_of
from committee.disk import create_file
from committee.documents import Member
from committee.keystore import read_keystore, write_keystore
from da_node.service import Output, with_output

_FOR_EVERYONE = 0o644

F = TypeVar("F", bound=Callable[..., None])


def _identity(command: F) -> F:
    """The options that both commands take."""
    for option in (
        PASSWORD_FILE,
        click.option("--url", required=True, help="Where the member will be reached."),
        click.option("--name", required=True, help="What people call the member."),
        click.option(
            "-o",
            "--output",
            "target",
            required=True,
            metavar="MEMBER",
            type=click.Path(dir_okay=False, path_type=Path),
            help="File to write for whoever makes the keyset; nothing in it is secret.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("keystore", type=click.Path(dir_okay=False, path_type=Path))
@_identity
@KDF
@with_output
def keygen(
    output: Output,
    keystore: Path,
    target: Path,
    name: str,
    url: str,
    password_file: Path | None,
    kdf: Literal["scrypt", "pbkdf2"],
) -> None:
    """Make a member's key: KEYSTORE, encrypted (EIP-2335), and the public file MEMBER.

    Neither file replaces another. The password is asked for twice. Keep a copy of KEYSTORE and of
    the password in different places: without them the member can never sign again.
    Exit codes: 0 written, 1 not written, 2 wrong usage.
    """
    key = SecretKey.generate(secrets.token_bytes(ENTROPY_BYTES))
    member = Member.introduce(key, name, url)
    if keystore.resolve() == target.resolve():
        raise click.UsageError(f"{keystore} cannot be both files")
    for path in (keystore, target):
        if path.exists():
            raise click.UsageError(f"{path} is there already, and is not replaced")
    password = password_of(password_file, confirm=True)
    with output.progress("encrypting the key", 0):
        write_keystore(
            keystore,
            key,
            password,
            kdf=kdf,
            description=f"holdfast member {name}",
        )
    # a crash here leaves a keystore without its public file, which `introduce` makes again
    create_file(target, member.serialize(), _FOR_EVERYONE)
    _show(output, member, keystore, target)


@click.command()
@click.argument("keystore", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_identity
@with_output
def introduce(
    output: Output, keystore: Path, target: Path, name: str, url: str, password_file: Path | None
) -> None:
    """Write the public file MEMBER of a KEYSTORE that is there already.

    For a key made elsewhere, a new name or a new address. Exit codes: 0 written, 1 KEYSTORE does
    not open or MEMBER cannot be written, 2 wrong usage.
    """
    key = read_keystore(keystore, password_of(password_file, confirm=False))
    member = Member.introduce(key, name, url)
    create_file(target, member.serialize(), _FOR_EVERYONE)
    _show(output, member, keystore, target)


def _show(output: Output, member: Member, keystore: Path, target: Path) -> None:
    document = {
        "keystore": str(keystore),
        "member": str(target),
        **msgspec.json.decode(member.serialize()),
    }
    text = f"public key {member.public_key.hex0x}\nkeystore   {keystore}\nmember     {target}"
    output.result(document, text)
