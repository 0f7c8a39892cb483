"""Posting a payload, and whether what came back commits to it."""

from __future__ import annotations

import asyncio
from typing import Final

from da_node.client.documents import PostedDocument, Receipt, decode, unhex
from da_node.client.wire import DOCUMENT_BYTES, Answer, Body, Progress, Request
from da_node.coding import BlobId, Header, Kzg, MerkleRoot
from da_node.errors import FalseAnswer, HoldfastError, MalformedRequest, PayloadMismatch

LABEL_BYTES: Final = 64
"""Longest label, in bytes of UTF-8."""
CREATED: Final = 201


def post_request(
    payload: bytes | bytearray | memoryview, label: str | None, progress: Progress | None
) -> Request:
    """The request that posts a payload. Raises MalformedRequest."""
    headers = {}
    if label:
        if not label.isprintable() or len(label.encode("utf-8", "replace")) > LABEL_BYTES:
            raise MalformedRequest(
                field="label",
                value=label[:LABEL_BYTES],
                expected=f"at most {LABEL_BYTES} bytes of printable UTF-8",
            )
        headers["Holdfast-Label"] = label
    return Request(
        method="POST",
        path="/v1/blobs",
        answer_bytes=DOCUMENT_BYTES,
        headers=headers,
        body=Body.of([payload]),
        progress=progress,
    )


async def receipt_of(node: str, answer: Answer, kzg: Kzg) -> Receipt:
    """The answer as a receipt whose header hashes to its id. Raises FalseAnswer."""
    document = decode(node, "receipt", answer.body, PostedDocument)
    try:
        blob_id = BlobId.from_hex(document.blob_id)
        serialized = unhex(document.header)
        Header.parse_trusted(serialized, blob_id)
        header = await asyncio.to_thread(Header.parse, serialized, kzg)
        certificate = None if document.certificate is None else unhex(document.certificate)
    except (HoldfastError, ValueError) as error:
        raise FalseAnswer(url=node, what="receipt", reason=str(error)) from None
    return Receipt(
        blob_id=blob_id,
        header=header,
        expires_at=document.expires_at,
        certificate=certificate,
        signers=tuple(document.signers or ()),
        created=answer.status == CREATED,
        node=node,
    )


def require_own(header: Header, payload_length: int, merkle_root: MerkleRoot) -> None:
    """Check that the header commits to our payload. Raises PayloadMismatch.

    Length and root say it all: the challenge and the commitment follow from them, and a wrong
    commitment opens to nothing, so that no column would verify.
    """
    if header.payload_length != payload_length:
        raise PayloadMismatch(
            what="payload length", value=str(header.payload_length), expected=str(payload_length)
        )
    if header.merkle_root != merkle_root:
        raise PayloadMismatch(
            what="merkle root", value=header.merkle_root.hex0x, expected=merkle_root.hex0x
        )
