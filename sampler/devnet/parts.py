"""The sampler as a part of a local network, and its key, made once and found again there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from committee.devnet.founding import Founding
from committee.devnet.parts import More
from committee.passwords import read_password
from committee.secp256k1 import SECRET_BYTES, Address, EthereumKey
from da_node.service.network import Part, Ports, SettingValue

SAMPLER: Final = "sampler"
_ROUNDS: Final = 1000
"""Of the keystore's key derivation: its password is at hand, so guessing it need not be slow."""


def sampler_part(
    directory: Path, founding: Founding, ports: Ports, disperser_url: str, more: More
) -> Part:
    """The sampler of the committee founded in `directory`; its key is made if there is none.

    It follows the disperser's feed and those of one member more than may be dishonest, so that
    whoever is silent, it hears of every blob. Raises BadDocument, WrongPassword, OSError.
    """
    keystore = _keystore(directory)
    if not keystore.exists():
        _make(keystore, founding)
    port = ports.of(SAMPLER)
    settings: dict[str, SettingValue] = {
        "port": port,
        "directory": directory / SAMPLER / "data",
        "feeds": ",".join([disperser_url, *_followed(founding)]),
        "keysets": founding.keyset,
        "keystore": keystore,
        "password_file": founding.password,
    }
    settings |= more.get(SAMPLER, {})
    return Part(name=SAMPLER, command=("sampler", "run"), port=port, settings=settings)


def sampler_address(directory: Path, founding: Founding) -> Address:
    """Under which its verdicts are trusted. Raises BadDocument, WrongPassword, OSError."""
    from committee.ethereum_keystore import read_ethereum_keystore  # takes 0.4 s

    return read_ethereum_keystore(_keystore(directory), read_password(founding.password)).address


def _followed(founding: Founding) -> Sequence[str]:
    committee = founding.committee
    return [member.url for member in committee.members[: committee.keyset.faults + 1]]


def _make(keystore: Path, founding: Founding) -> None:
    from committee.ethereum_keystore import write_ethereum_keystore

    keystore.parent.mkdir(parents=True, exist_ok=True)
    key = EthereumKey(secrets.token_bytes(SECRET_BYTES))
    password = read_password(founding.password)
    write_ethereum_keystore(keystore, key, password, kdf="pbkdf2", rounds=_ROUNDS)


def _keystore(directory: Path) -> Path:
    return directory / SAMPLER / "key.json"
