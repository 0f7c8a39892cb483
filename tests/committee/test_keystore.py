"""Keystores: the EIP's own vectors, and what may be done to a file with a key in it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from committee_specimens import secret

from committee.bls import SecretKey
from committee.errors import BadDocument, WeakPassword, WrongPassword
from committee.keystore import (
    prepare_password,
    read_keystore,
    read_public_key,
    write_keystore,
)

# ERC-2335, "Test Cases", of the commit that committee/keystore.py names.
PASSWORD = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑"
PREPARED = "7465737470617373776f7264f09f9491"
SECRET = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
PUBLIC = (
    "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27"
    "f4ae4040902382ae2910c15e2b420d07"
)
SALT = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
SCRYPT = {
    "crypto": {
        "kdf": {
            "function": "scrypt",
            "params": {"dklen": 32, "n": 262144, "p": 1, "r": 8, "salt": SALT},
            "message": "",
        },
        "checksum": {
            "function": "sha256",
            "params": {},
            "message": "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484",
        },
        "cipher": {
            "function": "aes-128-ctr",
            "params": {"iv": "264daa3f303d7259501c93d997d84fe6"},
            "message": "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f",
        },
    },
    "description": "This is a test keystore that uses scrypt to secure the secret.",
    "pubkey": PUBLIC,
    "path": "m/12381/60/3141592653/589793238",
    "uuid": "1d85ae20-35c5-4611-98e8-aa14a633906f",
    "version": 4,
}
PBKDF2 = {
    "crypto": {
        "kdf": {
            "function": "pbkdf2",
            "params": {"dklen": 32, "c": 262144, "prf": "hmac-sha256", "salt": SALT},
            "message": "",
        },
        "checksum": {
            "function": "sha256",
            "params": {},
            "message": "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1",
        },
        "cipher": {
            "function": "aes-128-ctr",
            "params": {"iv": "264daa3f303d7259501c93d997d84fe6"},
            "message": "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad",
        },
    },
    "description": "This is a test keystore that uses PBKDF2 to secure the secret.",
    "pubkey": PUBLIC,
    "path": "m/12381/60/0/0",
    "uuid": "64625def-3331-4eea-ab6f-782f3ed16a83",
    "version": 4,
}


def stored(directory: Path, document) -> Path:
    path = directory / "keystore.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path


def altered(document, *keys, value):
    """The document with the value at that place; absent if the value is `...`."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return copy


@pytest.mark.parametrize("document", [SCRYPT, PBKDF2], ids=["scrypt", "pbkdf2"])
def test_the_eips_own_keystores_open_with_its_password(tmp_path, document):
    key = read_keystore(stored(tmp_path, document), PASSWORD)
    assert key.reveal().hex() == SECRET
    assert key.public_key.hex() == PUBLIC
    assert read_public_key(stored(tmp_path, document)) == key.public_key


def test_the_password_is_normalised_and_control_characters_are_stripped():
    assert prepare_password(PASSWORD).hex() == PREPARED
    controls = "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)]))
    assert prepare_password(controls + "test" + controls + "password🔑").hex() == PREPARED
    assert prepare_password("a b") == b"a b"
    assert prepare_password("\u212b") == prepare_password("\u00c5") == "A\u030a".encode()


def test_the_same_password_written_in_another_way_opens(tmp_path):
    read_keystore(stored(tmp_path, PBKDF2), "test\npass\x7fword🔑")


@pytest.mark.parametrize("password", ["", "testpassword", "Testpassword🔑", PREPARED])
def test_another_password_does_not(tmp_path, password):
    with pytest.raises(WrongPassword):
        read_keystore(stored(tmp_path, PBKDF2), password)


def test_a_key_comes_back_from_its_file_which_only_its_owner_reads(tmp_path):
    path = tmp_path / "member.keystore"
    previous = os.umask(0)
    try:
        write_keystore(
            path, secret(1), "correct horse", kdf="pbkdf2", rounds=1000, description="member 1"
        )
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert read_keystore(path, "correct horse").reveal() == secret(1).reveal()
    document = json.loads(path.read_bytes())
    assert set(document) >= {"crypto", "path", "uuid", "version", "pubkey", "description"}
    assert (document["version"], document["path"]) == (4, "")
    assert document["pubkey"] == secret(1).public_key.hex()
    assert secret(1).reveal().hex() not in path.read_text()


