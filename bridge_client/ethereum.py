"""The one door to `web3`: what a contract is called with, and what it answers.

Nothing here speaks to a chain. Importing `web3` raises the interpreter's recursion limit as
`committee.ethereum` says, and the limit is put back here likewise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge_client.artifacts import Artifact

_limit = sys.getrecursionlimit()
try:
    from web3 import Web3
    from web3.utils.abi import get_abi_element
finally:
    sys.setrecursionlimit(_limit)

SELECTOR_BYTES: Final = 4
_OFFLINE: Final = Web3()


@dataclass(frozen=True, slots=True)
class Revert:
    """Why a contract refused."""

    name: str
    """The error's name in the contract; empty where it is none of its own."""
    operands: tuple[Any, ...]
    """In the error's order; the bytes themselves where the error is unknown."""


class Interface:
    """How to call one contract."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._contract = _OFFLINE.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        self._errors = {
            _selector(entry): entry for entry in artifact.abi if entry["type"] == "error"
        }

    def creation(self, *arguments: Any) -> bytes:
        """What a transaction that creates the contract carries."""
        return bytes.fromhex(self._contract.constructor(*arguments).data_in_transaction[2:])

    def calldata(self, function: str, *arguments: Any) -> bytes:
        """What a transaction that calls the function carries."""
        return bytes.fromhex(self._contract.encode_abi(function, args=list(arguments))[2:])

    def result(self, function: str, data: bytes) -> tuple[Any, ...]:
        """A function's answer; functions of one name in several forms are not told apart."""
        entry: Any = get_abi_element(self._artifact.abi, function)
        return tuple(_OFFLINE.codec.decode(_types(entry["outputs"]), data))

    def revert(self, data: bytes) -> Revert:
        """Why a call was refused, from the bytes that came back."""
        entry = self._errors.get(data[:SELECTOR_BYTES])
        if entry is None:
            return Revert("", (data,))
        operands = _OFFLINE.codec.decode(_types(entry["inputs"]), data[SELECTOR_BYTES:])
        return Revert(entry["name"], tuple(operands))


def _types(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Of inputs or outputs, as the codec and signatures write them."""
    return [_type(entry) for entry in entries]


def _type(entry: dict[str, Any]) -> str:
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(entry['components']))}){kind.removeprefix('tuple')}"


def _selector(entry: dict[str, Any]) -> bytes:
    signature = f"{entry['name']}({','.join(_types(entry['inputs']))})"
    return bytes(Web3.keccak(text=signature)[:SELECTOR_BYTES])
