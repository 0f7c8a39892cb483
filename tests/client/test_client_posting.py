"""A payload is posted once it is durable and known to be committed to; lies are noticed."""

import msgspec
import pytest
from fake_node import document, hang_up, refuse, reply

from da_node.errors import (
    FalseAnswer,
    MalformedRequest,
    NoNode,
    NotReady,
    PayloadMismatch,
    PayloadTooLarge,
    RemoteRejected,
    StoreFull,
    TooManyRequests,
)

TOO_LARGE = PayloadTooLarge(value=9, bound=3)


async def _later(value):
    return value


def receipt(blob, **changes):
    members = {
        "blob_id": blob.blob_id.hex0x,
        "header": "0x" + blob.header.serialize().hex(),
        "expires_at": 7,
        "certificate": None,
        "signers": None,
    }
    return lambda request: _later(document(status=201, **(members | changes)))


async def test_a_payload_is_posted_whole_and_its_receipt_checked(start, connect, sample):
    node = await start(posted=sample.blob)
    client = await connect(node)
    seen = []
    found = await client.post(
        bytearray(sample.payload), "a läbel", progress=lambda *at: seen.append(at)
    )
    assert node.bodies == [sample.payload]
    assert node.requests[0].headers["Holdfast-Label"] == "a läbel"
    assert node.requests[0].headers["Content-Length"] == str(len(sample.payload))
    assert (found.blob_id, found.header) == (sample.blob.blob_id, sample.blob.header)
    assert (found.expires_at, found.created, found.node) == (node.expires_at, True, node.url)
    assert (found.certificate, found.signers) == (None, ())
    assert seen[0] == (0, len(sample.payload))
    assert seen[-1] == (len(sample.payload), len(sample.payload))


async def test_a_large_payload_is_sent_in_slices(start, connect, sample):
    node = await start(posted=sample.blob)
    client = await connect(node)
    payload = sample.payload * 9
    await client.post(memoryview(payload), check=False)
    assert node.bodies == [payload]


async def test_a_receipt_may_carry_a_certificate(start, connect, sample):
    node = await start()
    node.script["blobs"].append(receipt(sample.blob, certificate="0x0102", signers=[0, 2]))
    found = await (await connect(node)).post(sample.payload)
    assert (found.certificate, found.signers) == (b"\x01\x02", (0, 2))


async def test_a_header_that_commits_to_another_payload_is_refused(start, connect, sample, other):
    client = await connect(await start(posted=other.blob))
    with pytest.raises(PayloadMismatch) as caught:
        await client.post(sample.payload)
    assert caught.value.what == "merkle root"
    with pytest.raises(PayloadMismatch) as caught:
        await client.post(sample.payload[:-1])
    assert caught.value.what == "payload length"


async def test_the_check_can_be_left_out_but_id_and_header_must_agree(
    start, connect, sample, other
):
    node = await start(posted=other.blob)
    client = await connect(node)
    found = await client.post(sample.payload, check=False)
    assert found.blob_id == other.blob.blob_id
    node.script["blobs"].append(receipt(sample.blob, blob_id=other.blob.blob_id.hex0x))
    with pytest.raises(FalseAnswer, match="receipt"):
        await client.post(sample.payload, check=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"blob_id": "0x00"},
        {"blob_id": 7},
        {"header": "0xzz"},
        {"header": "0x00"},
        {"certificate": "0x0"},
        {"expires_at": "soon"},
        {"signers": "all"},
    ],
)
async def test_a_receipt_that_is_none_is_false(start, connect, sample, changes):
    node = await start()
    node.script["blobs"].append(receipt(sample.blob, **changes))
    with pytest.raises(FalseAnswer) as caught:
        await (await connect(node)).post(sample.payload)
    assert caught.value.url == node.url


async def test_a_commitment_off_the_curve_is_false(start, connect, sample):
    from da_node.coding import Commitment, Header

    header = Header(
        payload_length=sample.blob.header.payload_length,
        merkle_root=sample.blob.header.merkle_root,
        commitment=Commitment(b"\x8f" * 48),
    )
    node = await start()
    node.script["blobs"].append(
        receipt(
            sample.blob,
            blob_id=header.blob_id.hex0x,
            header="0x" + header.serialize().hex(),
        )
    )
    with pytest.raises(FalseAnswer, match="subgroup"):
        await (await connect(node)).post(sample.payload)


async def test_a_lost_answer_is_posted_again_since_the_same_content_is_the_same_blob(
    start, connect, sample
):
    node = await start(posted=sample.blob)
    node.script["blobs"] += [
        hang_up,
        refuse(TooManyRequests(what="uploads", bound=1)),
        refuse(NotReady(reason="starting")),
    ]
    found = await (await connect(node)).post(sample.payload)
    assert found.blob_id == sample.blob.blob_id
    assert node.bodies == [sample.payload] * 4


async def test_a_refusal_is_not_posted_again(start, connect, sample, time):
    node = await start()
    node.script["blobs"] += [refuse(TOO_LARGE)] * 2
    with pytest.raises(PayloadTooLarge) as caught:
        await (await connect(node)).post(sample.payload)
    assert caught.value.bound == 3
    assert (len(node.requests), time.slept) == (1, [])


async def test_a_refusal_without_a_code_of_ours_is_told_as_it_is(start, connect, sample):
    node = await start()
    node.script["blobs"].append(
        reply(msgspec.json.encode({"code": "no_tenant", "detail": "who?"}), status=403)
    )
    with pytest.raises(RemoteRejected, match="403 no_tenant: who"):
        await (await connect(node)).post(sample.payload)


async def test_a_full_node_is_not_waited_for_beyond_the_deadline_and_the_next_is_used(
    start, connect, sample, time
):
    full, empty = await start(), await start(posted=sample.blob)
    error = StoreFull(needed_bytes=1, free_bytes=0, budget_bytes=1)
    full.script["blobs"] += [refuse(error)] * 2
    found = await (await connect(full, empty)).post(sample.payload)
    assert found.node == empty.url
    assert time.slept == []
    with pytest.raises(StoreFull):
        await (await connect(full)).post(sample.payload)


async def test_of_several_refusals_each_is_named(start, connect, sample):
    nodes = await start(), await start()
    nodes[0].script["blobs"].append(refuse(TOO_LARGE))
    nodes[1].script["blobs"].append(refuse(MalformedRequest(field="x", value="y", expected="z")))
    with pytest.raises(NoNode) as caught:
        await (await connect(*nodes)).post(sample.payload)
    assert set(caught.value.failures) == {node.url for node in nodes}


@pytest.mark.parametrize("label", ["x" * 65, "é" * 33, "new\nline", "\ud800"])
async def test_a_label_that_is_none_is_refused_before_anything_is_sent(
    start, connect, sample, label
):
    node = await start()
    with pytest.raises(MalformedRequest):
        await (await connect(node)).post(sample.payload, label)
    assert node.requests == []
