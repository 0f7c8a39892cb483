"""A whole network in which one member is faulty, has a full disk, or is killed at any moment:
batches are certified all the same, readers get the truth, and every certificate is honoured
afterwards. One network for all of it: its start is what takes long.
"""

from __future__ import annotations

import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from honoured import Ledger, require_kept
from prometheus_client.parser import text_string_to_metric_families
from random_kills import kill_at_random
from small_disk import full, small_disk

from committee.devnet import LocalCommittee
from committee.devnet.faults import (
    Cut,
    Delay,
    Drip,
    Fault,
    Flip,
    Garbage,
    OtherBlob,
    Refuse,
    Silent,
    Truncate,
    Withhold,
)
from committee.errors import DispersalFailed
from da_node.service.network import Part, Ports, Process, State

FAULTY = 3
FULL = 2
KILLS = 10
MANY_KILLS = 200
PAYLOAD_BYTES = 150_000
PATIENT_S = 60
SETTINGS = {
    "disperser": {"hedge_s": 0.5, "dispersal_timeout_s": 60.0, "member_timeout_s": 60.0},
    "member": {"shutdown_grace_s": 0.5, "max_reads": 7},
    "member-1": {"max_reads": 9},
}
IMPATIENT = {"dispersal_timeout_s": 4.0, "member_timeout_s": 4.0}

