"""A member while one keyset takes the place of another."""

from __future__ import annotations

import json

import pytest
from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    ME,
    NOW,
    blob,
    committee,
    dispersal,
    secret,
    ticket,
)
from member_under_test import Running, StartMember

from committee.attestation import Attestation, verify_attestation
from committee.certificate import VerifiedCertificate, certify
from committee.documents import Committee
from committee.parameters import EARLY_S, HOUR_S, LATE_S, RETENTION_S
from committee.signing.signer import LocalSigner
from committee.succession import OVERLAP_S

TURN = NOW + 100
OLD = committee()
NEW = committee(not_before=TURN, seeds=(1, 4, 2, 3))
"""The member under test moves from the second arc to the first; 0 leaves, 4 joins."""
CERTIFICATE = f"/v1/blobs/{blob().blob_id.hex0x}/certificate"


@pytest.fixture
async def rotating(start_member: StartMember) -> Running:
    return await start_member(committees=[OLD, NEW])


def index_of(whole: Committee, seed: int) -> int:
    return whole.keyset.public_keys.index(secret(seed).public_key)


async def ordered(
    running: Running, whole: Committee, status: int = 200, *, seed: int = ME, expires_at: int = 0
) -> bytes:
    """The answer to an order under a keyset, of an expiry that is right by the member's clock."""
    expires_at = expires_at or -(-(running.clock.now + RETENTION_S) // HOUR_S) * HOUR_S
    arc = whole.keyset.arcs[index_of(whole, seed)]
    request = dispersal(keyset_hash=whole.keyset.hash, expires_at=expires_at, columns=list(arc))
    answer = await running.put(request, status)
    if status == 200:
        wanted = Attestation(
            keyset_hash=whole.keyset.hash, blob_id=blob().blob_id, expires_at=expires_at
        )
        verify_attestation(whole.keyset, wanted, index_of(whole, seed), answer)
    return answer


def certified(whole: Committee, *seeds: int) -> VerifiedCertificate:
    wanted = Attestation(
        keyset_hash=whole.keyset.hash, blob_id=blob().blob_id, expires_at=EXPIRES_AT
    )
    return certify(
        blob().header,
        [
            verify_attestation(
                whole.keyset, wanted, index_of(whole, seed), wanted.sign(secret(seed))
            )
            for seed in seeds
        ],
    )


@pytest.mark.parametrize(
    ("now", "under_the_old", "under_the_new"),
    [
        (TURN - 1, 200, "keyset_not_in_force"),
        (TURN, 200, 200),
        (TURN + OVERLAP_S - 1, 200, 200),
        (TURN + OVERLAP_S, "keyset_superseded", 200),
    ],
)
async def test_each_keyset_is_signed_under_in_its_time(
    rotating: Running, now: int, under_the_old: int | str, under_the_new: int | str
) -> None:
    rotating.clock.now = now
    for whole, expected in ((OLD, under_the_old), (NEW, under_the_new)):
        if isinstance(expected, int):
            await ordered(rotating, whole)
        else:
            assert json.loads(await ordered(rotating, whole, 422))["code"] == expected
            assert not rotating.member.node.store.pledges(blob().blob_id, EXPIRES_AT).count(
                whole.keyset.hash
            )


async def test_outside_its_time_not_even_the_body_is_read(rotating: Running) -> None:
    arc = list(NEW.keyset.arcs[index_of(NEW, ME)])
    request = dispersal(keyset_hash=NEW.keyset.hash, columns=arc)
    fields = {"Content-Length": "1000000", "Expect": "100-continue"}
    one = ticket(request, time=rotating.clock.now, key=DISPERSER)
    assert (await rotating.head(request, fields, one)).startswith(b"HTTP/1.1 422 ")


async def test_what_was_taken_just_before_the_turn_may_be_asked_for_until_its_expiry_is_too_early(
    rotating: Running,
) -> None:
    """By a disperser whose clock is as slow as it may be."""
    taken_at = TURN + EARLY_S - 1
    expires_at = -(-(taken_at + RETENTION_S) // HOUR_S) * HOUR_S
    for now in (taken_at, expires_at - RETENTION_S + EARLY_S):
        assert now <= taken_at + LATE_S < TURN + OVERLAP_S
        rotating.clock.now = now
        await ordered(rotating, OLD, expires_at=expires_at)
    rotating.clock.now += 1
    answer = await ordered(rotating, OLD, 422, expires_at=expires_at)
    assert json.loads(answer)["code"] == "expiry_out_of_range"


async def test_a_member_whose_arc_moves_holds_both_until_they_expire(
    rotating: Running, start_member: StartMember
) -> None:
    await ordered(rotating, OLD, expires_at=EXPIRES_AT)
    rotating.clock.now = TURN
    await ordered(rotating, NEW, expires_at=EXPIRES_AT)
    rotating = await start_member(committees=[OLD, NEW])
    path = f"/v1/blobs/{blob().blob_id.hex0x}"
    status = json.loads(await rotating.ask("GET", path + "/status"))
    assert status["columns"] == list(range(64))
    assert sorted(rotating.member.node.store.pledges(blob().blob_id, EXPIRES_AT)) == sorted(
        [OLD.keyset.hash, NEW.keyset.hash]
    )
    served = await rotating.ask("GET", path + "/columns?index=0,32")
    assert served == blob().column(0).serialize() + blob().column(32).serialize()
    rotating.clock.now = EXPIRES_AT - 1
    await rotating.ask("GET", path + "/columns?index=0,32")
    rotating.clock.now = EXPIRES_AT
    await rotating.ask("GET", path + "/columns?index=0,32", 410)


async def test_certificates_of_a_superseded_keyset_are_taken_and_yield_to_those_of_a_later_one(
    rotating: Running,
) -> None:
    await ordered(rotating, OLD, expires_at=EXPIRES_AT)
    rotating.clock.now = TURN + 10 * OVERLAP_S
    old, new = certified(OLD, 0, 1, 2, 3), certified(NEW, 1, 2, 3)
    for offered, kept in ((old, old), (new, new), (old, new)):
        await rotating.ask("PUT", CERTIFICATE, 204, data=offered.serialize())
        assert await rotating.ask("GET", CERTIFICATE) == kept.serialize()


@pytest.mark.parametrize(("seed", "own"), [(4, NEW), (0, OLD)], ids=["joins", "leaves"])
async def test_one_without_a_place_in_a_keyset_knows_it_and_takes_its_certificates(
    start_member: StartMember, seed: int, own: Committee
) -> None:
    running = await start_member(committees=[OLD, NEW], signer=LocalSigner(secret(seed)))
    running.clock.now = TURN
    await ordered(running, own, seed=seed, expires_at=EXPIRES_AT)
    listed = json.loads(await running.ask("GET", "/v1/keysets"))["keysets"]
    assert [one["keyset_hash"] for one in listed] == [
        whole.keyset.hash.hex0x for whole in (OLD, NEW)
    ]
    for whole, signers in ((OLD, (0, 1, 2)), (NEW, (1, 2, 4))):
        data = certified(whole, *signers).serialize()
        await running.ask("PUT", CERTIFICATE, 204, data=data)
        assert await running.ask("GET", CERTIFICATE) == data
    document = json.loads(await running.ask("GET", "/v1/node"))
    assert document["keyset_hash"] == own.keyset.hash.hex0x
    assert document["member"] == index_of(own, seed)


async def test_keysets_change_while_it_runs(start_member: StartMember) -> None:
    running = await start_member()
    running.clock.now = TURN
    arc = list(NEW.keyset.arcs[index_of(NEW, ME)])
    request = dispersal(keyset_hash=NEW.keyset.hash, columns=arc)
    assert json.loads(await running.put(request, 403))["code"] == "unknown_disperser"
    running.member.seats.follow([OLD, NEW])
    running.clock.now += 1
    await ordered(running, NEW, expires_at=EXPIRES_AT)
    await ordered(running, OLD, expires_at=EXPIRES_AT)
