"""The request by which a disperser hands a member its arc: the body, and what is signed. Pure.

    body   = keyset_hash 32 ‖ header 90 ‖ expires_at u64 ‖ label (u8 length ‖ bytes)
             ‖ count u8 ‖ columns                       the member's whole arc, in order
    digest = SHA256("HOLDFAST-V1-PUT" ‖ keyset_hash ‖ blob_id ‖ SHA256(body) ‖ time u64)

The signature over the digest (EIP-191, secp256k1) travels in the request's header, so that a
member knows whom it is talking to before it reads the body. A request is good once: whoever
repeats one, even within the same second, signs a time that it has not signed before.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from committee.errors import BadSigner, WrongArc
from committee.parameters import TIME_BYTES
from committee.reader import Reader
from committee.secp256k1 import Address, EthereumKey, signer_of
from committee.values import KeysetHash
from da_node.coding import (
    COLUMNS,
    HASH_BYTES,
    HEADER_BYTES,
    BlobId,
    Column,
    Header,
    Kzg,
    column_bytes,
)
from da_node.service import MalformedRequest, WrongLength

TIME_FIELD: Final = "Holdfast-Time"
"""Header field: when the request was signed, in unix seconds."""
SIGNATURE_FIELD: Final = "Holdfast-Signature"
"""Header field: the signature, 0x and 130 hex digits."""
DIGEST_FIELD: Final = "Content-Digest"
"""Header field: the body's SHA-256 (RFC 9530)."""

LABEL_BYTES: Final = 64
"""Longest label, in bytes of UTF-8."""

Bytes = bytes | bytearray | memoryview

