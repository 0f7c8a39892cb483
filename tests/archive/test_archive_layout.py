"""The shape of the file, pinned."""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from archive_specimens import archive_of
from hypothesis import given, settings
from hypothesis import strategies as st

from da_node.archive.errors import BadTag
from da_node.archive.layout import BODY_BYTES, Layout, seal, whole
from da_node.errors import UnsupportedVersion

ID = bytes(range(8))
PINNED = "42d716bddd154e23f99acad39e4ab2fad24e3c019113e38b1695bdffbfb9b7e3"


def test_a_file_written_today_has_the_bytes_of_version_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda count: ID[:count])
    data = archive_of(tmp_path / "a", 10_000)
    assert data[:32].hex() == "48464152434800010001020304050607000000000000279b" + "00" * 8
    assert data[4096 * 2 + 24 : 4096 * 2 + 32].hex() == "0000000000000002"
    assert len(data) == (3 + 32) * 4096
    assert sha256(data).hexdigest() == PINNED


@pytest.mark.parametrize(
    ("content_bytes", "stripes", "data_rows"),
    [
        (1, 1, 1),
        (4048, 1, 1),
        (4049, 1, 2),
        (223 * 4048, 1, 223),
        (223 * 4048 + 1, 2, 112),
        (446 * 4048, 2, 223),
        (446 * 4048 + 1, 3, 149),
    ],
)
def test_stripes_are_as_few_and_rows_as_even_as_can_be(
    content_bytes: int, stripes: int, data_rows: int
) -> None:
    layout = Layout(archive_id=ID, content_bytes=content_bytes)
    assert (layout.stripes, layout.data_rows) == (stripes, data_rows)


@settings(deadline=None)
@given(st.integers(1, 2**62))
def test_the_content_fits_with_less_than_a_row_of_padding(content_bytes: int) -> None:
    layout = Layout(archive_id=ID, content_bytes=content_bytes)
    assert 33 <= layout.rows <= 255
    padding = layout.fewest_sectors * BODY_BYTES - content_bytes
    assert 0 <= padding < layout.stripes * BODY_BYTES
    assert Layout.parse(layout.shared_tag) == layout


@pytest.mark.parametrize("tag", [bytes(24), b"HFARCH\x00\x01" + bytes(16), b"X" * 24])
def test_other_tags_are_refused(tag: bytes) -> None:
    with pytest.raises(BadTag):
        Layout.parse(tag)


def test_a_later_version_is_named() -> None:
    with pytest.raises(UnsupportedVersion, match="archive has version 2"):
        Layout.parse(b"HFARCH\x00\x02" + ID + bytes(7) + b"\x01")


def test_a_sealed_sector_is_whole_only_unchanged_and_in_its_place() -> None:
    layout = Layout(archive_id=ID, content_bytes=1)
    sectors = np.random.default_rng(0).integers(0, 256, (3, 4096), np.uint8)
    seal(sectors, layout, np.arange(5, 8))
    assert whole(sectors, 5).tolist() == [True] * 3
    assert whole(sectors, 6).tolist() == [False] * 3
    for place in range(4096):
        sectors[1, place] ^= 1
        assert not whole(sectors[1:2], 6)[0]
        sectors[1, place] ^= 1
    assert whole(sectors, 5).tolist() == [True] * 3
