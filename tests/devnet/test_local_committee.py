"""A local committee: what is made once is found again. What it does when it runs is in
tests/network.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from committee.cli.keysets import read_committee
from committee.devnet import LocalCommittee, Shape
from committee.devnet.founding import found
from committee.errors import NoSuchCommittee, OtherShape, OutOfRange
from committee.keystore import read_keystore
from committee.passwords import read_password


def test_keys_are_encrypted_with_few_rounds_and_beside_their_password(tmp_path: Path) -> None:
    with LocalCommittee.made(tmp_path, Shape(members=1, faults=0)) as made:
        founding = made.founding
        password = read_password(founding.password)
        files = {path.name: path.read_text() for path in founding.directory.iterdir()}
        assert "1000" in files["member-0.json"]
        assert "1000" in files["disperser.json"]
        key = read_keystore(founding.keystore(0), password)
        assert key.public_key == made.committee.members[0].public_key
        assert not any(key.reveal().hex() in text for text in files.values())


def test_a_directory_keeps_its_committee(tmp_path: Path) -> None:
    with LocalCommittee.made(tmp_path, Shape(members=4, faults=1)) as first:
        urls = [first.url(i) for i in range(4)]
    with LocalCommittee.made(tmp_path, Shape(members=4, faults=1, threshold=3)) as second:
        assert second.committee == first.committee
        assert [second.url(i) for i in range(4)] == urls
        assert read_committee(second.keyset_file) == first.committee
    with (
        pytest.raises(OtherShape, match="threshold = 3, not 2"),
        LocalCommittee.made(tmp_path, Shape(members=4, faults=1, threshold=2)),
    ):
        pass


def test_a_directory_that_has_lost_its_ports_is_refused(tmp_path: Path) -> None:
    with LocalCommittee.made(tmp_path) as made:
        url = made.url(0)
        urls = [f"http://127.0.0.1:{1 + i}" for i in range(4)]
        with pytest.raises(OtherShape, match=f"member-0 = {url}, not {urls[0]}"):
            found(tmp_path, Shape(), urls)


def test_a_founding_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "committee.partial").mkdir()
    (tmp_path / "committee.partial" / "password").write_text("left over")
    with LocalCommittee.made(tmp_path) as committee:
        assert committee.committee.keyset.size == 4


def test_a_committee_that_cannot_be_is_refused_and_leaves_no_half(tmp_path: Path) -> None:
    with pytest.raises(NoSuchCommittee), LocalCommittee.made(tmp_path, Shape(members=4, faults=2)):
        pass
    shape = Shape(members=4, faults=1, threshold=4)
    with pytest.raises(OutOfRange, match="threshold"), LocalCommittee.made(tmp_path, shape):
        pass
    with LocalCommittee.made(tmp_path, Shape(members=4, faults=0)) as committee:
        assert committee.committee.keyset.threshold == 4