def test_scrypt_is_what_a_key_is_written_with_unless_said_otherwise(tmp_path):
    path = tmp_path / "member.keystore"
    write_keystore(path, secret(1), "correct horse")
    kdf = json.loads(path.read_bytes())["crypto"]["kdf"]
    assert kdf["function"] == "scrypt"
    assert kdf["params"]["n"] == 262_144
    assert read_keystore(path, "correct horse").public_key == secret(1).public_key


def test_a_secret_with_leading_zeros_keeps_them(tmp_path):
    key = SecretKey((7).to_bytes(32, "big"))
    write_keystore(tmp_path / "k", key, "correct horse", kdf="pbkdf2", rounds=1000)
    assert read_keystore(tmp_path / "k", "correct horse").reveal() == key.reveal()


def test_a_key_is_never_replaced(tmp_path):
    path = stored(tmp_path, PBKDF2)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_keystore(path, secret(1), "correct horse", kdf="pbkdf2", rounds=1000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("password", ["", "seven77", "seven77\n\t\x7f"])
def test_a_password_too_short_to_protect_a_key_is_refused(tmp_path, password):
    with pytest.raises(WeakPassword):
        write_keystore(tmp_path / "k", secret(1), password)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[" * 50_000,
        b"{}",
        altered(PBKDF2, "version", value=3),
        altered(PBKDF2, "version", value=...),
        altered(PBKDF2, "path", value=...),
        altered(PBKDF2, "uuid", value=...),
        altered(PBKDF2, "pubkey", value="00"),
        altered(PBKDF2, "crypto", "kdf", "function", value="argon2"),
        altered(PBKDF2, "crypto", "kdf", "params", "c", value=2**40),
        altered(PBKDF2, "crypto", "kdf", "params", "dklen", value=64),
        altered(PBKDF2, "crypto", "kdf", "params", "prf", value="hmac-md5"),
        altered(PBKDF2, "crypto", "kdf", "params", "salt", value="zz"),
        altered(PBKDF2, "crypto", "checksum", "function", value="crc32"),
        altered(PBKDF2, "crypto", "cipher", "function", value="aes-256-ctr"),
        altered(PBKDF2, "crypto", "cipher", "message", value="00"),
        altered(PBKDF2, "crypto", "cipher", "params", "iv", value=""),
        altered(SCRYPT, "crypto", "kdf", "params", "n", value=2**24),
        altered(SCRYPT, "crypto", "kdf", "params", "n", value=262143),
        altered(PBKDF2, "description", value="x" * 70_000),
    ],
)
def test_what_is_no_keystore_within_reason_is_refused_before_any_work(tmp_path, document):
    path = stored(tmp_path, document)
    with pytest.raises(BadDocument) as refused:
        read_keystore(path, PASSWORD)
    assert refused.value.source == str(path)


def test_a_pubkey_that_is_not_the_secrets_is_refused(tmp_path):
    other = altered(PBKDF2, "pubkey", value=secret(1).public_key.hex())
    with pytest.raises(BadDocument, match="not that of its secret"):
        read_keystore(stored(tmp_path, other), PASSWORD)


def test_upper_case_hex_is_the_same_keystore(tmp_path):
    upper = altered(
        PBKDF2,
        "crypto",
        "checksum",
        "message",
        value=PBKDF2["crypto"]["checksum"]["message"].upper(),
    )
    assert read_keystore(stored(tmp_path, upper), PASSWORD).reveal().hex() == SECRET


def test_keystores_are_opened_without_what_raises_the_recursion_limit_which_making_one_puts_back():
    # a process of its own: here other tests have imported everything already
    program = (
        "import sys; before = sys.getrecursionlimit();"
        "import committee.keystore, committee.ethereum_keystore; late = 'py_ecc' in sys.modules;"
        "import committee.ethereum, py_ecc;"
        "sys.exit(late or sys.getrecursionlimit() != before)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
