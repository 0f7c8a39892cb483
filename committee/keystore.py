"""A member's secret key on disk: an encrypted EIP-2335 keystore, version 4, and never bare.

https://github.com/ethereum/ERCs/blob/000d8147da236a0025d1082433a7cda9f1adc6f7/ERCS/erc-2335.md
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from committee.bls import PublicKey, SecretKey
from committee.ciphers import aes_128_ctr
from committee.disk import create_file, read_file
from committee.errors import BadDocument, BadPoint, WrongPassword
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
from da_node.service import WrongLength


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class _Scrypt(_Part, frozen=True, kw_only=True, tag_field="function", tag="scrypt"):
    params: ScryptParams
    message: Literal[""]


class _Pbkdf2(_Part, frozen=True, kw_only=True, tag_field="function", tag="pbkdf2"):
    params: Pbkdf2Params
    message: Literal[""]


class _Checksum(_Part, frozen=True, kw_only=True):
    function: Literal["sha256"]
    params: dict[str, Any]
    message: Hex32


class _CipherParams(_Part, frozen=True, kw_only=True):
    iv: Iv


class _Cipher(_Part, frozen=True, kw_only=True):
    function: Literal["aes-128-ctr"]
    params: _CipherParams
    message: Hex32


class _Crypto(_Part, frozen=True, kw_only=True):
    kdf: _Scrypt | _Pbkdf2
    checksum: _Checksum
    cipher: _Cipher


class _Keystore(_Part, frozen=True, kw_only=True):
    crypto: _Crypto
    path: str
    uuid: str
    version: Literal[4]
    pubkey: Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{96}$")]
    description: str = ""


def prepare_password(password: str) -> bytes:
    """The password as the EIP has it: NFKD, without C0, C1 and Delete, in UTF-8."""
    return "".join(
        char
        for char in unicodedata.normalize("NFKD", password)
        if unicodedata.category(char) != "Cc"
    ).encode()


def write_keystore(
    path: Path,
    key: SecretKey,
    password: str,
    *,
    kdf: Kdf = "scrypt",
    description: str = "",
    rounds: int | None = None,
) -> None:
    """Encrypt a key into a new file that only its owner may read. Durable when this returns.

    Fewer `rounds` than usual leave the password easy to guess: they are for a key whose password
    lies beside it, where guessing is not what stands between.

    Raises WeakPassword, FileExistsError (a keystore is never replaced), OSError.
    """
    from committee.ethereum import encrypted  # takes 0.4 s

    prepared = prepare_password(password)
    require_strong(prepared.decode())
    document = encrypted(key.reveal(), prepared, kdf, description, rounds)
    data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    create_file(path, data, OWNER_ONLY)


def read_keystore(path: Path, password: str) -> SecretKey:
    """The key in a keystore, whoever made it. Raises BadDocument, WrongPassword, OSError."""
    keystore = _parse(path)
    crypto = keystore.crypto
    key_of = derived(prepare_password(password), crypto.kdf.params)
    ciphertext = bytes.fromhex(crypto.cipher.message)
    checksum = sha256(key_of.checksum_key + ciphertext).digest()
    if not compare_digest(checksum, bytes.fromhex(crypto.checksum.message)):
        raise WrongPassword(source=str(path))
    iv = bytes.fromhex(crypto.cipher.params.iv)
    try:
        key = SecretKey(aes_128_ctr(key_of.cipher_key, iv, ciphertext))
    except (BadPoint, WrongLength) as error:
        raise BadDocument(source=str(path), reason="what it holds is no BLS secret") from error
    if key.public_key != _public_key(keystore):
        raise BadDocument(source=str(path), reason="its pubkey is not that of its secret")
    return key


def read_public_key(path: Path) -> PublicKey:
    """The public key that a keystore names, which without its password cannot be checked.

    Raises BadDocument, BadPoint, OSError.
    """
    return PublicKey(_public_key(_parse(path)))


def _parse(path: Path) -> _Keystore:
    data = read_file(path, LONGEST_KEYSTORE_BYTES)
    try:
        keystore = msgspec.json.decode(data, type=_Keystore)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadDocument(source=str(path), reason=str(error)) from error
    require_affordable(str(path), keystore.crypto.kdf.params)
    return keystore


def _public_key(keystore: _Keystore) -> bytes:
    return bytes.fromhex(keystore.pubkey.removeprefix("0x"))
