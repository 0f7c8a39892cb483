"""The inbox announces what is posted, and refuses what can be no part of the payload."""

from __future__ import annotations

from typing import Any

import pytest
from blob_specimens import KZG, blob_of, payload_of
from chain_under_test import Chain, Deployed
from eth_account import Account
from hexbytes import HexBytes

from bridge_client.fallback.framing import Form, Part, rows_of
from bridge_client.sidecar import Sidecar, on_network
from bridge_client.transactions import Call, Fee, signed
from committee.secp256k1 import Address, EthereumKey
from da_node.coding import BlobId, Header

POSTER = EthereumKey(bytes(31) + b"\x55")
HEADER = blob_of(1).header
LENGTH = HEADER.payload_length


@pytest.fixture
def inbox(chain: Chain) -> Deployed:
    return chain.deploy("FallbackInbox")


def named(header: Header, first: int) -> tuple[Any, ...]:
    return bytes(header.blob_id), header.serialize(), first


def only_event(inbox: Deployed, logs: list[Any]) -> dict[str, Any]:
    (log,) = logs
    found = inbox.interface.event([bytes(one) for one in log["topics"]], bytes(log["data"]))
    assert found is not None
    return found.fields | {"event": found.name}


def test_bytes_are_announced_as_they_lie(chain: Chain, inbox: Deployed) -> None:
    sent = chain.send(inbox, "postBytes", *named(HEADER, 40), payload_of(1)[40:1040])
    assert only_event(inbox, sent.logs) == {
        "event": "BytesPosted",
        "blobId": bytes(HEADER.blob_id),
        "poster": chain.accounts[0].lower(),
        "header": HEADER.serialize(),
        "offset": 40,
        "length": 1000,
    }
    assert sent.gas < 21_000 + 40 * (1000 + 360)


@pytest.mark.parametrize(
    ("first", "count", "error"),
    [
        (0, 0, "EmptyPart"),
        (LENGTH, 1, "PartOutOfRange"),
        (LENGTH - 1, 2, "PartOutOfRange"),
        (2**256 - 1, 2, "PartOutOfRange"),
    ],
)
def test_what_lies_outside_the_payload_is_refused(
    chain: Chain, inbox: Deployed, first: int, count: int, error: str
) -> None:
    refused = chain.refused(inbox, "postBytes", *named(HEADER, first), bytes(count))
    assert refused.name == error
    if error == "PartOutOfRange":
        assert refused.operands == (first, count, LENGTH)


def test_the_last_byte_is_inside(chain: Chain, inbox: Deployed) -> None:
    assert chain.send(inbox, "postBytes", *named(HEADER, LENGTH - 1), b"\1").logs


@pytest.mark.parametrize("function", ["postBytes", "postRows"])
def test_a_header_is_that_of_its_id(chain: Chain, inbox: Deployed, function: str) -> None:
    more = (b"\1",) if function == "postBytes" else ()
    whole = HEADER.serialize()
    for header, blob_id, error in (
        (whole, BlobId(bytes(32)), "OtherBlob"),
        (whole[:-1], HEADER.blob_id, "WrongLength"),
        (b"\0\2" + whole[2:], HEADER.blob_id, "UnsupportedVersion"),
        (whole[:2] + bytes(8) + whole[10:], HEADER.blob_id, "PayloadLengthOutOfRange"),
    ):
        refused = chain.refused(inbox, function, bytes(blob_id), header, 0, *more)
        assert refused.name == error


def test_rows_without_blobs_are_none(chain: Chain, inbox: Deployed) -> None:
    assert chain.refused(inbox, "postRows", *named(HEADER, 0)).name == "EmptyPart"


# ---------------------------------------------------------------- with blobs


def post_rows(chain: Chain, inbox: Deployed, header: Header, first: int, sidecar: Sidecar) -> Any:
    """The receipt of a real blob transaction."""
    chain._rpc("anvil_setBalance", POSTER.address.hex0x, hex(10**20))
    call = Call(
        to=Address.from_hex(inbox.address),
        data=inbox.interface.calldata("postRows", *named(header, first)),
        versioned_hashes=sidecar.versioned_hashes,
    )
    checksummed = Account.from_key(POSTER.reveal()).address
    made = signed(
        call,
        chain_id=chain.web3.eth.chain_id,
        nonce=chain.web3.eth.get_transaction_count(checksummed),
        gas=200_000,
        fee=Fee(most=10**11, tip=10**9, blob=10**9),
        key=POSTER,
    )
    sent = chain.web3.eth.send_raw_transaction(HexBytes(on_network(made.raw, sidecar.serialize())))
    return chain.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)


@pytest.fixture(scope="module")
def row() -> Sidecar:
    (only,) = rows_of(blob_of(1), Part(form=Form.BLOBS, first=0, count=1))
    return Sidecar.of([only], KZG)


def test_rows_are_announced_with_the_hashes_that_the_chain_knows(
    chain: Chain, inbox: Deployed, row: Sidecar
) -> None:
    receipt = post_rows(chain, inbox, HEADER, 0, row)
    assert receipt["status"] == 1
    found = only_event(inbox, receipt["logs"])
    assert found["event"] == "RowsPosted"
    assert tuple(found["versionedHashes"]) == row.versioned_hashes
    assert (found["firstRow"], found["poster"]) == (0, POSTER.address.hex0x)


def test_the_only_row_is_the_headers_own(chain: Chain, inbox: Deployed, row: Sidecar) -> None:
    """A blob of one row is bound to its id on chain: another blob does not pass under it."""
    other = blob_of(1).header
    forged = Header(
        payload_length=other.payload_length,
        merkle_root=other.merkle_root,
        commitment=blob_of(2).header.commitment,
    )
    assert post_rows(chain, inbox, forged, 0, row)["status"] == 0
    assert post_rows(chain, inbox, HEADER, 0, row)["status"] == 1


def test_rows_outside_the_blob_are_refused(chain: Chain, inbox: Deployed, row: Sidecar) -> None:
    two = blob_of(2).header
    assert post_rows(chain, inbox, two, 2, row)["status"] == 0
    assert post_rows(chain, inbox, two, 1, row)["status"] == 1
