"""Throw-away keys of a local network, each made once in a file and found again there.

Their password is the committee's own, at hand beside them, so guessing it need not be slow.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from committee.devnet.founding import Founding
from committee.ethereum_keystore import read_ethereum_keystore, write_ethereum_keystore
from committee.passwords import read_password
from committee.secp256k1 import SECRET_BYTES, Address, EthereumKey

_ROUNDS: Final = 1000
"""Of the keystore's key derivation."""


def key_in(keystore: Path, founding: Founding) -> Address:
    """The address of the key in a file, which is made if it is not there.

    Raises BadDocument, WrongPassword, OSError.
    """
    password = read_password(founding.password)
    if not keystore.exists():
        keystore.parent.mkdir(parents=True, exist_ok=True)
        key = EthereumKey(secrets.token_bytes(SECRET_BYTES))
        write_ethereum_keystore(keystore, key, password, kdf="pbkdf2", rounds=_ROUNDS)
    return read_ethereum_keystore(keystore, password).address
