"""The parts of a local committee: a disperser, its members, and what may stand before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from committee.devnet.founding import Founding
from da_node.service.network import Part, Ports, SettingValue

DISPERSER: Final = "disperser"
FAULT_PROXY: Final = "fault-proxy"
EVERY_MEMBER: Final = "member"
"""Under this name stand the settings that all members get."""

More = Mapping[str, Mapping[str, SettingValue]]
"""Further settings, by the part's name."""


def member_name(index: int) -> str:
    """What a member is called as a part of the network."""
    return f"member-{index}"


def committee_parts(
    directory: Path, founding: Founding, ports: Ports, more: More, *, fault_proxy: bool = False
) -> Iterator[Part]:
    """The members, then the disperser, then the fault proxy where one is wanted.

    With a proxy a member's own port is another one than the keyset's, which is its front's.
    """
    address = founding.disperser_key.address.hex0x
    fronts = []
    for index in range(founding.committee.keyset.size):
        name = member_name(index)
        port = ports.of(name)
        if fault_proxy:
            front, port = port, ports.of(f"{name} itself")
            fronts.append(f"{name}={front}:{port}")
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
    port = ports.of(DISPERSER)
    settings = {
        "port": port,
        "keysets": founding.keyset,
        "keystore": founding.disperser_keystore,
        "password_file": founding.password,
    }
    settings |= more.get(DISPERSER, {})
    yield Part(name=DISPERSER, command=("disperser", "run"), port=port, settings=settings)
    if fault_proxy:
        port = ports.of(FAULT_PROXY)
        settings = {"port": port, "fronts": ",".join(fronts)}
        settings |= more.get(FAULT_PROXY, {})
        yield Part(name=FAULT_PROXY, command=("fault-proxy", "run"), port=port, settings=settings)
