"""The parts of a local committee: a disperser and its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from committee.devnet.founding import Founding
from da_node.service.network import Part, Ports, SettingValue

DISPERSER: Final = "disperser"
EVERY_MEMBER: Final = "member"
"""Under this name stand the settings that all members get."""

More = Mapping[str, Mapping[str, SettingValue]]
"""Further settings, by the part's name."""


def member_name(index: int) -> str:
    """What a member is called as a part of the network."""
    return f"member-{index}"


def committee_parts(
    directory: Path, founding: Founding, ports: Ports, more: More
) -> Iterator[Part]:
    """The members and then the disperser."""
    address = founding.disperser_key.address.hex0x
    for index in range(founding.committee.keyset.size):
        name = member_name(index)
        port = ports.of(name)
        settings: dict[str, SettingValue] = {
            "port": port,
            "directory": directory / name / "data",
            "keysets": founding.keyset,
            "dispersers": address,
            "keystore": founding.keystore(index),
            "password_file": founding.password,
        }
        settings |= {**more.get(EVERY_MEMBER, {}), **more.get(name, {})}
        yield Part(name=name, command=("member", "run"), port=port, settings=settings)
    settings = {
        "port": ports.of(DISPERSER),
        "keysets": founding.keyset,
        "keystore": founding.disperser_keystore,
        "password_file": founding.password,
    }
    settings |= more.get(DISPERSER, {})
    yield Part(
        name=DISPERSER,
        command=("disperser", "run"),
        port=ports.of(DISPERSER),
        settings=settings,
    )
