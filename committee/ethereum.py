"""The one door to Ethereum's keys and keystores, and the `eth-keyfile` package behind it.

Importing `eth-keyfile` imports `py_ecc`, which raises the interpreter's recursion limit to 100,000
for the whole process: from then on nested JSON of another machine's would overflow the stack and
kill us, instead of being refused. The limit is put back here, so nothing else may import them.
The import takes 0.4 s; whoever can do without keystores imports this late.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

_limit = sys.getrecursionlimit()
try:
    from eth_keyfile.exceptions import EthKeyfileValueError
    from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json
finally:
    sys.setrecursionlimit(_limit)

Kdf = Literal["scrypt", "pbkdf2"]


def encrypted(
    secret: bytes, password: bytes, kdf: Kdf, description: str, rounds: int | None = None
) -> dict[str, Any]:
    """An EIP-2335 keystore of a BLS secret, as the members of its JSON object.

    `password` is UTF-8, prepared as the EIP says. Its path is empty: the key is derived from none.
    scrypt: n = 262,144, r = 8, p = 1 (256 MiB, half a second). pbkdf2: 1,000,000 rounds. `rounds`
    stands for n, or for the rounds.
    """
    document: dict[str, Any] = create_keyfile_json(
        secret,
        password,
        version=4,
        kdf=kdf,
        iterations=rounds,
        description=description,
        path="",
    )
    return document


def encrypted_wallet(
    secret: bytes, password: bytes, kdf: Kdf, rounds: int | None = None
) -> dict[str, Any]:
    """A Web3 Secret Storage keystore, version 3, of a secp256k1 secret, as the members of its JSON
    object. `password` is UTF-8; the costs are those of `encrypted`.
    """
    document: dict[str, Any] = create_keyfile_json(
        secret, password, version=3, kdf=kdf, iterations=rounds
    )
    return document


def decrypted(document: dict[str, Any], password: bytes) -> bytes | None:
    """The secret of a keystore of either kind, whose form has been checked; None if the password,
    which for EIP-2335 has been prepared as the EIP says, does not open it.
    """
    try:
        return bytes(decode_keyfile_json(document, password))
    except EthKeyfileValueError:  # it raises this for the checksum alone
        return None
