"""A local committee: what is made once is found again, and it does a committee's work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from committee.certificate import Certificate, verify_certificate
from committee.cli.keysets import read_committee
from committee.devnet import LocalCommittee, Shape
from committee.devnet.faults import Flip
from committee.devnet.founding import found
from committee.errors import NoSuchCommittee, OtherShape, OutOfRange
from committee.keystore import read_keystore
from committee.passwords import read_password
from da_node.client import Client, Receipt
from da_node.service.network import State

PAYLOAD = b"a small payload"


@pytest.fixture(scope="module")
def committee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCommittee]:
    # three members are the fewest that tolerate a fault, and start sooner than four
    shape = Shape(members=3, faults=1)
    more = {"member": {"max_reads": 7}, "member-1": {"max_reads": 9}}
    directory = tmp_path_factory.mktemp("network")
    with LocalCommittee.running(directory, shape, more, fault_proxy=True) as committee:
        yield committee


def post(committee: LocalCommittee, payload: bytes) -> Receipt:
    async def run() -> Receipt:
        async with Client(committee.disperser_url) as client:
            return await client.post(payload)

    return asyncio.run(run())


def test_a_payload_is_certified_also_with_one_member_killed(committee: LocalCommittee) -> None:
    for killed, payload in ((None, PAYLOAD), (0, b"another one")):
        if killed is not None:
            committee.kill(killed)
            assert committee.member(killed).state is State.ENDED
        receipt = post(committee, payload)
        assert receipt.certificate is not None
        certificate = Certificate.parse(receipt.certificate)
        verified = verify_certificate(certificate, committee.committee.keyset)
        assert verified.header.blob_id == receipt.blob_id
        assert killed not in verified.signers
    committee.start(0)
    assert committee.member(0).is_ready()


def test_settings_reach_the_part_they_name(committee: LocalCommittee) -> None:
    texts = [(one.directory / "settings.toml").read_text() for one in committee.members]
    assert ["max_reads = 9" in text for text in texts] == [False, True, False]
    assert ["max_reads = 7" in text for text in texts] == [True, False, True]


def test_a_member_at_fault_is_found_out_and_the_others_certify(committee: LocalCommittee) -> None:
    committee.set_faults(1, Flip(methods=("PUT",), path="/v1/blobs/*/columns"))
    receipt = post(committee, b"a third one")
    assert receipt.signers == (0, 2)
    assert committee.faults.hits("member-1") == [1]
    committee.set_faults(1)
    assert committee.faults.fronts()["member-1"]["faults"] == []


def test_a_member_is_where_the_keyset_says(committee: LocalCommittee) -> None:
    fronts = committee.faults.fronts()
    for i, one in enumerate(committee.members):
        assert committee.url(i) == f"http://127.0.0.1:{fronts[f'member-{i}']['port']}"
        assert one.url == f"http://127.0.0.1:{fronts[f'member-{i}']['target_port']}"
    assert all((committee.directory(i) / "store").is_dir() for i in range(3))
    assert all("listening" in committee.log(i).read_text() for i in range(3))


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
