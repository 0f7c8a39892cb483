"""Transactions of L1 as they are signed (EIP-1559). The one door to `eth_account`. Pure.

The same call with the same nonce and fee is the same bytes: signing is deterministic (RFC 6979).
Importing `eth_account` raises the interpreter's recursion limit as `committee.ethereum` says, and
the limit is put back here likewise.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

from committee.secp256k1 import Address, EthereumKey, keccak256

_limit = sys.getrecursionlimit()
try:
    from eth_account import Account
finally:
    sys.setrecursionlimit(_limit)

MOST_GAS: Final = 2**24
"""Of a transaction (EIP-7825)."""
_BUMP_PERCENT: Final = 12
"""Nodes want a tenth more, of the fee and of the tip, before they replace a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a transaction does."""

    to: Address | None
    """None: create a contract."""
    data: bytes
    value: int = 0
    """Wei."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a transaction pays at most, in wei a gas."""

    most: int
    """With the base fee."""
    tip: int
    """To the block's maker, of that."""

    def bumped(self) -> Fee:
        """The least that replaces a transaction with this one."""
        return Fee(most=_bumped(self.most), tip=_bumped(self.tip))

    def at_least(self, other: Fee) -> Fee:
        """The higher of both, in each part."""
        return Fee(most=max(self.most, other.most), tip=max(self.tip, other.tip))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A transaction that can be sent."""

    hash: bytes
    raw: bytes
    fee: Fee


def fee_for(base_fee: int, tip: int) -> Fee:
    """What outlasts six blocks of rising base fees (an eighth each)."""
    return Fee(most=2 * base_fee + tip, tip=tip)


def signed(
    call: Call, *, chain_id: int, nonce: int, gas: int, fee: Fee, key: EthereumKey
) -> Signed:
    """The transaction, signed; 10 ms."""
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fee.most,
        "maxPriorityFeePerGas": fee.tip,
        "value": call.value,
        "data": call.data,
    }
    if call.to is not None:
        fields["to"] = bytes(call.to)
    made = Account.sign_transaction(fields, key.reveal())
    return Signed(hash=bytes(made.hash), raw=bytes(made.raw_transaction), fee=fee)


def created_by(sender: Address, nonce: int) -> Address:
    """Where the contract of a creating transaction lies: keccak256 of RLP's (sender, nonce)."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if len(number) != 1 or number[0] >= 0x80:
        number = bytes((0x80 + len(number),)) + number
    body = bytes((0x80 + Address.length,)) + sender + number
    return Address(keccak256(bytes((0xC0 + len(body),)) + body)[-Address.length :])


def _bumped(value: int) -> int:
    return value + max(1, -(-value * _BUMP_PERCENT // 100))
