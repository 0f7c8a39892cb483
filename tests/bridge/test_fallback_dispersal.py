"""A payload goes to L1 exactly where the DA layer gives no certificate that holds."""

from __future__ import annotations

from typing import Any

import pytest
from committee_specimens import attested
from settlement_specimens import COMMITTEE, header_of

from bridge_client.fallback.dispersal import certified_or_posted
from bridge_client.fallback.framing import Form
from bridge_client.fallback.posting import Posted
from committee.certificate import VerifiedCertificate, certify
from committee.errors import BadToken, DispersalFailed
from da_node.client import Receipt
from da_node.errors import PayloadMismatch, PayloadTooLarge, PeerUnreachable

HEADER = header_of(1)
EXPIRES_AT = 1_900_000_800
ON_L1 = Posted(blob_id=HEADER.blob_id, form=Form.BLOBS, receipts=())


def certificate(rows: int = 1) -> bytes:
    signed = attested(COMMITTEE, 0, 1, 2, of=header_of(rows), expires_at=EXPIRES_AT)
    return certify(header_of(rows), signed).serialize()


class Dispersing:
    """Gives or raises what the test says."""

    def __init__(self, outcome: bytes | Exception | None) -> None:
        self._outcome = outcome

    async def post(self, payload: bytes) -> Receipt:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return Receipt(
            blob_id=HEADER.blob_id,
            header=HEADER,
            expires_at=EXPIRES_AT,
            certificate=self._outcome,
            signers=(),
            created=True,
            node="http://disperser",
        )


async def outcome_of(
    outcome: bytes | Exception | None, keysets: Any = (COMMITTEE,)
) -> VerifiedCertificate | Posted:
    async def post() -> Posted:
        return ON_L1

    return await certified_or_posted(Dispersing(outcome), b"payload", keysets, post)


async def test_a_certificate_that_holds_keeps_it_off_l1() -> None:
    found = await outcome_of(certificate())
    assert isinstance(found, VerifiedCertificate)
    assert (found.header, found.expires_at) == (HEADER, EXPIRES_AT)


LACKING: dict[str, bytes | Exception | None] = {
    "too few signed": DispersalFailed(
        blob_id=HEADER.blob_id.hex0x, signed=2, threshold=3, failures={}
    ),
    "nobody answers": PeerUnreachable(url="http://disperser", reason="refused"),
    "another payload's header": PayloadMismatch(what="length", value="1", expected="2"),
    "no committee": None,
    "no certificate": b"\0\1nonsense",
    "a signature of others": certificate()[:-1] + bytes((certificate()[-1] ^ 1,)),
    "another blob's": certificate(2),
}


@pytest.mark.parametrize("lack", LACKING)
async def test_without_one_it_goes_to_l1(lack: str) -> None:
    assert await outcome_of(LACKING[lack]) is ON_L1


async def test_a_keyset_that_is_not_followed_certifies_nothing() -> None:
    assert await outcome_of(certificate(), keysets=()) is ON_L1


@pytest.mark.parametrize(
    "refused", [BadToken(reason="it is revoked"), PayloadTooLarge(value=9, bound=8)]
)
async def test_what_is_refused_is_said_and_not_posted(refused: Exception) -> None:
    with pytest.raises(type(refused)):
        await outcome_of(refused)
