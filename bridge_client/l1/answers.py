"""Answers of an Ethereum node (JSON-RPC) as values. Pure.

Each function takes decoded JSON and raises ValueError for what is not of its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from committee.secp256k1 import Address

HASH_BYTES: Final = 32
_LONGEST_QUANTITY: Final = 66
"""0x and 64 digits: 256 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block's header."""

    number: int
    hash: bytes
    parent_hash: bytes
    time: int
    """Unix seconds."""
    base_fee: int
    """Wei a gas."""
    transactions: tuple[bytes, ...]
    """Hashes of what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event of a contract."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction: bytes
    index: int
    """Its place in the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a transaction."""

    transaction: bytes
    block_number: int
    block_hash: bytes
    is_done: bool
    """False: it was reverted, and cost its gas."""
    gas_used: int
    gas_price: int
    """Wei a gas, as it was paid."""
    sender: Address
    contract: Address | None
    """What it created."""
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """What a transaction does, as a block has it."""

    hash: bytes
    to: Address | None
    """None: it creates a contract."""
    data: bytes


def quantity(value: Any) -> int:
    """A number."""
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > _LONGEST_QUANTITY:
        raise ValueError(f"{value!r:.80} is no quantity")
    return int(value, 16)


def data(value: Any, length: int | None = None) -> bytes:
    """Bytes, of exactly a length where there is one."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{value!r:.80} is no data")
    parsed = bytes.fromhex(value[2:])
    if length is not None and len(parsed) != length:
        raise ValueError(f"{value!r:.80} has {len(parsed)} bytes, not {length}")
    return parsed


def digest(value: Any) -> bytes:
    """32 bytes."""
    return data(value, HASH_BYTES)


def address(value: Any) -> Address:
    """20 bytes."""
    return Address(data(value, Address.length))


def block(answer: Any) -> Block:
    """Of `eth_getBlockByNumber`, without the transactions themselves."""
    fields = _object(answer)
    return Block(
        number=quantity(fields.get("number")),
        hash=digest(fields.get("hash")),
        parent_hash=digest(fields.get("parentHash")),
        time=quantity(fields.get("timestamp")),
        base_fee=quantity(fields.get("baseFeePerGas")),
        transactions=tuple(map(digest, _list(fields.get("transactions")))),
    )


def senders(answer: Any) -> list[tuple[bytes, Address, int]]:
    """Of `eth_getBlockByNumber` with the transactions: hash, sender and nonce of each."""
    found = map(_object, _list(_object(answer).get("transactions")))
    return [
        (digest(one.get("hash")), address(one.get("from")), quantity(one.get("nonce")))
        for one in found
    ]


def receipt(answer: Any) -> Receipt:
    """Of `eth_getTransactionReceipt`."""
    fields = _object(answer)
    created = fields.get("contractAddress")
    return Receipt(
        transaction=digest(fields.get("transactionHash")),
        block_number=quantity(fields.get("blockNumber")),
        block_hash=digest(fields.get("blockHash")),
        is_done=quantity(fields.get("status")) == 1,
        gas_used=quantity(fields.get("gasUsed")),
        gas_price=quantity(fields.get("effectiveGasPrice")),
        sender=address(fields.get("from")),
        contract=None if created is None else address(created),
        logs=logs(fields.get("logs")),
    )


def calling(answer: Any) -> Calling:
    """Of `eth_getTransactionByHash`."""
    fields = _object(answer)
    to = fields.get("to")
    return Calling(
        hash=digest(fields.get("hash")),
        to=None if to is None else address(to),
        data=data(fields.get("input")),
    )


def logs(answer: Any) -> tuple[Log, ...]:
    """Of `eth_getLogs`, and of a receipt."""
    return tuple(map(_log, _list(answer)))


def _log(answer: Any) -> Log:
    fields = _object(answer)
    return Log(
        address=address(fields.get("address")),
        topics=tuple(map(digest, _list(fields.get("topics")))),
        data=data(fields.get("data")),
        block_number=quantity(fields.get("blockNumber")),
        block_hash=digest(fields.get("blockHash")),
        transaction=digest(fields.get("transactionHash")),
        index=quantity(fields.get("logIndex")),
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.80} is no object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.80} is no list")
    return value
