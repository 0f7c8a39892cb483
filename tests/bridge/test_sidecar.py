"""What goes beside a blob transaction, and the encoding under it, against others' own."""

from __future__ import annotations

from typing import Any

import pytest
import rlp as oracle
from blob_calls import with_blobs
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from small_chain import CHAIN_ID, KEY, TARGET

from bridge_client import rlp
from bridge_client.sidecar import Sidecar, on_network, versioned_hash
from bridge_client.transactions import Call, Fee, signed
from da_node.coding import Commitment
from da_node.service import Bug

NESTED = st.recursive(
    st.binary(max_size=60), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)


def encoded(value: Any) -> bytes:
    return rlp.string(value) if isinstance(value, bytes) else rlp.listed(map(encoded, value))


@given(NESTED)
def test_items_are_encoded_as_everywhere(value: Any) -> None:
    assert encoded(value) == oracle.encode(value)


@given(st.lists(NESTED, max_size=5))
def test_a_list_falls_into_its_items(values: list[Any]) -> None:
    whole = oracle.encode(values)
    assert list(map(bytes, rlp.items(whole))) == [oracle.encode(value) for value in values]
    for cut in (whole[:-1], whole + b"\0", b"", b"\x07"):
        with pytest.raises(ValueError, match=r"list|item"):
            list(rlp.items(cut))


@pytest.mark.parametrize("length", [0, 1, 55, 56, 255, 256, 131_072])
def test_lengths_are_as_long_as_they_must_be(length: int) -> None:
    assert rlp.string(b"\xff" * length) == oracle.encode(b"\xff" * length)
    assert rlp.number(length) == oracle.encode(length)


@pytest.fixture(scope="module")
def sidecar() -> Sidecar:
    return with_blobs(2)[1]


def transaction(sidecar: Sidecar) -> bytes:
    call = Call(to=TARGET, data=b"here", versioned_hashes=sidecar.versioned_hashes)
    fee = Fee(most=10, tip=1, blob=7)
    return signed(call, chain_id=CHAIN_ID, nonce=3, gas=50_000, fee=fee, key=KEY).raw


def test_on_the_network_it_is_a_sidecar_of_version_one(sidecar: Sidecar) -> None:
    raw = transaction(sidecar)
    whole = on_network(raw, sidecar.serialize())
    body, version, blobs, commitments, proofs = oracle.decode(whole[1:])
    assert whole[0] == 3
    assert (b"\x03" + oracle.encode(body), version) == (raw, b"\1")
    assert (blobs, commitments) == (list(sidecar.blobs), list(sidecar.commitments))
    assert proofs == list(sidecar.proofs)
    read = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    assert (read["type"], read["maxFeePerBlobGas"], read["nonce"]) == (3, 7, 3)
    assert tuple(read["blobVersionedHashes"]) == sidecar.versioned_hashes


def test_the_versioned_hash_is_that_of_the_precompile() -> None:
    """Of the commitment at infinity, that of an empty blob, as EIP-4844's clients have it."""
    infinity = Commitment(b"\xc0" + bytes(47))
    assert versioned_hash(infinity).hex() == (
        "010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014"
    )


@pytest.mark.parametrize("version", [b"\x80", b"\2", b""])
def test_another_version_goes_nowhere(sidecar: Sidecar, version: bytes) -> None:
    other = version + sidecar.serialize()[1:]
    with pytest.raises(Bug, match="a sidecar of version"):
        on_network(transaction(sidecar), other)


def test_a_transaction_without_blobs_takes_no_sidecar(sidecar: Sidecar) -> None:
    call, fee = Call(to=TARGET, data=b""), Fee(most=10, tip=1)
    plain = signed(call, chain_id=CHAIN_ID, nonce=0, gas=21_000, fee=fee, key=KEY).raw
    with pytest.raises(Bug, match="of type 02"):
        on_network(plain, sidecar.serialize())
