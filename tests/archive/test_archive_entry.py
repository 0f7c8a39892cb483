"""One entry of an archive's content."""

from __future__ import annotations

import dataclasses
from hashlib import sha256

import pytest
from archive_specimens import entry_of
from hypothesis import given, settings
from hypothesis import strategies as st

from da_node.archive import ArchiveEntry
from da_node.archive.errors import BadEntry
from da_node.errors import BadData, MalformedRequest, WrongLength

ENTRY = entry_of(b"forty bytes of payload for this test....", label="naïve")
SERIALIZED = b"".join(ENTRY.serialize())


def parsed(content: bytes) -> ArchiveEntry:
    rest = bytearray(content)

    def take(count: int) -> bytearray:
        if count > len(rest):
            raise BadEntry(reason="ends early")
        taken = rest[:count]
        del rest[:count]
        return taken

    entry = ArchiveEntry.parse(take)
    assert not rest
    return entry


TIMES = st.none() | st.integers(1, 2**64 - 1)
LABELS = st.text(max_size=64).filter(lambda label: len(label.encode()) <= 64)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), TIMES, TIMES, LABELS)
def test_what_goes_in_comes_out(
    payload: bytes, stored_at: int | None, expires_at: int | None, label: str
) -> None:
    entry = dataclasses.replace(
        entry_of(payload), stored_at=stored_at, expires_at=expires_at, label=label
    )
    assert parsed(b"".join(entry.serialize())) == entry


def test_an_entry_cut_anywhere_is_refused() -> None:
    for length in range(len(SERIALIZED)):
        with pytest.raises(BadEntry):
            parsed(SERIALIZED[:length])


def test_a_changed_byte_anywhere_is_refused() -> None:
    for place in range(len(SERIALIZED)):
        changed = bytearray(SERIALIZED)
        changed[place] ^= 4
        with pytest.raises(BadData):
            parsed(bytes(changed))


def test_a_payload_is_as_long_as_its_header_says() -> None:
    with pytest.raises(WrongLength, match="payload has 41 bytes, not 40"):
        dataclasses.replace(ENTRY, payload=bytes(41))


def test_a_label_has_at_most_64_bytes() -> None:
    with pytest.raises(MalformedRequest, match="at most 64 bytes"):
        dataclasses.replace(ENTRY, label="ü" * 33)


def test_a_label_that_is_no_text_is_refused() -> None:
    body = SERIALIZED[:-32].replace("naïve".encode(), b"na\xff\xffve")
    with pytest.raises(BadEntry, match="not UTF-8: 6e61ffff7665"):
        parsed(body + sha256(body).digest())
