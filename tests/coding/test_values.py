"""Byte strings of fixed length: what they accept, and how they are written."""

from __future__ import annotations

import pickle

import pytest
from coding_specimens import many
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import BlobId, Commitment, MerkleRoot, Proof
from da_node.coding.values import FixedBytes
from da_node.errors import MalformedId, WrongLength

ID = bytes(range(32))
DIGITS = ID.hex()


@pytest.mark.parametrize(
    ("kind", "length"), [(BlobId, 32), (MerkleRoot, 32), (Commitment, 48), (Proof, 48)]
)
def test_a_value_has_exactly_its_length(kind: type[FixedBytes], length: int) -> None:
    for data in (bytes(length), bytearray(length), memoryview(bytes(length))):
        assert kind(data) == bytes(length)
    for wrong in (0, length - 1, length + 1, 2 * length):
        with pytest.raises(WrongLength, match=f"{kind.__name__} has {wrong} bytes, not {length}"):
            kind(bytes(wrong))


def test_a_value_is_written_in_lower_case_hex_and_survives_pickling() -> None:
    assert BlobId(ID).hex0x == "0x" + DIGITS
    assert repr(BlobId(ID)) == f"BlobId(0x{DIGITS})"
    copied = pickle.loads(pickle.dumps(BlobId(ID)))
    assert copied == ID
    assert type(copied) is BlobId


@pytest.mark.parametrize("text", [DIGITS, "0x" + DIGITS, DIGITS.upper(), "0x" + DIGITS.upper()])
def test_an_id_is_read_with_and_without_0x_in_either_case(text: str) -> None:
    assert BlobId.from_hex(text) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        DIGITS[:-1],
        DIGITS[:-2],
        DIGITS + "0",
        DIGITS + "00",
        "0X" + DIGITS,
        "0x0x" + DIGITS[4:],
        "0x0x" + DIGITS,
        " " + DIGITS,
        DIGITS + "\n",
        DIGITS[:30] + "  " + DIGITS[32:],
        DIGITS[:30] + "  " + DIGITS[30:],
        " " * 64,
        DIGITS[:-1] + "g",
        DIGITS[:-1] + "٣",
        DIGITS[:-1] + "é",
        "-" + DIGITS[1:],
        "\x00" * 64,
        "x" * 10_000,
    ],
)
def test_what_is_no_id_is_refused_by_name(text: str) -> None:
    with pytest.raises(MalformedId) as refusal:
        BlobId.from_hex(text)
    assert len(refusal.value.value) <= 80


@many
@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        BlobId.from_hex(text)


@many
@given(st.binary(min_size=32, max_size=32))
def test_an_id_survives_its_own_hex(data: bytes) -> None:
    assert BlobId.from_hex(BlobId(data).hex0x) == data