_DOMAIN: Final = b"HOLDFAST-V1-PUT"
_FIXED_BYTES: Final = HASH_BYTES + HEADER_BYTES + TIME_BYTES + 1 + 1
"""A body without label and columns."""
_BEFORE_LABEL: Final = _FIXED_BYTES - 1
_TIME: Final = re.compile(r"[0-9]{1,19}")
_SIGNATURE: Final = re.compile(r"0x[0-9a-f]{130}")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_SHOWN: Final = 100
"""Characters of an offending value that go into the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispersal:
    """What a disperser asks a member to keep. As parsed nothing about its columns is known."""

    keyset_hash: KeysetHash
    """By whose arcs."""
    header: Header
    expires_at: int
    """Unix seconds, 0 … 2^64 − 1."""
    label: str
    """For the feed; empty, or at most 64 bytes of printable UTF-8."""
    columns: tuple[Column, ...]
    """In the order in which they travel."""

    @classmethod
    def parse(cls, body: Bytes, kzg: Kzg | None = None) -> Dispersal:
        """From its bytes, all of them; the columns' leaves are views of the body.

        Raises WrongLength, MalformedRequest (the label), IndexOutOfRange, and what `Header.parse`
        does.
        """
        view = memoryview(body).toreadonly()
        label_end = _BEFORE_LABEL + (view[_BEFORE_LABEL - 1] if len(view) >= _FIXED_BYTES else 0)
        if len(view) <= label_end:
            raise WrongLength(what="dispersal", value=len(view), expected=label_end + 1)
        read = Reader(bytes(view[:label_end]))
        keyset_hash = KeysetHash(read.bytes(HASH_BYTES))
        header = Header.parse(read.bytes(HEADER_BYTES), kzg)
        expires_at = read.number(TIME_BYTES)
        label = _label(read.bytes(read.number(1)))
        count = view[label_end]
        each = column_bytes(header.row_count)
        start = label_end + 1
        expected = start + count * each
        if len(view) != expected:
            raise WrongLength(what="dispersal", value=len(view), expected=expected)
        columns = (
            Column.parse(view[offset : offset + each], header)
            for offset in range(start, expected, each)
        )
        return cls(
            keyset_hash=keyset_hash,
            header=header,
            expires_at=expires_at,
            label=label,
            columns=tuple(columns),
        )

    def pieces(self) -> Iterator[Bytes]:
        """The body in pieces, the leaves as they lie in memory: nothing large is copied."""
        label = self.label.encode()
        yield b"".join(
            (
                self.keyset_hash,
                self.header.serialize(),
                self.expires_at.to_bytes(TIME_BYTES, "big"),
                len(label).to_bytes(1, "big"),
                label,
                len(self.columns).to_bytes(1, "big"),
            )
        )
        for column in self.columns:
            yield column.index.to_bytes(1, "big")
            yield column.leaves
            yield column.path + column.proof

    def require_arc(self, arc: Iterable[int]) -> None:
        """Refuse anything but the whole arc in its order. Raises WrongArc."""
        given, expected = [column.index for column in self.columns], list(arc)
        if given != expected:
            raise WrongArc(value=_listed(given), expected=_listed(expected))


def longest_body(columns: int, row_count: int) -> int:
    """Bytes of the longest body with so many columns of so many rows."""
    return _FIXED_BYTES + LABEL_BYTES + columns * column_bytes(row_count)


def digest_of(pieces: Iterable[Bytes]) -> bytes:
    """SHA-256 of a body that comes in pieces."""
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What stands in the header of a dispersal request; nothing about it is known as parsed."""

    body_digest: bytes
    """SHA-256 of the body, 32 bytes."""
    time: int
    """When it was signed, in unix seconds."""
    signature: bytes
    """65 bytes, by a disperser."""

    @classmethod
    def sign(
        cls,
        key: EthereumKey,
        *,
        keyset_hash: KeysetHash,
        blob_id: BlobId,
        body_digest: bytes,
        time: int,
    ) -> Ticket:
        """A disperser's ticket for one request."""
        digest = signed_digest(keyset_hash, blob_id, body_digest, time)
        return cls(body_digest=body_digest, time=time, signature=key.sign(digest))

    @classmethod
    def parse(cls, time: str | None, signature: str | None, digest: str | None) -> Ticket:
        """From the values of the three header fields, None where one is absent.

        Raises BadSigner without a signature, MalformedRequest.
        """
        if signature is None:
            raise BadSigner(value="(none)", reason=f"is missing: {SIGNATURE_FIELD}")
        if not _SIGNATURE.fullmatch(signature):
            raise BadSigner(value=signature[:_SHOWN], reason="is not 0x and 130 hex digits")
        if time is None or not _TIME.fullmatch(time) or int(time) >= 1 << 63:
            raise _malformed(TIME_FIELD, time, "unix seconds")
        found = _DIGEST.fullmatch(digest or "")
        if found is None:
            raise _malformed(DIGEST_FIELD, digest, "sha-256=:BASE64: and nothing else")
        return cls(
            body_digest=base64.b64decode(found[1]),
            time=int(time),
            signature=bytes.fromhex(signature.removeprefix("0x")),
        )

    def fields(self) -> dict[str, str]:
        """The header fields, by name."""
        encoded = base64.b64encode(self.body_digest).decode("ascii")
        return {
            TIME_FIELD: str(self.time),
            SIGNATURE_FIELD: "0x" + self.signature.hex(),
            DIGEST_FIELD: f"sha-256=:{encoded}:",
        }

    def signer(self, keyset_hash: KeysetHash, blob_id: BlobId) -> Address:
        """Who signed this for that keyset and blob; for another one it is nobody's address.

        Raises BadSigner.
        """
        digest = signed_digest(keyset_hash, blob_id, self.body_digest, self.time)
        return signer_of(digest, self.signature)


def signed_digest(keyset_hash: KeysetHash, blob_id: BlobId, body_digest: bytes, time: int) -> bytes:
    """The 32 bytes that a disperser signs."""
    return sha256(
        _DOMAIN + keyset_hash + blob_id + body_digest + time.to_bytes(TIME_BYTES, "big")
    ).digest()


def _label(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if len(data) > LABEL_BYTES or (data and not text) or not text.isprintable():
        shown = data[:LABEL_BYTES].decode("ascii", "backslashreplace")
        raise _malformed("label", shown, f"at most {LABEL_BYTES} bytes of printable UTF-8")
    return text


def _listed(columns: list[int]) -> str:
    return ", ".join(map(str, columns[:COLUMNS])) or "none"


def _malformed(field: str, value: str | None, expected: str) -> MalformedRequest:
    return MalformedRequest(field=field, value=(value or "(none)")[:_SHOWN], expected=expected)
