"""Keystores of secp256k1 keys: the definition's own vectors, and what eth-account makes of ours."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from eth_account import Account

from committee.errors import BadDocument, WeakPassword, WrongPassword
from committee.ethereum_keystore import read_ethereum_keystore, write_ethereum_keystore
from committee.secp256k1 import EthereumKey

# Web3 Secret Storage Definition, version 3, "Test Vectors".
PASSWORD = "testpassword"
SECRET = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
ADDRESS = "008aeeda4d805471df9b2a5b0f38a0c3bcba786b"
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
KEY = EthereumKey(bytes(31) + b"\x07")
"""One with zeros at its head, which an integer would lose."""


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


@pytest.mark.parametrize(
    "document",
    [
        SCRYPT,
        PBKDF2,
        altered(PBKDF2, "address", value=ADDRESS),
        altered(PBKDF2, "address", value="0x" + ADDRESS.upper()),
    ],
    ids=["scrypt", "pbkdf2", "with its address", "with its address in capitals"],
)
def test_the_definitions_own_keystores_open_with_its_password(tmp_path, document):
    key = read_ethereum_keystore(stored(tmp_path, document), PASSWORD)
    assert key.reveal().hex() == SECRET
    assert key.address.hex() == ADDRESS


@pytest.mark.parametrize("password", ["", "Testpassword", "testpassword ", "test\npassword"])
def test_another_password_does_not(tmp_path, password):
    with pytest.raises(WrongPassword):
        read_ethereum_keystore(stored(tmp_path, PBKDF2), password)


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_a_key_comes_back_from_its_file_here_and_in_eth_account(tmp_path, kdf):
    path = tmp_path / "keystore"
    previous = os.umask(0)
    try:
        write_ethereum_keystore(path, KEY, "correct hörse", kdf=kdf)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert read_ethereum_keystore(path, "correct hörse").reveal() == KEY.reveal()
    assert bytes(Account.decrypt(path.read_text(), "correct hörse")) == KEY.reveal()
    document = json.loads(path.read_bytes())
    assert (document["version"], document["crypto"]["kdf"]) == (3, kdf)
    assert document["address"] == KEY.address.hex()
    assert KEY.reveal().hex() not in path.read_text()


def test_what_eth_account_writes_opens_here(tmp_path):
    document = Account.encrypt(KEY.reveal(), "correct horse", kdf="pbkdf2", iterations=2)
    key = read_ethereum_keystore(stored(tmp_path, document), "correct horse")
    assert key.address == KEY.address


def test_a_key_is_never_replaced(tmp_path):
    path = stored(tmp_path, PBKDF2)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_ethereum_keystore(path, KEY, "correct horse", kdf="pbkdf2", rounds=1000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_password_too_short_to_protect_a_key_is_refused(tmp_path):
    with pytest.raises(WeakPassword):
        write_ethereum_keystore(tmp_path / "k", KEY, "seven77")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[" * 50_000,
        b"{}",
        altered(PBKDF2, "version", value=4),
        altered(PBKDF2, "version", value=...),
        altered(PBKDF2, "id", value=...),
        altered(PBKDF2, "address", value="00"),
        altered(PBKDF2, "crypto", "kdf", value="argon2"),
        altered(PBKDF2, "crypto", "kdf", value=...),
        altered(PBKDF2, "crypto", "cipher", value="aes-256-ctr"),
        altered(PBKDF2, "crypto", "ciphertext", value="00"),
        altered(PBKDF2, "crypto", "mac", value="00"),
        altered(PBKDF2, "crypto", "cipherparams", "iv", value=""),
        altered(PBKDF2, "crypto", "kdfparams", "c", value=2**40),
        altered(PBKDF2, "crypto", "kdfparams", "dklen", value=16),
        altered(PBKDF2, "crypto", "kdfparams", "prf", value="hmac-md5"),
        altered(SCRYPT, "crypto", "kdfparams", "n", value=262143),
        altered(SCRYPT, "crypto", "kdfparams", "r", value=64),
        {**PBKDF2, "more": "x" * 70_000},
    ],
)
def test_what_is_no_keystore_within_reason_is_refused_before_any_work(tmp_path, document):
    path = stored(tmp_path, document)
    with pytest.raises(BadDocument) as refused:
        read_ethereum_keystore(path, PASSWORD)
    assert refused.value.source == str(path)


def test_an_address_that_is_not_the_secrets_is_refused(tmp_path):
    other = altered(PBKDF2, "address", value=KEY.address.hex())
    with pytest.raises(BadDocument, match="not that of its secret"):
        read_ethereum_keystore(stored(tmp_path, other), PASSWORD)


def test_a_ciphertext_that_was_changed_is_refused(tmp_path):
    changed = altered(PBKDF2, "crypto", "ciphertext", value="00" * 32)
    with pytest.raises(WrongPassword):  # the mac is over it
        read_ethereum_keystore(stored(tmp_path, changed), PASSWORD)


def test_a_keystore_of_a_number_that_is_no_key_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("committee.ethereum_keystore.aes_128_ctr", lambda *_: bytes(32))
    with pytest.raises(BadDocument, match="no secret key"):
        read_ethereum_keystore(stored(tmp_path, PBKDF2), PASSWORD)
