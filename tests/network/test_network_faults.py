"""A whole network in which one member is faulty: batches are certified all the same, readers get
the truth, and every certificate is honoured afterwards.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from random import Random

import pytest
from honoured import Ledger, require_kept
from prometheus_client.parser import text_string_to_metric_families

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
from da_node.service.network import Part, Ports

FAULTY = 3
PAYLOAD_BYTES = 150_000
PATIENT_S = 60
SETTINGS = {
    "disperser": {"hedge_s": 0.5, "dispersal_timeout_s": 10.0, "member_timeout_s": 10.0},
    "member": {"shutdown_grace_s": 0.5},
}

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
def committee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCommittee]:
    """One network for all; at the end what lies on disk is held against what was signed."""
    directory = tmp_path_factory.mktemp("network")
    with LocalCommittee.running(directory, more=SETTINGS, fault_proxy=True) as committee:
        yield committee
        committee.network.stop()
        for member in range(len(committee.members)):
            assert require_kept(
                committee.committee, member, committee.directory(member), committee.log(member)
            )


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
    with stopped(committee, 0):
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
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    before = ledger.post(payloads())
    with stopped(ledger.committee, 1), stopped(ledger.committee, 2):
        with pytest.raises(DispersalFailed) as caught:
            ledger.post(payloads())
        assert set(caught.value.failures) == {"member-1", "member-2"}
        assert caught.value.signed == 2
        ledger.read_from_all(before)


def test_two_dispersers_with_the_same_payload_at_once(
    ledger: Ledger[LocalCommittee], payloads: Callable[[], bytes]
) -> None:
    committee = ledger.committee
    first = committee.disperser.part
    payload = payloads()
    with Ports() as ports, ThreadPoolExecutor(2) as pool:
        port = ports.of("disperser-2")
        settings = {**first.settings, "port": port}
        part = Part(name="disperser-2", command=first.command, port=port, settings=settings)
        second = committee.network.add(part)
        second.start()
        second.wait_ready()
        both = list(pool.map(partial(ledger.post, payload), (first.url, part.url)))
        second.kill()
    one, other = (given.certificate for given in both)
    assert one.header == other.header
    assert one.expires_at != other.expires_at or one.attestation == other.attestation


# ---------------------------------------------------------------- what is done to members


@contextmanager
def stopped(committee: LocalCommittee, member: int) -> Iterator[None]:
    committee.stop(member)
    try:
        yield
    finally:
        committee.cont(member)


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
