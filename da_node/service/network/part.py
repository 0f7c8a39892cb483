"""What one part of a network is: a command, its settings, and where it is reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

SettingValue = str | int | float | bool | Path


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of a network."""

    name: str
    """Unique in its network, and the name of its directory: "disperser", "member-2"."""
    command: tuple[str, ...]
    """What follows `holdfast` on the command line."""
    port: int
    """Where it listens on loopback, with HTTP."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """Written to a TOML file that the command gets as --config; empty: it gets none."""

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{LOOPBACK}:{self.port}"


def toml_of(settings: Mapping[str, SettingValue]) -> str:
    """The settings as a TOML document."""
    return "".join(f"{name} = {_toml_value(value)}\n" for name, value in settings.items())


def _toml_value(value: SettingValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    # A JSON string is a basic string of TOML's, but for this one character.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
