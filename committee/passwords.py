"""Passwords of keystores: where they are read, and what deriving a key from one may cost.

Both kinds of keystore (`keystore`, `ethereum_keystore`) share this. Nothing here is slow to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from committee.ciphers import pbkdf2, scrypt
from committee.disk import read_file
from committee.errors import BadDocument, WeakPassword
from da_node.service import BadConfiguration

OWNER_ONLY: Final = 0o600
"""Permission bits of a keystore, and of a password's file."""

SHORTEST_PASSWORD: Final = 8
"""Characters that count."""

LONGEST_KEYSTORE_BYTES: Final = 64 * 1024
"""A keystore has about 800; the rest is room for its description."""

_LONGEST_PASSWORD_BYTES: Final = 4096
_EVERYBODY: Final = 0o007

# What opening a file may cost, whoever wrote it: scrypt takes 128·n·r bytes, so 1 GiB.
_MOST_SCRYPT_BYTES: Final = 1 << 30
_MostRounds = Annotated[int, msgspec.Meta(ge=1, le=1 << 26)]
_Small = Annotated[int, msgspec.Meta(ge=1, le=64)]
_Salt = Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{2}){1,256}$")]

Kdf = Literal["scrypt", "pbkdf2"]

Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
Iv = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{32}$")]


class ScryptParams(msgspec.Struct, frozen=True, kw_only=True):
    """scrypt, as both kinds of keystore write it."""

    dklen: Literal[32]
    n: Annotated[int, msgspec.Meta(ge=2, le=1 << 24)]
    r: _Small
    p: _Small
    salt: _Salt


class Pbkdf2Params(msgspec.Struct, frozen=True, kw_only=True):
    """PBKDF2, as both kinds of keystore write it."""

    dklen: Literal[32]
    c: _MostRounds
    prf: Literal["hmac-sha256"]
    salt: _Salt


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What a password gives under a keystore's own terms."""

    cipher_key: bytes
    """16 bytes, for aes-128-ctr."""
    checksum_key: bytes
    """16 bytes, which go before the ciphertext where it is hashed."""


def derived(password: bytes, params: ScryptParams | Pbkdf2Params) -> Derived:
    """Slow on purpose, within what `require_affordable` lets through."""
    salt = bytes.fromhex(params.salt)
    if isinstance(params, ScryptParams):
        key = scrypt(password, salt, n=params.n, r=params.r, p=params.p)
    else:
        key = pbkdf2(password, salt, rounds=params.c)
    return Derived(cipher_key=key[:16], checksum_key=key[16:])


def require_affordable(source: str, params: ScryptParams | Pbkdf2Params) -> None:
    """Opening the keystore takes memory and time within reason. Raises BadDocument."""
    if isinstance(params, ScryptParams):
        n, r = params.n, params.r
        if n & (n - 1) or 128 * n * r > _MOST_SCRYPT_BYTES:
            reason = f"scrypt with n = {n} and r = {r} is not within reason"
            raise BadDocument(source=source, reason=reason)


def require_strong(password: str) -> None:
    """A password long enough to encrypt a key with. Raises WeakPassword."""
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword(value=len(password), bound=SHORTEST_PASSWORD)


def require_both(keystore: Path | None, password_file: Path | None) -> None:
    """Settings that name a keystore name its password's file, and the other way round.

    Raises BadConfiguration, of the one that is absent.
    """
    if (keystore is None) != (password_file is None):
        absent = "keystore" if keystore is None else "password_file"
        reason = "keystore and password_file come together"
        raise BadConfiguration(source="settings", name=absent, reason=reason)


def read_password(path: Path) -> str:
    """The password in a file, which ends with its line; all else in the file is part of it.

    Raises BadConfiguration where everybody may read the file, BadDocument, OSError. The group is
    let be: what systemd hands over as a credential has an access list, whose mask shows as the
    group's bits.
    """
    if path.stat().st_mode & _EVERYBODY:
        reason = "everybody may read it; chmod 600 it"
        raise BadConfiguration(source=str(path), name="password file", reason=reason)
    try:
        text = read_file(path, _LONGEST_PASSWORD_BYTES).decode()
    except UnicodeDecodeError:
        raise BadDocument(source=str(path), reason="a password is UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
