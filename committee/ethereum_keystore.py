"""A secp256k1 key on disk: an encrypted keystore of Ethereum's wallets, and never bare.

Web3 Secret Storage, version 3: what geth, clef and every wallet reads and writes.
https://github.com/ethereum/wiki/wiki/Web3-Secret-Storage-Definition
"""

from __future__ import annotations

from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from committee.ciphers import aes_128_ctr, keccak256
from committee.disk import create_file, read_file
from committee.errors import BadDocument, BadSigner, WrongPassword
from committee.passwords import (
    LONGEST_KEYSTORE_BYTES,
    OWNER_ONLY,
    Hex32,
    Iv,
    Kdf,
    Pbkdf2Params,
    ScryptParams,
    derived,
    require_affordable,
    require_strong,
)
from committee.secp256k1 import EthereumKey


class _CipherParams(msgspec.Struct, frozen=True, kw_only=True):
    iv: Iv


class _Crypto(msgspec.Struct, frozen=True, kw_only=True):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _CipherParams
    ciphertext: Hex32
    mac: Hex32


class _Scrypt(_Crypto, frozen=True, kw_only=True, tag_field="kdf", tag="scrypt"):
    kdfparams: ScryptParams


class _Pbkdf2(_Crypto, frozen=True, kw_only=True, tag_field="kdf", tag="pbkdf2"):
    kdfparams: Pbkdf2Params


class _Keystore(msgspec.Struct, frozen=True, kw_only=True):
    crypto: _Scrypt | _Pbkdf2
    id: str
    version: Literal[3]
    address: Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{40}$")] | None = None
    """The definition does without; every wallet writes it."""


def write_ethereum_keystore(
    path: Path,
    key: EthereumKey,
    password: str,
    *,
    kdf: Kdf = "scrypt",
    rounds: int | None = None,
) -> None:
    """Encrypt a key into a new file that only its owner may read. Durable when this returns.

    The password is used as it is, in UTF-8. Fewer `rounds` than usual: as in `write_keystore`.
    Raises WeakPassword, FileExistsError (a keystore is never replaced), OSError.
    """
    from committee.ethereum import encrypted_wallet  # takes 0.4 s

    require_strong(password)
    document = encrypted_wallet(key.reveal(), password.encode(), kdf, rounds)
    document["address"] = key.address.hex()
    data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    create_file(path, data, OWNER_ONLY)


def read_ethereum_keystore(path: Path, password: str) -> EthereumKey:
    """The key in a keystore, whoever made it. Raises BadDocument, WrongPassword, OSError."""
    keystore = _parse(path)
    crypto = keystore.crypto
    key_of = derived(password.encode(), crypto.kdfparams)
    ciphertext = bytes.fromhex(crypto.ciphertext)
    if not compare_digest(keccak256(key_of.checksum_key + ciphertext), bytes.fromhex(crypto.mac)):
        raise WrongPassword(source=str(path))
    iv = bytes.fromhex(crypto.cipherparams.iv)
    try:
        key = EthereumKey(aes_128_ctr(key_of.cipher_key, iv, ciphertext))
    except BadSigner as error:
        reason = "what it holds is no secret key of secp256k1"
        raise BadDocument(source=str(path), reason=reason) from error
    named = keystore.address
    if named is not None and bytes.fromhex(named.removeprefix("0x")) != key.address:
        raise BadDocument(source=str(path), reason="its address is not that of its secret")
    return key


def _parse(path: Path) -> _Keystore:
    data = read_file(path, LONGEST_KEYSTORE_BYTES)
    try:
        keystore = msgspec.json.decode(data, type=_Keystore)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadDocument(source=str(path), reason=str(error)) from error
    require_affordable(str(path), keystore.crypto.kdfparams)
    return keystore
