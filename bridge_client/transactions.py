"""Transactions of L1 as they are signed (EIP-1559, EIP-4844). The one door to `eth_account`. Pure.

The same call with the same nonce and fee is the same bytes: signing is deterministic (RFC 6979).
Importing `eth_account` raises the interpreter's recursion limit as `committee.ethereum` says, and
the limit is put back here likewise.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

from bridge_client import rlp
from committee.secp256k1 import Address, EthereumKey, keccak256

_limit = sys.getrecursionlimit()
try:
    from eth_account import Account
finally:
    sys.setrecursionlimit(_limit)

MOST_GAS: Final = 2**24
"""Of a transaction (EIP-7825)."""
BLOB_TRANSACTION: Final = b"\x03"
"""First byte of one that blobs go along with."""
_BUMP_PERCENT: Final = 12
"""Nodes want a tenth more, of the fee and of the tip, before they replace a transaction."""
_BLOB_BUMP_PERCENT: Final = 100
"""Of one with blobs, of each of its three fees: blobs travel again with every replacement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a transaction does."""

    to: Address | None
    """None: create a contract."""
    data: bytes
    value: int = 0
    """Wei."""
    versioned_hashes: tuple[bytes, ...] = ()
    """Of the blobs that go along, 32 bytes each (`bridge_client.sidecar`); such a call creates
    nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a transaction pays at most, in wei a gas."""

    most: int
    """With the base fee."""
    tip: int
    """To the block's maker, of that."""
    blob: int = 0
    """At most for a gas of blob space, a market of its own; 0: no blobs go along."""

    def bumped(self) -> Fee:
        """The least that replaces a transaction with this one."""
        percent = _BLOB_BUMP_PERCENT if self.blob else _BUMP_PERCENT
        return Fee(
            most=_bumped(self.most, percent),
            tip=_bumped(self.tip, percent),
            blob=_bumped(self.blob, percent) if self.blob else 0,
        )

    def at_least(self, other: Fee) -> Fee:
        """The higher of both, in each part."""
        return Fee(
            most=max(self.most, other.most),
            tip=max(self.tip, other.tip),
            blob=max(self.blob, other.blob),
        )

    def at_most(self, other: Fee) -> Fee:
        """The lower of both, in each part."""
        return Fee(
            most=min(self.most, other.most),
            tip=min(self.tip, other.tip),
            blob=min(self.blob, other.blob),
        )

    def is_within(self, bound: Fee) -> bool:
        """Whether it costs no more, whoever gets it."""
        return self.most <= bound.most and self.blob <= bound.blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A transaction that can be sent."""

    hash: bytes
    raw: bytes
    """As a block has it: blobs go beside."""
    fee: Fee


def nothing(account: Address, call: Call) -> Call:
    """What takes the place of a call under its nonce and does nothing. Where blobs go along, they
    go along with it too: pools replace such a transaction by no other.
    """
    return Call(to=account, data=b"", versioned_hashes=call.versioned_hashes)


def fee_for(base_fee: int, tip: int, blob_base_fee: int = 0) -> Fee:
    """What outlasts six blocks of rising base fees (an eighth each)."""
    return Fee(most=2 * base_fee + tip, tip=tip, blob=2 * blob_base_fee)


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
    if call.versioned_hashes:
        fields |= {
            "type": BLOB_TRANSACTION[0],
            "maxFeePerBlobGas": fee.blob,
            "blobVersionedHashes": list(call.versioned_hashes),
        }
    made = Account.sign_transaction(fields, key.reveal())
    return Signed(hash=bytes(made.hash), raw=bytes(made.raw_transaction), fee=fee)


def created_by(sender: Address, nonce: int) -> Address:
    """Where the contract of a creating transaction lies: keccak256 of RLP's (sender, nonce)."""
    encoded = rlp.listed((rlp.string(sender), rlp.number(nonce)))
    return Address(keccak256(encoded)[-Address.length :])


def _bumped(value: int, percent: int) -> int:
    return value + max(1, -(-value * percent // 100))
