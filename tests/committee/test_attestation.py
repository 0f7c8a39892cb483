"""Attestations: bytes, message, and whose fault a wrong signature is."""

from __future__ import annotations

import hashlib

import pytest
from committee_specimens import (
    EXPIRES_AT,
    G2_INFINITY,
    attested,
    changed,
    header,
    keyset,
    secret,
    verified,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from committee.attestation import Attestation, VerifiedAttestation, verify_attestation
from committee.errors import BadAttestation, OtherKeyset, UnknownSigner
from committee.values import KeysetHash, NetworkId
from da_node.coding import BlobId
from da_node.service import WrongLength

ATTESTATION = Attestation(
    keyset_hash=keyset().hash, blob_id=header().blob_id, expires_at=EXPIRES_AT
)
hashes = st.binary(min_size=32, max_size=32)


def test_the_message_is_the_protocols():
    fields = keyset().hash + header().blob_id + EXPIRES_AT.to_bytes(8, "big")
    assert ATTESTATION.serialize() == fields
    assert ATTESTATION.message == hashlib.sha256(b"HOLDFAST-V1-ATTEST" + fields).digest()


@settings(deadline=None)
@given(hashes, hashes, st.integers(0, 2**64 - 1))
def test_an_attestation_survives_its_bytes(keyset_hash, blob_id, expires_at):
    attestation = Attestation(
        keyset_hash=KeysetHash(keyset_hash), blob_id=BlobId(blob_id), expires_at=expires_at
    )
    assert Attestation.parse(attestation.serialize()) == attestation


def test_an_attestation_is_read_whole_or_not_at_all():
    data = ATTESTATION.serialize()
    for wrong in [*(data[:length] for length in range(len(data))), data + b"\0"]:
        with pytest.raises(WrongLength):
            Attestation.parse(wrong)


def test_the_same_attestation_is_signed_the_same():
    again = Attestation.parse(ATTESTATION.serialize())
    assert again.sign(secret(0)) == ATTESTATION.sign(secret(0))


@pytest.mark.parametrize(
    "other",
    [
        {"keyset_hash": KeysetHash(bytes(32))},
        {"blob_id": header(1).blob_id},
        {"expires_at": EXPIRES_AT + 3600},
    ],
)
def test_a_signature_over_anything_else_is_that_members_fault(other):
    fields = {
        "keyset_hash": ATTESTATION.keyset_hash,
        "blob_id": ATTESTATION.blob_id,
        "expires_at": EXPIRES_AT,
    }
    signature = Attestation(**fields | other).sign(secret(2))
    with pytest.raises(BadAttestation) as refused:
        verify_attestation(keyset(), ATTESTATION, 2, signature)
    assert refused.value.member == 2


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        G2_INFINITY,
        bytes(96),
        b"\xff" * 96,
        bytes(ATTESTATION.sign(secret(2)))[:-1],
        bytes(ATTESTATION.sign(secret(2))) + b"\0",
        bytes(ATTESTATION.sign(secret(1))),
        bytes(secret(2).prove_possession()),
    ],
)
def test_whatever_else_a_member_answers_is_its_fault_too(signature):
    with pytest.raises(BadAttestation) as refused:
        verify_attestation(keyset(), ATTESTATION, 2, signature)
    assert refused.value.member == 2
    assert refused.value.blob_id == header().blob_id.hex0x


@pytest.mark.parametrize("member", [-1, 4, 128])
def test_only_members_attest(member):
    with pytest.raises(UnknownSigner):
        verify_attestation(keyset(), ATTESTATION, member, bytes(ATTESTATION.sign(secret(0))))


def test_an_attestation_under_another_keyset_or_network_does_not_count():
    other = verified(changed(keyset(), network_id=NetworkId(bytes(32))))
    signature = bytes(ATTESTATION.sign(secret(0)))
    with pytest.raises(OtherKeyset):
        verify_attestation(other, ATTESTATION, 0, signature)


def test_there_is_no_way_round_the_check():
    with pytest.raises(BadAttestation):
        VerifiedAttestation(
            attestation=ATTESTATION,
            keyset=keyset(),
            member=0,
            signature=ATTESTATION.sign(secret(1)),
        )
    assert [one.member for one in attested(keyset(), 3, 0)] == [3, 0]