FAULTS: dict[str, Fault] = {
    "refuses": Refuse(),
    "accepts and says nothing": Silent(),
    "slow by seconds": Delay(seconds=3.0),
    "drips": Drip(bytes_per_s=200),
    "cut off": Cut(after_bytes=20),
    "truncated": Truncate(to_bytes=20),
    "garbage": Garbage(),
    "one bit": Flip(),
    "withholds": Withhold(columns=tuple(range(128)), how="silent"),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the network keeps everything."""
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def no_small_disk(directory: Path) -> Iterator[str | None]:
    """One member has a small disk; why it has not, where it cannot have one."""
    with small_disk(directory / f"member-{FULL}" / "data") as reason:
        yield reason


@pytest.fixture(scope="module")
def committee(directory: Path, no_small_disk: str | None) -> Iterator[LocalCommittee]:
    """One network for all; at the end what lies on disk is held against what was signed."""
    with LocalCommittee.running(directory, more=SETTINGS, fault_proxy=True) as committee:
        yield committee
        committee.network.stop()
        for member in range(len(committee.members)):
            assert require_kept(
                committee.committee, member, committee.directory(member), committee.log(member)
            )


@pytest.fixture(scope="module")
def second(committee: LocalCommittee) -> Iterator[Process]:
    """A second disperser with the first one's key, which does not wait long for members."""
    first = committee.disperser.part
    with Ports() as ports:
        port = ports.of("disperser-2")
        settings = {**first.settings, **IMPATIENT, "port": port}
        part = Part(name="disperser-2", command=first.command, port=port, settings=settings)
        process = committee.network.add(part)
        process.start()
        process.wait_ready()
        yield process
        process.kill()


@pytest.fixture(scope="module")
def whole(committee: LocalCommittee) -> Ledger[LocalCommittee]:
    return Ledger(committee)


@pytest.fixture
def ledger(whole: Ledger[LocalCommittee]) -> Iterator[Ledger[LocalCommittee]]:
    """After each fault is over everything ever given is honoured."""
    yield whole
    whole.committee.set_faults(FAULTY)
    whole.require_honoured()
    del whole.given[:]  # the next test need not read these again


@pytest.fixture
def payloads(request: pytest.FixtureRequest) -> Callable[[], bytes]:
    """Payloads that no other test posts."""
    chance = Random(request.node.name)
    return lambda: chance.randbytes(PAYLOAD_BYTES)


@pytest.mark.parametrize("name", FAULTS)
def test_one_faulty_member_stops_nobody(
    name: str, ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    before = ledger.post(payloads())
    ledger.committee.set_faults(FAULTY, FAULTS[name])
    while_faulty = ledger.post(payloads())
    ledger.read_from_all(while_faulty)
    ledger.read_from_all(before)
    if name not in ("refuses", "withholds"):  # one counts no requests, the other hinders no PUT
        assert sum(ledger.committee.faults.hits(f"member-{FAULTY}")) > 0


def test_another_blobs_columns_are_nobodys(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    one, other = ledger.post(payloads()), ledger.post(payloads())
    blob_id = other.certificate.header.blob_id.hex0x
    ledger.committee.set_faults(FAULTY, OtherBlob(instead=blob_id))
    ledger.read_from_all(one)


def test_a_wrong_signature_is_named(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    """In a metric, and in the answer where it came before the threshold was met."""
    committee = ledger.committee
    committee.set_faults(FAULTY, Garbage(methods=("PUT",), path="*/columns"))
    # So that its answer is waited for.
    with unreachable(committee, 0):
        with pytest.raises(DispersalFailed) as caught:
            ledger.post(payloads())
        assert set(caught.value.failures) == {"member-0", f"member-{FAULTY}"}
    faults = metric(committee.disperser.url, "holdfast_member_faults_total")
    assert {name for name, value in faults.items() if value} == {f"member-{FAULTY}"}


def test_a_member_that_is_killed(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    before = ledger.post(payloads())
    ledger.committee.kill(FAULTY)
    assert ledger.committee.member(FAULTY).state is State.ENDED
    try:
        after = ledger.post(payloads())
        assert FAULTY not in after.certificate.signers
        ledger.read_from_all(before)
        ledger.read_from_all(after)
    finally:
        ledger.committee.start(FAULTY)


def test_a_member_that_is_stopped_keeps_its_sockets_and_holds_up_nobody(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    before = ledger.post(payloads())
    with stopped(ledger.committee, FAULTY):
        ledger.read_from_all(ledger.post(payloads()))
        ledger.read_from_all(before)


def test_two_members_fewer_cannot_certify_and_whoever_asks_is_told_and_can_read(
    ledger: Ledger[LocalCommittee], second: Process, payloads: Callable[[], bytes]
) -> None:
    before = ledger.post(payloads())
    with stopped(ledger.committee, 1), stopped(ledger.committee, 2):
        with pytest.raises(DispersalFailed) as caught:
            ledger.post(payloads(), second.url)
        assert set(caught.value.failures) == {"member-1", "member-2"}
        assert caught.value.signed == 2
        ledger.read_from_all(before)


def test_two_dispersers_with_the_same_payload_at_once(
    ledger: Ledger[LocalCommittee], second: Process, payloads: Callable[[], bytes]
) -> None:
    payload = payloads()
    with ThreadPoolExecutor(2) as pool:
        urls = (ledger.committee.disperser_url, second.url)
        both = list(pool.map(partial(ledger.post, payload), urls))
    one, other = (given.certificate for given in both)
    assert one.header == other.header
    assert one.expires_at != other.expires_at or one.attestation == other.attestation


def test_a_full_disk_signs_nothing_says_so_and_is_read_all_the_same(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes], no_small_disk: str | None
) -> None:
    if no_small_disk is not None:
        pytest.skip(no_small_disk)
    committee = ledger.committee
    ledger.post(payloads())
    refused = payloads()
    with full(committee.directory(FULL)):
        with unreachable(committee, 0):  # so that its signature would be needed
            with pytest.raises(DispersalFailed) as caught:
                ledger.post(refused)
            assert "would exceed the budget" in caught.value.failures[f"member-{FULL}"]
        assert FULL not in ledger.post(refused).certificate.signers
        ledger.require_honoured()
    with unreachable(committee, 0):
        assert FULL in ledger.post(payloads()).certificate.signers


def test_settings_reach_the_part_they_name_and_members_are_where_the_keyset_says(
    committee: LocalCommittee,
) -> None:
    fronts = committee.faults.fronts()
    for index, member in enumerate(committee.members):
        found = tomllib.loads((member.directory / "settings.toml").read_text())
        assert found["max_reads"] == (9 if index == 1 else 7)
        front = fronts[f"member-{index}"]
        assert committee.url(index) == f"http://127.0.0.1:{front['port']}"
        assert member.url == f"http://127.0.0.1:{front['target_port']}"
        assert (committee.directory(index) / "store").is_dir()
        assert "listening" in committee.log(index).read_text()


def test_whoever_is_killed_every_certificate_is_honoured(ledger: Ledger[LocalCommittee]) -> None:
    kill_at_random(ledger, KILLS, Random(3))


@pytest.mark.crash
def test_many_kills(ledger: Ledger[LocalCommittee]) -> None:
    kill_at_random(ledger, MANY_KILLS, Random())


# ---------------------------------------------------------------- what is done to members


@contextmanager
def stopped(committee: LocalCommittee, member: int) -> Iterator[None]:
    committee.stop(member)
    try:
        yield
    finally:
        committee.cont(member)


@contextmanager
def unreachable(committee: LocalCommittee, member: int) -> Iterator[None]:
    committee.set_faults(member, Refuse())
    try:
        yield
    finally:
        committee.set_faults(member)


def metric(url: str, name: str) -> dict[str, float]:
    """A metric's values, by what stands in their braces."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=PATIENT_S) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {
        sample.labels["member"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }
