"""Members and keysets as JSON: what is written is read, and nothing that disagrees with itself."""

from __future__ import annotations

import json

import pytest
from committee_specimens import keyset, secret

from committee.documents import (
    LONGEST_DOCUMENT_BYTES,
    LONGEST_NAME,
    LONGEST_URL,
    Committee,
    Member,
    committee_of,
)
from committee.errors import BadDocument, BadPoint, BadPossession, RepeatedMember
from da_node.service import HoldfastError, WrongLength


def member(seed: int, **changes: str) -> Member:
    fields = {"name": f"member {seed}", "url": f"https://member{seed}.example:8800"}
    return Member.introduce(secret(seed), **fields | changes)


def committee(n: int = 4) -> Committee:
    return committee_of(keyset(n), [member(i) for i in range(n)])


def rewritten(serialized: bytes, *keys, value) -> bytes:
    """The document with another value at that place; without it if the value is `...`."""
    document = json.loads(serialized)
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return json.dumps(document).encode()


def test_a_member_survives_its_file():
    assert Member.parse(member(0).serialize(), "file") == member(0)
    document = json.loads(member(0).serialize())
    assert set(document) == {"name", "url", "public_key", "proof_of_possession"}
    assert document["public_key"] == "0x" + secret(0).public_key.hex()
    assert secret(0).reveal().hex() not in member(0).serialize().decode()


def test_an_address_has_no_slash_at_its_end():
    assert member(0, url="http://a:8800/").url == "http://a:8800"


def test_a_committee_survives_its_file():
    again = Committee.parse(committee().serialize(), "file")
    assert again == committee()
    assert again.keyset == keyset()
    document = json.loads(committee().serialize())
    assert document["keyset"] == "0x" + keyset().serialize().hex()
    assert document["keyset_hash"] == keyset().hash.hex0x


def test_the_largest_committee_fits_the_longest_document():
    one = json.loads(member(0, name="é" * LONGEST_NAME).serialize())
    one["url"] = "h" * LONGEST_URL
    longest = len(json.dumps(one, indent=8).encode())
    assert 128 * longest + 2 * (58 + 128 * 48) + 1000 < LONGEST_DOCUMENT_BYTES


@pytest.mark.parametrize("length", [0, 1, 100, -1, -2])
def test_a_document_cut_off_is_refused(length):
    data = committee().serialize().rstrip()
    with pytest.raises(BadDocument, match="here"):
        Committee.parse(data[:length], "here")
    with pytest.raises(BadDocument):
        Committee.parse(data + b"{}", "here")


@pytest.mark.parametrize("data", [b"\xff", b"[]", b"null", b"{}", b"[" * 50_000])
def test_what_is_no_document_is_refused(data):
    with pytest.raises(BadDocument):
        Committee.parse(data, "here")
    with pytest.raises(BadDocument):
        Member.parse(data, "here")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 65),
        ("name", "two\nlines"),
        ("name", "\x1b[31m"),
        ("name", 7),
        ("name", ...),
        ("url", ""),
        ("url", "member.example"),
        ("url", "ftp://member.example"),
        ("url", "http://user:secret@member.example"),
        ("url", "http://" + "x" * 1024),
        ("public_key", "11" * 48),
        ("public_key", "0xZZ"),
        ("public_key", "0x1"),
        ("public_key", "0X" + "11" * 48),
        ("proof_of_possession", ...),
        ("comment", "there is no such field"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_refused(field, value):
    with pytest.raises(BadDocument):
        Member.parse(rewritten(member(0).serialize(), field, value=value), "here")
    with pytest.raises(BadDocument):
        Committee.parse(
            rewritten(committee().serialize(), "members", 2, field, value=value), "here"
        )


def test_hex_of_the_wrong_length_or_of_no_point_is_refused():
    with pytest.raises(WrongLength):
        Member.parse(rewritten(member(0).serialize(), "public_key", value="0x11"), "here")
    for value in ("0xc0" + "00" * 47, "0x" + "00" * 48):
        with pytest.raises(BadPoint):
            Member.parse(rewritten(member(0).serialize(), "public_key", value=value), "here")


def test_a_member_without_the_secret_is_refused_by_name():
    proof = "0x" + secret(1).prove_possession().hex()
    data = rewritten(member(0).serialize(), "proof_of_possession", value=proof)
    with pytest.raises(BadPossession, match="member 0"):
        Member.parse(data, "here")


def test_what_a_document_repeats_must_agree():
    data = committee().serialize()
    with pytest.raises(BadDocument, match="keyset_hash"):
        Committee.parse(rewritten(data, "keyset_hash", value="0x" + "00" * 32), "here")
    members = json.loads(data)["members"]
    for wrong in (members[::-1], members[:3], [*members, members[0]], []):
        with pytest.raises(BadDocument, match="public keys"):
            Committee.parse(rewritten(data, "members", value=wrong), "here")


@pytest.mark.parametrize("field", ["name", "url"])
def test_two_members_of_one_name_or_address_are_refused(field):
    members = [member(0), member(1), member(2), member(3, **{field: getattr(member(1), field)})]
    with pytest.raises(RepeatedMember) as refused:
        committee_of(keyset(), members)
    assert (refused.value.first, refused.value.second, refused.value.field) == (1, 3, field)


def test_the_keyset_in_a_document_is_checked_as_any_other():
    thin = bytearray(keyset().serialize())
    thin[57] = 3  # columns per member
    with pytest.raises(HoldfastError) as refused:
        Committee.parse(
            rewritten(committee().serialize(), "keyset", value="0x" + thin.hex()), "here"
        )
    assert refused.value.code == "thin_coverage"
