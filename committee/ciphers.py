"""The one door to what `pycryptodome` gives us: Keccak, and what opens a keystore.

`hashlib` has PBKDF2, and a scrypt that refuses the costs of the Web3 definition's own vector.
"""

from __future__ import annotations

from hashlib import pbkdf2_hmac
from typing import Final

from Crypto.Cipher import AES
from Crypto.Hash import keccak
from Crypto.Protocol import KDF

DERIVED_BYTES: Final = 32
"""Of a key that a password gives: the first half is the cipher's, the second the checksum's."""


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash, 32 bytes. It is not SHA3-256."""
    return bytes(keccak.new(digest_bits=256, data=data).digest())


def scrypt(password: bytes, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    """The key of 32 bytes that a password gives; takes 128·n·r bytes of memory."""
    key = KDF.scrypt(password, salt, DERIVED_BYTES, N=n, r=r, p=p)  # type: ignore[arg-type]
    assert isinstance(key, bytes)  # one key was asked for
    return key


def pbkdf2(password: bytes, salt: bytes, *, rounds: int) -> bytes:
    """The key of 32 bytes that a password gives, with HMAC-SHA-256."""
    return pbkdf2_hmac("sha256", password, salt, rounds, DERIVED_BYTES)


def aes_128_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Decrypts; the counter of 128 bits begins at `iv`."""
    return bytes(AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=iv).decrypt(data))
