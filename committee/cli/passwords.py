"""How the commands that make and open keystores come by a password."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from getpass import GetPassWarning
from pathlib import Path
from typing import Any, Final

import click

from committee.passwords import read_password

PASSWORD_FILE: Final[Callable[[Any], Any]] = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the password from this file (without its last line break), not from a terminal.",
)

KDF: Final[Callable[[Any], Any]] = click.option(
    "--kdf",
    type=click.Choice(["scrypt", "pbkdf2"]),
    default="scrypt",
    show_default=True,
    help="What makes guessing the password slow; pbkdf2 where 256 MiB of memory are too much.",
)


def password_of(file: Path | None, *, confirm: bool) -> str:
    """The password in a file, or typed on the terminal, twice where it makes a keystore.

    Raises as `read_password` does, click.UsageError where there is no terminal.
    """
    if file is not None:
        return read_password(file)
    with warnings.catch_warnings():
        # It would read the password from wherever the input comes, and show it.
        warnings.simplefilter("error", GetPassWarning)
        try:
            password: str = click.prompt(
                "Password", hide_input=True, confirmation_prompt=confirm, err=True
            )
        except GetPassWarning:
            raise click.UsageError(
                "there is no terminal to ask for the password on; name --password-file"
            ) from None
    return password
