"""The keys and the keyset of a local committee: made once in a directory, and found again there.

    committee/shape.json  keyset.json  password  disperser.json  member-0.json …

The directory is made beside its place and then put there: after a crash it is whole or absent.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from committee.bls import ENTROPY_BYTES, SecretKey
from committee.devnet.shape import Shape
from committee.disk import create_file, read_file
from committee.documents import LONGEST_DOCUMENT_BYTES, Committee, Member, committee_of
from committee.errors import BadDocument, OtherShape
from committee.ethereum_keystore import read_ethereum_keystore, write_ethereum_keystore
from committee.keystore import write_keystore
from committee.passwords import OWNER_ONLY, read_password
from committee.secp256k1 import SECRET_BYTES, EthereumKey
from committee.values import NetworkId
from da_node.coding import HASH_BYTES

_FOR_EVERYONE: Final = 0o644
_ROUNDS: Final = 1000
"""Of a keystore's key derivation: the password lies beside it, so guessing it need not be slow."""
_PASSWORD_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True)
class Founding:
    """Where the files of a local committee are, and what they say."""

    directory: Path
    committee: Committee
    disperser_key: EthereumKey

    @property
    def keyset(self) -> Path:
        """The keyset's file."""
        return self.directory / "keyset.json"

    @property
    def password(self) -> Path:
        """The file of the password of every keystore."""
        return self.directory / "password"

    @property
    def disperser_keystore(self) -> Path:
        """The file of the key that requests to members are signed with."""
        return self.directory / "disperser.json"

    def keystore(self, member: int) -> Path:
        """The file of a member's key."""
        return _keystore(self.directory, member)


def found(parent: Path, shape: Shape, urls: Sequence[str]) -> Founding:
    """The committee founded in `parent`, of this shape, whose members are reached at `urls`;
    founded now if there is none.

    Raises OtherShape where it is another one's, what making a keyset raises, OSError.
    """
    shape = shape.complete()
    directory = parent / "committee"
    if not directory.exists():
        partial = parent / "committee.partial"
        shutil.rmtree(partial, ignore_errors=True)  # of a founding that was cut short
        partial.mkdir()
        _make(partial, shape, urls)
        partial.rename(directory)
    _require_same(directory / "shape.json", shape)
    founding = founded(parent)
    for member, url in zip(founding.committee.members, urls, strict=True):
        if member.url != url:  # the file of ports is gone, or another one
            raise OtherShape(path=str(parent), name=member.name, value=member.url, wanted=url)
    return founding


def founded(parent: Path) -> Founding:
    """The committee that was founded in `parent`. Raises what reading its files raises, OSError."""
    directory = parent / "committee"
    data = read_file(directory / "keyset.json", LONGEST_DOCUMENT_BYTES)
    committee = Committee.parse(data, source=str(directory / "keyset.json"))
    password = read_password(directory / "password")
    return Founding(
        directory=directory,
        committee=committee,
        disperser_key=read_ethereum_keystore(directory / "disperser.json", password),
    )


def _make(directory: Path, shape: Shape, urls: Sequence[str]) -> None:
    keys = [SecretKey.generate(secrets.token_bytes(ENTROPY_BYTES)) for _ in urls]
    network_id = NetworkId(secrets.token_bytes(HASH_BYTES))
    keyset = shape.keyset(network_id, tuple(key.public_key for key in keys))
    members = [
        Member.introduce(key, f"member-{i}", url)
        for i, (key, url) in enumerate(zip(keys, urls, strict=True))
    ]
    password = secrets.token_hex(_PASSWORD_BYTES)
    for i, key in enumerate(keys):
        path = _keystore(directory, i)
        write_keystore(path, key, password, kdf="pbkdf2", description="throw-away", rounds=_ROUNDS)
    signing = EthereumKey(secrets.token_bytes(SECRET_BYTES))
    path = directory / "disperser.json"
    write_ethereum_keystore(path, signing, password, kdf="pbkdf2", rounds=_ROUNDS)
    create_file(directory / "password", f"{password}\n".encode(), OWNER_ONLY)
    serialized = committee_of(keyset, members).serialize()
    create_file(directory / "keyset.json", serialized, _FOR_EVERYONE)
    create_file(directory / "shape.json", msgspec.json.encode(shape), _FOR_EVERYONE)


def _require_same(file: Path, shape: Shape) -> None:
    try:
        there = msgspec.json.decode(read_file(file, LONGEST_DOCUMENT_BYTES), type=Shape)
    except msgspec.DecodeError as error:
        raise BadDocument(source=str(file), reason=str(error)) from error
    for name in Shape.__struct_fields__:
        value, wanted = getattr(there, name), getattr(shape, name)
        if value != wanted:
            raise OtherShape(path=str(file.parent.parent), name=name, value=value, wanted=wanted)


def _keystore(directory: Path, member: int) -> Path:
    return directory / f"member-{member}.json"
