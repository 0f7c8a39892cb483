"""What a package adds to `holdfast devnet`: an entry point of the group "holdfast.devnet" that is
an `Extension`. Its name places it: packages are taken in the order of their names, and a later one
finds the files and ports of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol

import click
from rich.console import RenderableType

from da_node.service.network.network import Network
from da_node.service.network.part import Part, SettingValue
from da_node.service.network.ports import Ports

GROUP: Final = "holdfast.devnet"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a network is made on."""

    directory: Path
    """Where all parts keep what they keep; there already, and maybe with what was made before."""
    ports: Ports
    options: Mapping[str, Any]
    """What the command line said, the options of every extension among it."""
    more: Mapping[str, Mapping[str, SettingValue]]
    """Further settings, by the part's name."""


class Observer(Protocol):
    """What one package shows of a network that runs."""

    async def watch(self) -> None:
        """Look on until cancelled. Never raises for what a part does."""
        ...

    def panels(self) -> Sequence[RenderableType]:
        """How it stands, to be drawn; what parts say in it is printable."""
        ...

    def news(self) -> Sequence[str]:
        """What has happened since the last call, a line each."""
        ...


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one package adds to a network."""

    parts: Sequence[Part]
    usage: Sequence[str]
    """How to use it: lines to read, or to copy into a shell."""
    observe: Callable[[Network], Observer]


class _Nobody:
    """Sees nothing."""

    async def watch(self) -> None: ...

    def panels(self) -> Sequence[RenderableType]:
        return []

    def news(self) -> Sequence[str]:
        return []


NOTHING: Final = Contribution(parts=(), usage=(), observe=lambda network: _Nobody())
"""Of a package that is not wanted in this network."""


@dataclass(frozen=True, kw_only=True)
class Extension:
    """How a package adds to a network."""

    options: Sequence[click.Option]
    """Of the command line, beside the command's own."""
    contribute: Callable[[Ground], Contribution]
    """Makes or finds files and ports. Raises what is wrong with the options, in our tree."""


def extensions() -> list[Extension]:
    """Those of every installed package, in their order."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return [entry.load() for entry in found]
