"""Parts of a whole network killed at random moments: what was promised is kept."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

from honoured import Ledger, signatures

from committee.devnet import LocalCommittee
from da_node.service import Unavailable
from da_node.service.network import Process

LONGEST_WAIT_S = 0.4
"""A payload of this size is certified in about half of it, so that kills come before, within and
after."""
PAYLOAD_BYTES = 200_000


def kill_at_random(ledger: Ledger[LocalCommittee], kills: int, chance: random.Random) -> None:
    committee = ledger.committee
    parts = [committee.disperser, *committee.members]
    before = signature_count(committee)
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
    signed = signature_count(committee) - before
    assert signed >= kills * committee.committee.keyset.threshold


def signature_count(committee: LocalCommittee) -> int:
    """What all members together have signed; behind each lie its columns, as the end will show."""
    logs = map(committee.log, range(len(committee.members)))
    return sum(len(set(signatures(log))) for log in logs)


def restart(part: Process) -> None:
    part.start()
    part.wait_ready()
