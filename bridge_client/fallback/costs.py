"""What posting a payload costs, in each form. Pure.

    blobs      for each part   ROWS_GAS · gas price + 131,072 · rows · price of blob space
    call data  for each part   max(what it executes, 21,000 + 10 · tokens) · gas price

A token is a zero byte, or a quarter of another one (EIP-7623); the floor is what counts for all
parts but the smallest. Blob space is cheaper by orders of magnitude while it is not scarce, and L1
forgets it after 18 days; call data stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge_client.fallback.framing import (
    FLOOR_BYTE_GAS,
    TRANSACTION_GAS,
    Form,
    parts_of,
)
from da_node.coding import MAX_PAYLOAD_BYTES, row_count_of
from da_node.service import EmptyPayload, PayloadTooLarge

BLOB_GAS: Final = 131_072
"""Of one blob (EIP-4844)."""
ROWS_GAS: Final = 33_000
"""Of a call that posts six rows (docs/GAS.md); of one that posts fewer a little less."""
BYTES_GAS: Final = 29_000
"""Of a call that posts next to nothing, where the floor is lower."""
_TOKEN_GAS: Final = FLOOR_BYTE_GAS // 4
_BYTE_GAS: Final = 16
"""Of a byte that is not zero, where the call does more than the floor."""
_AROUND_TOKENS: Final = 4 * 180
"""Of a call's other arguments: 356 bytes, half of them zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Of L1 now, in wei."""

    gas: int
    """Base fee and tip."""
    blob_gas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a payload in one form."""

    form: Form
    transactions: int
    gas: int
    """At most, in all."""
    blob_gas: int
    wei: int
    """By the prices given."""


def costs(payload: bytes, prices: Prices) -> Mapping[Form, Cost]:
    """Of each form. Raises EmptyPayload, PayloadTooLarge."""
    if not payload:
        raise EmptyPayload(bound=MAX_PAYLOAD_BYTES)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(value=len(payload), bound=MAX_PAYLOAD_BYTES)
    return {form: _cost(payload, form, prices) for form in Form}


def cheapest(found: Mapping[Form, Cost]) -> Form:
    """The form that costs least; of equal ones blobs, which burden L1 less."""
    return min(Form, key=lambda form: found[form].wei)


def _cost(payload: bytes, form: Form, prices: Prices) -> Cost:
    parts = parts_of(len(payload), form)
    if form is Form.BLOBS:
        gas = ROWS_GAS * len(parts)
        blob_gas = BLOB_GAS * row_count_of(len(payload))
    else:
        gas, blob_gas = sum(_bytes_gas(payload, one.first, one.count) for one in parts), 0
    return Cost(
        form=form,
        transactions=len(parts),
        gas=gas,
        blob_gas=blob_gas,
        wei=gas * prices.gas + blob_gas * prices.blob_gas,
    )


def _bytes_gas(payload: bytes, first: int, count: int) -> int:
    zeros = payload.count(0, first, first + count)
    tokens = zeros + 4 * (count - zeros)
    floor = TRANSACTION_GAS + (tokens + _AROUND_TOKENS) * _TOKEN_GAS
    return max(floor, BYTES_GAS + tokens * _BYTE_GAS // 4)
