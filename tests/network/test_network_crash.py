"""Parts of a whole network killed at random moments: what was promised is kept."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from honoured import Ledger, require_kept

from committee.devnet import LocalCommittee
from da_node.service import Unavailable
from da_node.service.network import Process

KILLS = 10
MANY_KILLS = 200
LONGEST_WAIT_S = 0.4
"""A payload of this size is certified in about half of it, so that kills come before, within and
after."""
PAYLOAD_BYTES = 200_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger[LocalCommittee]]:
    with LocalCommittee.running(tmp_path) as committee:
        yield Ledger(committee)


def kill_at_random(ledger: Ledger[LocalCommittee], kills: int, chance: random.Random) -> None:
    committee = ledger.committee
    parts = [committee.disperser, *committee.members]
    with ThreadPoolExecutor(1) as poster:
        for number in range(kills):
            payload = number.to_bytes(4, "big") + chance.randbytes(PAYLOAD_BYTES)
            posting = poster.submit(ledger.post, payload)
            time.sleep(chance.uniform(0, LONGEST_WAIT_S))
            victim = chance.choice(parts)
            victim.kill()
            error = posting.exception()
            assert error is None or isinstance(error, Unavailable), error
            restart(victim)
            again = ledger.post(payload)
            if error is None:
                # Within the hour it is the same promise.
                first = ledger.given[-2].certificate
                assert again.certificate.header == first.header
                if again.certificate.expires_at == first.expires_at:
                    assert again.certificate.attestation == first.attestation
    ledger.require_honoured()
    committee.network.stop()
    signed = sum(
        require_kept(
            committee.committee, member, committee.directory(member), committee.log(member)
        )
        for member in range(len(committee.members))
    )
    assert signed >= kills * committee.committee.keyset.threshold


def restart(part: Process) -> None:
    part.start()
    part.wait_ready()


def test_whoever_is_killed_every_certificate_is_honoured(ledger: Ledger[LocalCommittee]) -> None:
    kill_at_random(ledger, KILLS, random.Random(3))


@pytest.mark.crash
def test_many_kills(ledger: Ledger[LocalCommittee]) -> None:
    kill_at_random(ledger, MANY_KILLS, random.Random())
