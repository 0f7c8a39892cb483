"""What posting costs, by arithmetic that can be done by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_client.fallback.costs import BYTES_GAS, ROWS_GAS, Prices, cheapest, costs
from bridge_client.fallback.framing import PART_BYTES, Form
from da_node.coding import MAX_PAYLOAD_BYTES
from da_node.service import EmptyPayload, PayloadTooLarge

GWEI = 10**9
ROW_PAYLOAD = 4096 * 31


def test_blobs_cost_a_call_a_part_and_space_a_row() -> None:
    found = costs(b"\1" * (7 * ROW_PAYLOAD), Prices(gas=2 * GWEI, blob_gas=3))[Form.BLOBS]
    assert (found.transactions, found.gas, found.blob_gas) == (2, 2 * ROWS_GAS, 7 * 131_072)
    assert found.wei == 2 * ROWS_GAS * 2 * GWEI + 7 * 131_072 * 3


@pytest.mark.parametrize(("byte", "gas"), [(b"\0", 10), (b"\7", 40)])
def test_call_data_costs_the_floor_of_its_bytes(byte: bytes, gas: int) -> None:
    """40 gas a byte, 10 for a zero (EIP-7623)."""
    prices = Prices(gas=1, blob_gas=1)
    one, two = (costs(byte * n, prices)[Form.CALL_DATA] for n in (100_000, PART_BYTES + 1))
    assert one.wei == one.gas == 21_000 + 7_200 + 100_000 * gas
    assert two.transactions == 2
    assert two.gas == 28_200 + PART_BYTES * gas + BYTES_GAS + gas * 16 // 40


def test_the_cheapest_is_what_costs_least_at_the_prices_of_now() -> None:
    payload = b"\1" * 1000
    assert cheapest(costs(payload, Prices(gas=GWEI, blob_gas=1))) is Form.BLOBS
    assert cheapest(costs(payload, Prices(gas=GWEI, blob_gas=GWEI))) is Form.CALL_DATA


def test_what_is_no_payload_has_no_cost() -> None:
    with pytest.raises(EmptyPayload):
        costs(b"", Prices(gas=1, blob_gas=1))
    with pytest.raises(PayloadTooLarge):
        costs(bytes(MAX_PAYLOAD_BYTES + 1), Prices(gas=1, blob_gas=1))


@given(st.binary(min_size=1, max_size=300), st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_dearer_chain_costs_more(payload: bytes, gas: int, blob_gas: int) -> None:
    cheap, dear = (
        costs(payload, Prices(gas=gas * times, blob_gas=blob_gas * times)) for times in (1, 2)
    )
    for form in Form:
        assert dear[form].wei == 2 * cheap[form].wei
        assert dear[form].gas == cheap[form].gas
