"""What an endpoint says of the inbox is compared with what was asked, and with what can be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from flat_kzg import FlatKzg

from bridge_client.artifacts import artifact
from bridge_client.errors import L1FalseAnswer, L1Lags, L1Refused, NotPosted
from bridge_client.ethereum import Interface
from bridge_client.fallback.framing import Form, Part
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.postings import Posting
from bridge_client.fallback.reading import read
from bridge_client.l1 import Chain
from bridge_client.l1.endpoint import RpcError
from committee.secp256k1 import Address
from da_node.coding import encode

INBOX, POSTER = Address(b"\x42" * 20), Address(b"\xaa" * 20)
PAYLOAD = b"few bytes"
HEADER = encode(PAYLOAD, FlatKzg()).header


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def bytes_posted(**changes: Any) -> dict[str, Any]:
    """The event of a part, as the endpoint of a chain of one block tells it."""
    interface = Interface(artifact("FallbackInbox"))
    (topic,) = (
        digest for digest, entry in interface._events.items() if entry["name"] == "BytesPosted"
    )
    offset, length = changes.pop("offset", 0), changes.pop("length", len(PAYLOAD))
    header = HEADER.serialize()
    data = word(0x60) + word(offset) + word(length) + word(len(header)) + header + bytes(6)
    topics = [topic, bytes(HEADER.blob_id), bytes(12) + POSTER]
    return {
        "address": INBOX.hex0x,
        "topics": ["0x" + one.hex() for one in topics],
        "data": "0x" + data.hex(),
        "blockNumber": "0x1",
        "blockHash": "0x" + "77" * 32,
        "transactionHash": "0x" + "11" * 32,
        "logIndex": "0x0",
    } | changes


BLOCK = {
    "number": "0x1",
    "hash": "0x" + "77" * 32,
    "parentHash": "0x" + "66" * 32,
    "timestamp": "0x1",
    "baseFeePerGas": "0x1",
    "transactions": [],
}


def inbox(log: dict[str, Any], calling: Any = None) -> tuple[Inbox, list[Any]]:
    asked: list[Any] = []

    async def ask(method: str, parameters: list[Any]) -> Any:
        asked.append((method, parameters))
        if method == "eth_getLogs":
            return [log] if int(parameters[0]["fromBlock"], 16) <= 1 else []
        return BLOCK if method == "eth_getBlockByNumber" else calling

    return Inbox(Chain(ask, "it"), INBOX), asked


async def postings(log: dict[str, Any]) -> list[Posting]:
    found, _ = inbox(log)
    return [one async for many in found.postings(HEADER.blob_id, 0, 1, POSTER) for one in many]


async def test_an_id_is_asked_for_in_stretches_the_newest_first() -> None:
    found, asked = inbox(bytes_posted())
    ((one,),) = [many async for many in found.postings(HEADER.blob_id, 1, 1500)]
    assert one.part == Part(form=Form.CALL_DATA, first=0, count=len(PAYLOAD))
    assert (one.poster, one.header, one.block) == (POSTER, HEADER, 1)
    wanted = [parameters[0] for method, parameters in asked if method == "eth_getLogs"]
    assert [(one["fromBlock"], one["toBlock"]) for one in wanted] == [
        (hex(501), hex(1500)),
        (hex(1), hex(500)),
    ]
    assert all(one["topics"] == [None, HEADER.blob_id.hex0x] for one in wanted)


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "another id": (
        {"topics": [bytes_posted()["topics"][0], "0x" + "00" * 32, bytes_posted()["topics"][2]]},
        "not asked for",
    ),
    "another poster": (
        {"topics": [*bytes_posted()["topics"][:2], "0x" + "00" * 32]},
        "not asked for",
    ),
    "too few topics": ({"topics": bytes_posted()["topics"][:2]}, "not asked for"),
    "another contract": ({"address": POSTER.hex0x}, "not asked for"),
    "an event that it has not": (
        {"topics": ["0x" + "99" * 32, *bytes_posted()["topics"][1:]]},
        "an event that the contract has not",
    ),
    "bytes beyond the payload": ({"offset": 1}, "a part of 9 from 1 on, of 9"),
    "no bytes": ({"length": 0}, "a part of 0"),
    "data that is cut": ({"data": bytes_posted()["data"][:100]}, "BytesPosted"),
}


@pytest.mark.parametrize("lie", FALSE)
async def test_what_cannot_be_is_a_false_answer(lie: str) -> None:
    changes, said = FALSE[lie]
    with pytest.raises(L1FalseAnswer, match=said):
        await postings(bytes_posted(**changes))


def calling(**changes: Any) -> dict[str, Any]:
    call = inbox(bytes_posted())[0].bytes_call(
        HEADER, Part(form=Form.CALL_DATA, first=0, count=9), PAYLOAD
    )
    return {
        "hash": "0x" + "11" * 32,
        "to": INBOX.hex0x,
        "input": "0x" + call.data.hex(),
    } | changes


async def piece(said: Any) -> bytes | None:
    (one,) = await postings(bytes_posted())
    return await inbox(bytes_posted(), said)[0].piece(one)


async def test_the_bytes_are_those_of_the_transaction() -> None:
    assert await piece(calling()) == PAYLOAD


@pytest.mark.parametrize(
    "said",
    [
        calling(to=None),
        calling(to=POSTER.hex0x),
        calling(input="0x"),
        calling(input="0x12345678" + calling()["input"][10:]),
        calling(input=calling()["input"][:-64]),
        calling(input=calling()["input"][:-128]),
    ],
)
async def test_a_transaction_that_does_not_have_them_gives_none(said: Any) -> None:
    assert await piece(said) is None


async def test_a_transaction_that_the_endpoint_forgot_is_not_one_without_them() -> None:
    """Else a payload that another endpoint has would be called not posted."""
    with pytest.raises(L1FalseAnswer, match=f"none for 0x{'11' * 32}, of which it told an event"):
        await piece(None)


async def test_an_endpoint_that_answers_for_few_blocks_is_asked_for_few() -> None:
    """Such as where others have filled blocks with events; no block is left out, or read twice."""
    spans: list[tuple[int, int]] = []

    async def ask(method: str, parameters: list[Any]) -> Any:
        if method == "eth_getLogs":
            first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first >= 100:
                raise RpcError(-32_005, "query returned more than 10000 results", None)
            spans.append((first, last))
            return [bytes_posted()] if first <= 1 <= last else []
        return BLOCK

    read = Inbox(Chain(ask, "it"), INBOX).postings(HEADER.blob_id, 0, 1500)
    ((one,),) = [many async for many in read]
    assert one.block == 1
    assert (spans[0][1], spans[-1][0]) == (1500, 0)
    assert all(newer[0] == older[1] + 1 for newer, older in pairwise(spans))


async def test_an_endpoint_that_stands_still_does_not_say_that_nothing_is_posted() -> None:
    """Its last block is of second 1."""

    async def ask(method: str, parameters: list[Any]) -> Any:
        return {"eth_getCode": "0x01", "eth_getLogs": []}.get(method, BLOCK)

    empty = Inbox(Chain(ask, "it"), INBOX)
    with pytest.raises(NotPosted, match="blocks 0 to 1: none"):
        await read(empty, HEADER.blob_id, FlatKzg(), oldest=1)
    with pytest.raises(L1Lags, match="is at block 1, which is 99 s older than it may be"):
        await read(empty, HEADER.blob_id, FlatKzg(), oldest=100)


async def test_one_block_that_is_refused_is_an_error() -> None:
    async def ask(method: str, parameters: list[Any]) -> Any:
        asked.append(method)
        raise RpcError(-32_005, "no", None)

    asked: list[str] = []
    with pytest.raises(L1Refused, match="no"):
        await anext(Inbox(Chain(ask, "it"), INBOX).postings(HEADER.blob_id, 0, 1500))
    assert len(asked) == 10  # 1000, 500, … 1


async def test_another_transaction_is_a_false_answer() -> None:
    with pytest.raises(L1FalseAnswer, match="another transaction"):
        await piece(calling(hash="0x" + "22" * 32))
