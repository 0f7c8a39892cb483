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
    from eth_abi.exceptions import DecodingError
    from web3 import Web3
    from web3.utils.abi import get_abi_element
finally:
    sys.setrecursionlimit(_limit)

SELECTOR_BYTES: Final = 4
_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
"""Of `Error(string)`, the compiler's own."""
_OFFLINE: Final = Web3()


@dataclass(frozen=True, slots=True)
class Revert:
    """Why a contract refused."""

    name: str
    """The error's name in the contract; empty where it is none of its own."""
    operands: tuple[Any, ...]
    """In the error's order; the bytes themselves where the error is unknown."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a contract."""

    name: str
    fields: dict[str, Any]
    """By name: int, bool, bytes, addresses as 0x-hex in lower case, lists of these."""


class Interface:
    """How to call one contract."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._contract = _OFFLINE.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        self._errors = {
            _selector(entry): entry for entry in artifact.abi if entry["type"] == "error"
        }
        self._events = {_digest(entry): entry for entry in artifact.abi if entry["type"] == "event"}

    def creation(self, *arguments: Any) -> bytes:
        """What a transaction that creates the contract carries."""
        return bytes.fromhex(self._contract.constructor(*arguments).data_in_transaction[2:])

    def calldata(self, function: str, *arguments: Any) -> bytes:
        """What a transaction that calls the function carries."""
        return bytes.fromhex(self._contract.encode_abi(function, args=list(arguments))[2:])

    def arguments(self, function: str, data: bytes) -> tuple[Any, ...] | None:
        """What a transaction called the function with; None where it called another. ValueError
        for arguments that are not the function's.
        """
        entry: Any = get_abi_element(self._artifact.abi, function)
        if data[:SELECTOR_BYTES] != _selector(entry):
            return None
        try:
            return _decoded(_types(entry["inputs"]), data[SELECTOR_BYTES:])
        except DecodingError as error:
            raise ValueError(f"{function}: {error}") from None

    def result(self, function: str, data: bytes) -> tuple[Any, ...]:
        """A function's answer; functions of one name in several forms are not told apart."""
        entry: Any = get_abi_element(self._artifact.abi, function)
        return tuple(_OFFLINE.codec.decode(_types(entry["outputs"]), data))

    def fields(self, function: str, data: bytes) -> dict[str, Any]:
        """A function's one answer, a struct, by its members' names."""
        entry: Any = get_abi_element(self._artifact.abi, function)
        (output,) = entry["outputs"]
        return _named(output["components"], self.result(function, data)[0])

    def event(self, topics: Sequence[bytes], data: bytes) -> Happened | None:
        """What a log says; None where it is none of this contract's. ValueError for a log that is
        not as its event has it.
        """
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        inputs = entry["inputs"]
        indexed = [one for one in inputs if one["indexed"]]
        plain = [one for one in inputs if not one["indexed"]]
        if len(topics) != 1 + len(indexed):
            raise ValueError(f"{entry['name']} has {len(indexed)} topics, not {len(topics) - 1}")
        try:
            found = dict(zip(_names(plain), _decoded(_types(plain), data), strict=True))
            for one, topic in zip(indexed, topics[1:], strict=True):
                (found[one["name"]],) = _decoded(_types([one]), topic)
        except DecodingError as error:
            raise ValueError(f"{entry['name']}: {error}") from None
        return Happened(entry["name"], {name: found[name] for name in _names(inputs)})

    def revert(self, data: bytes) -> Revert:
        """Why a call was refused, from the bytes that came back."""
        entry = self._errors.get(data[:SELECTOR_BYTES])
        if entry is None:
            return Revert("", (data,))
        operands = _OFFLINE.codec.decode(_types(entry["inputs"]), data[SELECTOR_BYTES:])
        return Revert(entry["name"], tuple(operands))


def said(data: bytes) -> str:
    """What a contract refused with in words (`require` with a text); empty where there are none."""
    if data[:SELECTOR_BYTES] != _ERROR_SELECTOR:
        return ""
    try:
        (text,) = _decoded(["string"], data[SELECTOR_BYTES:])
    except DecodingError:
        return ""
    return str(text)


def _decoded(types: list[str], data: bytes) -> tuple[Any, ...]:
    return tuple(_OFFLINE.codec.decode(types, data))


def _named(entries: Sequence[dict[str, Any]], values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(_names(entries), values, strict=True))


def _names(entries: Sequence[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def _types(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Of inputs or outputs, as the codec and signatures write them."""
    return [_type(entry) for entry in entries]


def _type(entry: dict[str, Any]) -> str:
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(entry['components']))}){kind.removeprefix('tuple')}"


def _selector(entry: dict[str, Any]) -> bytes:
    return _digest(entry)[:SELECTOR_BYTES]


def _digest(entry: dict[str, Any]) -> bytes:
    return bytes(Web3.keccak(text=f"{entry['name']}({','.join(_types(entry['inputs']))})"))
