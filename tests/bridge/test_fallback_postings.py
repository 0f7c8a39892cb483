"""Which announced parts make a payload: the newest of one poster, and never another's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_client.fallback.framing import Form, Part
from bridge_client.fallback.postings import Posting, wholes
from committee.secp256k1 import Address
from da_node.coding import Commitment, Header, MerkleRoot
from da_node.errors import ForeignItem

ROWS = 8
HEADER = Header(
    payload_length=ROWS * 4096 * 31,
    merkle_root=MerkleRoot(bytes(32)),
    commitment=Commitment(b"\xc0" + bytes(47)),
)
ALICE, MALLORY = Address(b"\xaa" * 20), Address(b"\x66" * 20)


def posting(block: int, first: int, count: int, poster: Address = ALICE) -> Posting:
    return Posting(
        poster=poster,
        header=HEADER,
        part=Part(form=Form.BLOBS, first=first, count=count),
        versioned_hashes=tuple(bytes((block, first, i)) for i in range(count)),
        block=block,
        index=0,
        transaction=bytes((block,)) * 32,
    )


SPANS = st.tuples(st.integers(0, ROWS - 1), st.integers(1, ROWS)).map(
    lambda span: (span[0], min(span[1], ROWS - span[0]))
)


@given(st.lists(SPANS, max_size=6), st.randoms())
def test_every_unit_is_that_of_the_newest_part_that_has_it(
    spans: list[tuple[int, int]], random: Any
) -> None:
    """Against the naive way, a row at a time; in whatever order they are told."""
    told = [posting(block, first, count) for block, (first, count) in enumerate(spans)]
    newest = [
        max(
            (one.block for one in told if one.part.first <= row < one.part.first + one.part.count),
            default=None,
        )
        for row in range(ROWS)
    ]
    random.shuffle(told)
    found = wholes(told)
    if None in newest:
        assert found == []
        return
    (whole,) = found
    rows = [
        (one.block, row)
        for one, part in whole.parts
        for row in range(part.first, part.first + part.count)
    ]
    assert rows == list(zip(newest, range(ROWS), strict=True))
    assert all(
        one.part.first <= part.first and part.first + part.count <= one.part.first + one.part.count
        for one, part in whole.parts
    )


def test_parts_without_number_cost_a_reader_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone may post them; each is looked at a few times, not once for every other one."""
    many = 1000
    told = [posting(block % 256, 0, 1) for block in range(many)]
    told = [replace(one, index=many - at) for at, one in enumerate(told)]
    looked: list[int] = []
    place = Posting.place.fget
    assert place is not None
    counted = property(lambda one: looked.append(1) or place(one))
    header = replace(HEADER, payload_length=2 * many)
    monkeypatch.setattr(Posting, "place", counted)
    parts = [Part(form=Form.CALL_DATA, first=at, count=1) for at in range(many)]
    told = [replace(one, header=header, part=part) for one, part in zip(told, parts, strict=True)]
    assert wholes(told) == []
    assert len(looked) <= 3 * many


def test_parts_of_two_posters_are_never_mixed() -> None:
    assert wholes([posting(1, 0, 4), posting(2, 4, 4, MALLORY)]) == []
    found = wholes([posting(1, 0, 4), posting(2, 0, 8, MALLORY), posting(3, 4, 4)])
    assert [one.poster for one in found] == [ALICE, MALLORY], "the last to be finished first"


def test_forms_are_never_mixed() -> None:
    half = HEADER.payload_length // 2
    other = Posting(
        poster=ALICE,
        header=HEADER,
        part=Part(form=Form.CALL_DATA, first=half, count=half),
        versioned_hashes=(),
        block=2,
        index=0,
        transaction=bytes(32),
    )
    assert wholes([posting(1, 0, 4), other]) == []


FIELDS: dict[str, Any] = {
    "blobId": bytes(HEADER.blob_id),
    "poster": ALICE.hex0x,
    "header": HEADER.serialize(),
    "firstRow": 6,
    "versionedHashes": [bytes(32)] * 2,
}
PLACE: dict[str, Any] = {"block": 5, "index": 1, "transaction": bytes(32)}


def test_an_event_is_read_as_it_says() -> None:
    found = Posting.of("RowsPosted", FIELDS, **PLACE)
    assert found.part == Part(form=Form.BLOBS, first=6, count=2)
    assert (found.header, found.poster, found.place) == (HEADER, ALICE, (5, 1))
    fields = FIELDS | {"offset": 10, "length": 20}
    found = Posting.of("BytesPosted", fields, **PLACE)
    assert found.part == Part(form=Form.CALL_DATA, first=10, count=20)
    assert found.versioned_hashes == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"versionedHashes": []},
        {"versionedHashes": [bytes(32)] * 3},
        {"firstRow": 7},
        {"firstRow": 1 << 255},
    ],
)
def test_what_the_contract_lets_not_pass_is_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a part of"):
        Posting.of("RowsPosted", FIELDS | changes, **PLACE)


def test_a_header_of_another_id_is_not_believed() -> None:
    with pytest.raises(ForeignItem):
        Posting.of("RowsPosted", FIELDS | {"blobId": bytes(32)}, **PLACE)
