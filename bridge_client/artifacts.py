"""The compiled contracts as they are committed: no compiler is needed to deploy them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import msgspec

from da_node.service import Bug

DIRECTORY: Final = "contracts/artifacts"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One contract, compiled."""

    name: str
    """As in its source."""
    compiler: str
    """Its version, exactly."""
    settings: dict[str, Any]
    """What the compiler was told."""
    abi: list[Any]
    """As Solidity's JSON ABI has it."""
    bytecode: str
    """Hex with 0x: creates the contract, the constructor's arguments behind it."""
    deployed_bytecode: str
    """Hex with 0x: what lies on chain then, zero where an immutable value is filled in."""


@functools.cache
def artifact(name: str) -> Artifact:
    """A committed contract by its name. Raises Bug where there is none."""
    file = resources.files(__package__).joinpath(DIRECTORY, f"{name}.json")
    if not file.is_file():
        raise Bug(reason=f"there is no compiled contract {name}")
    return msgspec.json.decode(file.read_bytes(), type=Artifact)
