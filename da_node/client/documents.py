"""What a node says in JSON, as types. Pure.

Answers are another machine's word: each is converted to its type or refused, members that are
not known here are passed over, and every header is checked to be the one that its id names.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec

from da_node.coding import COLUMNS, BlobId, Header
from da_node.errors import FalseAnswer, HoldfastError

LARGEST: Final = (1 << 63) - 1
"""Cursors and times are whole numbers up to here, so that every database and clock takes them."""
LABEL_CHARACTERS: Final = 64
NAME_CHARACTERS: Final = 128
"""Of what a node calls itself, which its readers keep."""

_Cursor = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    pass


class PostedDocument(_Document, frozen=True, kw_only=True):
    """Answer to POST /v1/blobs."""

    blob_id: str
    header: str
    expires_at: int
    certificate: str | None = None
    signers: list[int] | None = None


class StatusDocument(_Document, frozen=True, kw_only=True):
    """Answer to GET /v1/blobs/{id}/status."""

    blob_id: str
    state: str
    expires_at: int
    columns: list[int]
    label: str = ""


class ArcDocument(_Document, frozen=True, kw_only=True):
    """The columns a node keeps: `count` of them from `start` on, cyclically."""

    start: int
    count: int


class NodeDocument(_Document, frozen=True, kw_only=True):
    """Answer to GET /v1/node: what the client relies on."""

    node_id: Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS)]
    version: str
    keyset_hash: str | None
    arc: ArcDocument
    retention_s: _Seconds
    time: _Seconds


class EventDocument(_Document, frozen=True, kw_only=True):
    """One entry of the feed."""

    cursor: _Cursor
    blob_id: str
    header: str
    expires_at: _Seconds
    label: Annotated[str, msgspec.Meta(max_length=LABEL_CHARACTERS)]
    certificate: str | None = None


class PageDocument(_Document, frozen=True, kw_only=True):
    """Answer to GET /v1/blobs."""

    blobs: list[EventDocument]


# ---------------------------------------------------------------- what callers get


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a node answered to a payload."""

    blob_id: BlobId
    """What to ask for from now on."""
    header: Header
    """Commits to the payload; checked, unless the caller said otherwise."""
    expires_at: int
    """Until when it is served, unix seconds."""
    certificate: bytes | None
    """The committee's certificate, not verified here; None from a node without a committee."""
    signers: tuple[int, ...]
    """Members that signed; empty without a committee."""
    created: bool
    """False if the node had the blob already."""
    node: str
    """URL of the node that answered."""


class BlobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What one node says about one blob."""

    node: str
    """Its URL."""
    state: str
    """What the node calls the blob's state."""
    expires_at: int
    """Until when it is served, unix seconds."""
    columns: frozenset[int]
    """Columns the node says it holds."""
    label: str
    """Label it was posted with; empty if none."""


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What one node says about itself."""

    node: str
    """Its URL."""
    node_id: str
    """Stays with its directory; cursors belong to it."""
    version: str
    """Version of its software."""
    keyset_hash: str | None
    """Committee it belongs to, 0x hex; None on its own."""
    columns: frozenset[int]
    """Columns it keeps of every blob."""
    retention_s: int
    """How long it keeps a blob, seconds."""
    time: int
    """Its clock, unix seconds."""


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One blob in a node's feed."""

    cursor: int
    """Place in that node's feed."""
    blob_id: BlobId
    """The blob."""
    header: Header
    """Its header; hashes to the id, the commitment's point is not checked."""
    expires_at: int
    """Until when it is served, unix seconds."""
    label: str
    """Label it was posted with; empty if none."""
    certificate: bytes | None
    """Not verified here; None until there is one."""


D = TypeVar("D", bound=_Document)


def decode(url: str, what: str, body: bytes, kind: type[D]) -> D:
    """The document in its type. Raises FalseAnswer."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FalseAnswer(url=url, what=what, reason=str(error)) from None


def status_of(url: str, blob_id: BlobId, body: bytes) -> BlobStatus:
    """From the body of a blob's status. Raises FalseAnswer."""
    document = decode(url, "status", body, StatusDocument)
    if document.blob_id.removeprefix("0x") != blob_id.hex():
        raise FalseAnswer(url=url, what="status", reason=f"it is that of {document.blob_id[:80]}")
    return BlobStatus(
        node=url,
        state=document.state,
        expires_at=document.expires_at,
        columns=_columns(url, "status", document.columns),
        label=document.label,
    )


def node_info_of(url: str, body: bytes) -> NodeInfo:
    """From the body of /v1/node. Raises FalseAnswer."""
    document = decode(url, "node", body, NodeDocument)
    arc = document.arc
    if not (0 <= arc.start < COLUMNS and 0 <= arc.count <= COLUMNS):
        raise FalseAnswer(url=url, what="node", reason=f"arc {arc.start}+{arc.count}")
    return NodeInfo(
        node=url,
        node_id=document.node_id,
        version=document.version,
        keyset_hash=document.keyset_hash,
        columns=frozenset((arc.start + step) % COLUMNS for step in range(arc.count)),
        retention_s=document.retention_s,
        time=document.time,
    )


def event_of(url: str, document: EventDocument) -> FeedEvent:
    """From one entry of the feed. Raises FalseAnswer."""
    try:
        blob_id = BlobId.from_hex(document.blob_id)
        header = Header.parse_trusted(unhex(document.header), blob_id)
        certificate = None if document.certificate is None else unhex(document.certificate)
    except (HoldfastError, ValueError) as error:
        raise FalseAnswer(url=url, what="event", reason=str(error)) from None
    return FeedEvent(
        cursor=document.cursor,
        blob_id=blob_id,
        header=header,
        expires_at=document.expires_at,
        label=document.label,
        certificate=certificate,
    )


def unhex(text: str) -> bytes:
    """Bytes of 0x hex. Raises ValueError."""
    return bytes.fromhex(text.removeprefix("0x"))


def _columns(url: str, what: str, indices: list[int]) -> frozenset[int]:
    found = frozenset(indices)
    if not found <= frozenset(range(COLUMNS)):
        raise FalseAnswer(url=url, what=what, reason="it names columns that do not exist")
    return found
