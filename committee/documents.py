"""Members and keysets as JSON: a keyset's bytes with what stands beside them, outside the hash.

    member: {"name", "url", "public_key", "proof_of_possession"}
    keyset: {"keyset", "keyset_hash", "members": [member, …]}

Bytes are lower-case hex with 0x. The same document is a file for `holdfast committee` and the
answer to GET /v1/keysets/{hash}; what it repeats must agree. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec

from committee.bls import PossessionProof, PublicKey, SecretKey, is_possession
from committee.errors import BadDocument, BadPossession
from committee.keyset import Keyset, VerifiedKeyset, require_distinct, verify_keyset
from committee.parameters import MAX_MEMBERS
from da_node.client.addresses import node_urls
from da_node.service import BadConfiguration

LONGEST_NAME: Final = 64
LONGEST_URL: Final = 1024
LONGEST_DOCUMENT_BYTES: Final = MAX_MEMBERS * (2 * LONGEST_URL + 1024)
"""Room for every member with the longest URL, white space included."""

_Hex = Annotated[str, msgspec.Meta(pattern="^0x([0-9a-f]{2})*$")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_URL)]


class _MemberDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: _Name
    url: _Url
    public_key: _Hex
    proof_of_possession: _Hex


class _KeysetDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keyset: _Hex
    keyset_hash: _Hex
    members: list[_MemberDocument]


D = TypeVar("D", _MemberDocument, _KeysetDocument)


@dataclass(frozen=True, kw_only=True)
class Member:
    """Who a member is, as it says itself; only its key has been shown to be its own.

    Raises BadPossession.
    """

    name: str
    """What people call it: 1 … 64 printable characters."""
    url: str
    """Where it is reached: http or https, no slash at the end."""
    public_key: PublicKey
    proof_of_possession: PossessionProof

    def __post_init__(self) -> None:
        if not is_possession(self.public_key, self.proof_of_possession):
            raise BadPossession(member=self.name, value=self.public_key.hex0x)

    @classmethod
    def introduce(cls, key: SecretKey, name: str, url: str) -> Member:
        """What the owner of a key hands to whoever makes the keyset. Raises BadDocument."""
        document = _MemberDocument(
            name=name,
            url=url,
            public_key=key.public_key.hex0x,
            proof_of_possession=key.prove_possession().hex0x,
        )
        # the bounds of a field hold when it is decoded
        return cls.parse(msgspec.json.encode(document), source="member")

    @classmethod
    def parse(cls, data: bytes, source: str) -> Member:
        """From its JSON. Raises BadDocument, which names `source`, WrongLength, BadPoint,
        BadPossession.
        """
        return cls._of(_decoded(data, _MemberDocument, source), source)

    @classmethod
    def _of(cls, document: _MemberDocument, source: str) -> Member:
        if not document.name.isprintable():
            raise BadDocument(source=source, reason=f"{document.name!r} is not printable")
        try:
            (url,) = node_urls(document.url)
        except BadConfiguration as error:
            raise BadDocument(source=source, reason=error.reason) from error
        return cls(
            name=document.name,
            url=url,
            public_key=PublicKey(_unhex(document.public_key)),
            proof_of_possession=PossessionProof(_unhex(document.proof_of_possession)),
        )

    def serialize(self) -> bytes:
        """Its JSON, for a file."""
        return _formatted(self._document())

    def _document(self) -> _MemberDocument:
        return _MemberDocument(
            name=self.name,
            url=self.url,
            public_key=self.public_key.hex0x,
            proof_of_possession=self.proof_of_possession.hex0x,
        )


@dataclass(frozen=True, kw_only=True)
class Committee:
    """A verified keyset, and who its members are. Made by `parse` and `committee_of`.

    Raises RepeatedMember.
    """

    keyset: VerifiedKeyset
    members: tuple[Member, ...]
    """In the keyset's order."""

    def __post_init__(self) -> None:
        require_distinct("name", [member.name for member in self.members])
        require_distinct("url", [member.url for member in self.members])

    @classmethod
    def parse(cls, data: bytes, source: str) -> Committee:
        """From its JSON, everything checked. Raises BadDocument, which names `source`, and
        whatever parsing and verifying keysets and members raises.
        """
        document = _decoded(data, _KeysetDocument, source)
        keyset = Keyset.parse(_unhex(document.keyset))
        if document.keyset_hash != keyset.hash.hex0x:
            reason = f"keyset_hash is not that of the keyset, {keyset.hash.hex0x}"
            raise BadDocument(source=source, reason=reason)
        members = [Member._of(member, source) for member in document.members]
        if keyset.public_keys != tuple(member.public_key for member in members):
            reason = "the members' public keys are not those of the keyset, in its order"
            raise BadDocument(source=source, reason=reason)
        return committee_of(keyset, members)

    def serialize(self) -> bytes:
        """Its JSON, for a file or an answer."""
        return _formatted(
            _KeysetDocument(
                keyset="0x" + self.keyset.serialize().hex(),
                keyset_hash=self.keyset.hash.hex0x,
                members=[member._document() for member in self.members],
            )
        )


def committee_of(keyset: Keyset, members: Sequence[Member]) -> Committee:
    """The committee of a keyset, whose keys are the members' in this order.

    Raises BadPossession, RepeatedMember.
    """
    proofs = tuple(member.proof_of_possession for member in members)
    return Committee(keyset=verify_keyset(keyset, proofs), members=tuple(members))


def _decoded(data: bytes, form: type[D], source: str) -> D:
    try:
        return msgspec.json.decode(data, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadDocument(source=source, reason=str(error)) from error


def _formatted(document: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
