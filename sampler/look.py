"""Another look at a blob, asked for by whoever follows a settlement's proposals. Pure.

    POST /v1/looks   JSON, see `Look`
    Holdfast-Signature: EIP-191 over SHA256("HOLDFAST-V1-LOOK" ‖ SHA256(body)), of a watcher

A settlement counts verdicts that are later than the proposal, and a sample that was drawn before it
may be known to those who serve. So each proposal has a sample of its own drawn. The same look is
asked for as often as one likes, and is one look: nothing is gained by sending a request again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Final, Self

import msgspec

from committee.secp256k1 import Address, EthereumKey, signer_of
from committee.values import HexNamed
from da_node.coding import HEADER_BYTES, BlobId, Header
from da_node.service import MalformedRequest

DOMAIN: Final = b"HOLDFAST-V1-LOOK"
SIGNATURE_FIELD: Final = "Holdfast-Signature"
LONGEST_LOOK_BYTES: Final = 4096
"""A certificate has 259 bytes at most, a header 90: with names and digits below 1 KB."""

_NAME_DOMAIN: Final = b"HOLDFAST-V1-LOOK-NAME"
_MOST: Final = (1 << 63) - 1
_Number = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]


class LookName(HexNamed):
    """What one look is called: who asks again for the same has the same."""

    length = 32


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal that has a blob looked at."""

    chain_id: _Number
    """That the verdict is to be signed for."""
    settlement: str
    """Address of the contract, 0x-hex."""
    batch: _Number
    """What the contract calls the batch."""
    proposed_at: _Number
    """Time of the proposal's block, unix seconds: no verdict from before it counts."""
    ordinal: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)] = 0
    """Of this look among those that the batch needs: verdicts lapse."""
    strict: bool = False
    """Whether *available* counts only by the rule that leans on no committee."""
    header: str
    """0x-hex, 90 bytes."""
    expires_at: _Number
    """Of the certificate that was proposed, unix seconds."""
    certificate: str | None = None
    """0x-hex; None: nodes are asked for it."""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """From a request's body. Raises MalformedRequest."""
        try:
            return msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _malformed("body", body[:80].decode(errors="replace"), str(error)) from None

    def serialize(self) -> bytes:
        """The same look gives the same bytes."""
        return msgspec.json.encode(self)

    @property
    def header_bytes(self) -> bytes:
        """The header; not parsed. Raises MalformedRequest."""
        return _bytes("header", self.header, most=HEADER_BYTES)

    @property
    def certificate_bytes(self) -> bytes | None:
        """The certificate; not parsed, nor verified. Raises MalformedRequest."""
        if self.certificate is None:
            return None
        return _bytes("certificate", self.certificate, most=LONGEST_LOOK_BYTES)

    def name(self, blob_id: BlobId) -> LookName:
        """`blob_id` is that of the header. Raises MalformedRequest."""
        numbers = (self.chain_id, self.batch, self.proposed_at, self.ordinal)
        told = b"".join(number.to_bytes(8, "big") for number in numbers)
        return LookName(
            sha256(_NAME_DOMAIN + Address.from_hex(self.settlement) + told + blob_id).digest()
        )


def look_of(header: Header, **fields: object) -> Look:
    """A look at the blob of a header; the other fields are those of `Look`."""
    return msgspec.convert({"header": "0x" + header.serialize().hex(), **fields}, Look)


def signed(body: bytes, key: EthereumKey) -> str:
    """The signature's field over a request's body."""
    return "0x" + key.sign(_digest(body)).hex()


def signer_of_look(body: bytes, field: str | None) -> Address:
    """Who asks. Raises BadSigner, and MalformedRequest where the field is none or no hex."""
    if field is None:
        raise _malformed(SIGNATURE_FIELD, "", "0x and 130 hex digits")
    return signer_of(_digest(body), _bytes(SIGNATURE_FIELD, field, most=65))


def _digest(body: bytes) -> bytes:
    return sha256(DOMAIN + sha256(body).digest()).digest()


def _bytes(field: str, text: str, *, most: int) -> bytes:
    digits = text.removeprefix("0x")
    try:
        if digits.isalnum() and len(digits) <= 2 * most:  # fromhex skips white space
            return bytes.fromhex(digits)
    except ValueError:
        pass
    raise _malformed(field, text[:80], f"hex digits of at most {most} bytes")


def _malformed(field: str, value: str, expected: str) -> MalformedRequest:
    return MalformedRequest(field=field, value=value, expected=expected)
