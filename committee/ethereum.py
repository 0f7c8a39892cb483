"""The one door to the making of Ethereum's keystores, and the `eth-keyfile` package behind it.

Importing `eth-keyfile` imports `py_ecc`, which raises the interpreter's recursion limit to 100,000
for the whole process: from then on nested JSON of another machine's would overflow the stack and
kill us, instead of being refused. The limit is put back here, so nothing else may import them.
The import takes 0.4 s: whoever makes a keystore imports this then. Keystores are opened without it.
"""

from __future__ import annotations

import sys
from typing import Any

from committee.passwords import Kdf

_limit = sys.getrecursionlimit()
try:
    from eth_keyfile.keyfile import create_keyfile_json
finally:
    sys.setrecursionlimit(_limit)


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
