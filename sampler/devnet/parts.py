"""The sampler as a part of a local network, and the keys that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from committee.devnet.founding import Founding
from committee.devnet.parts import More
from committee.secp256k1 import Address
from da_node.service.network import Part, Ports, SettingValue
from sampler.devnet.keys import key_in

SAMPLER: Final = "sampler"
DEVELOPMENT_CHAIN: Final = 31_337
"""What verdicts of a local network are signed for: they are worth nothing elsewhere."""


def sampler_part(
    directory: Path,
    founding: Founding,
    ports: Ports,
    disperser_url: str,
    more: More,
    *,
    name: str = SAMPLER,
) -> Part:
    """The sampler of the committee founded in `directory`; its key is made if there is none.

    It follows the disperser's feed and those of one member more than may be dishonest, so that
    whoever is silent, it hears of every blob; and it looks at what the network's watcher asks for.
    Raises BadDocument, WrongPassword, OSError.
    """
    sampler_address(directory, founding, name=name)
    port = ports.of(name)
    settings: dict[str, SettingValue] = {
        "port": port,
        "directory": directory / name / "data",
        "feeds": ",".join([disperser_url, *_followed(founding)]),
        "keysets": founding.keyset,
        "keystore": _keystore(directory, name),
        "password_file": founding.password,
        "chain_id": DEVELOPMENT_CHAIN,
        "watchers": key_in(watcher_keystore(directory), founding).hex0x,
    }
    settings |= more.get(name, {})
    return Part(name=name, command=("sampler", "run"), port=port, settings=settings)


def sampler_address(directory: Path, founding: Founding, *, name: str = SAMPLER) -> Address:
    """Under which its verdicts are trusted. Raises BadDocument, WrongPassword, OSError."""
    return key_in(_keystore(directory, name), founding)


def watcher_keystore(directory: Path) -> Path:
    """The file of the account that may ask samplers for looks."""
    return directory / "watcher" / "key.json"


def _followed(founding: Founding) -> Sequence[str]:
    committee = founding.committee
    return [member.url for member in committee.members[: committee.keyset.faults + 1]]


def _keystore(directory: Path, name: str) -> Path:
    return directory / name / "key.json"
