"""Certificates: bytes, validity, reliance, and an independent check."""

from __future__ import annotations

import dataclasses
import random

import pytest
from committee_specimens import (
    EXPIRES_AT,
    G1_INFINITY,
    G2_INFINITY,
    NOT_BEFORE,
    attested,
    certificate,
    changed,
    committees,
    header,
    keyset,
    secret,
    verified,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc_oracle import G2ProofOfPossession

from committee.bls import Signature, aggregate
from committee.certificate import (
    Certificate,
    VerifiedCertificate,
    certify,
    verify_certificate,
)
from committee.errors import (
    BadAggregate,
    BadPoint,
    ExpiresTooSoon,
    NotInForce,
    OtherKeyset,
    TooFewSigners,
    UnknownSigner,
)
from committee.values import NetworkId
from da_node.coding import Header
from da_node.service import BadData, Bug, HoldfastError, UnsupportedVersion, WrongLength

BITMAP_AT = 2 + 32 + 90 + 8


def forged(original: Certificate, **fields) -> Certificate:
    """The certificate with something else in it, as a stranger would hand it in."""
    names = [field.name for field in dataclasses.fields(Certificate)]
    return Certificate(**{name: getattr(original, name) for name in names} | fields)


def refused(error, wrong: Certificate, who=None):
    with pytest.raises(error) as raised:
        verify_certificate(Certificate.parse(wrong.serialize()), who or keyset())
    return raised.value


def test_the_bytes_are_the_protocols():
    valid = certificate(keyset(), 0, 1, 3)
    expected = b"".join(
        (
            bytes.fromhex("0001"),
            keyset().hash,
            header().serialize(),
            EXPIRES_AT.to_bytes(8, "big"),
            bytes([0b1011]),
            aggregate(one.signature for one in attested(keyset(), 0, 1, 3)),
        )
    )
    assert valid.serialize() == expected
    assert valid.signers == (0, 1, 3)


def test_a_member_beyond_the_eighth_is_in_the_next_byte():
    valid = certificate(keyset(10, 3), 0, 2, 3, 4, 5, 8, 9)
    assert valid.serialize()[BITMAP_AT : BITMAP_AT + 2] == bytes([0b00111101, 0b11])
    assert valid.signers == (0, 2, 3, 4, 5, 8, 9)


@settings(max_examples=15, deadline=None)
@given(committees, st.randoms(use_true_random=False))
def test_any_signers_from_the_threshold_on_certify_in_any_order(shape, draw: random.Random):
    n, _, threshold = shape
    who = keyset(*shape)
    members = draw.sample(range(n), draw.randint(threshold, n))
    valid = certificate(who, *members)
    parsed = Certificate.parse(valid.serialize())
    again = verify_certificate(parsed, who)
    assert again == valid
    assert again.serialize() == certificate(who, *sorted(members)).serialize()
    assert again.signers == tuple(sorted(members))


def test_another_library_agrees_that_a_certificate_is_valid():
    who = keyset(7, 2)
    data = certificate(who, 0, 1, 2, 5, 6).serialize()
    signers = [i for i in range(7) if data[BITMAP_AT] >> i & 1]
    message = certificate(who, 0, 1, 2, 5, 6).attestation.message
    keys = [bytes(who.public_keys[i]) for i in signers]
    assert G2ProofOfPossession.FastAggregateVerify(keys, message, data[-96:])
    assert not G2ProofOfPossession.FastAggregateVerify(keys[1:], message, data[-96:])


def test_a_certificate_is_read_whole_or_not_at_all():
    data = certificate(keyset(), 0, 1, 2).serialize()
    for length in range(len(data)):
        with pytest.raises(WrongLength):
            Certificate.parse(data[:length])
    for tail in (b"\0", bytes(15), bytes(16), bytes(96)):
        with pytest.raises(BadData):
            verify_certificate(Certificate.parse(data + tail), keyset())
    with pytest.raises(WrongLength):
        Certificate.parse(data + bytes(16))


@settings(deadline=None)
@given(st.binary(min_size=229, max_size=244))
def test_any_bytes_are_a_certificate_or_are_refused(data):
    with pytest.raises(HoldfastError):
        Certificate.parse(b"\0\1" + data[2:34] + header().serialize() + data[124:])


@settings(deadline=None)
@given(st.integers(0, 229 * 8 - 1))
def test_no_bit_of_a_certificate_can_be_changed(bit):
    data = bytearray(certificate(keyset(), 0, 1, 2).serialize())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadData):
        verify_certificate(Certificate.parse(bytes(data)), keyset())


@pytest.mark.parametrize("version", [0, 2, 0xFFFF])
def test_only_version_1_is_known(version):
    data = certificate(keyset(), 0, 1, 2).serialize()
    with pytest.raises(UnsupportedVersion):
        Certificate.parse(version.to_bytes(2, "big") + data[2:])


def test_a_superset_of_the_signers_cannot_be_claimed():
    refused(BadAggregate, forged(certificate(keyset(), 0, 1, 2), bitmap=bytes([0b1111])))


def test_a_subset_of_the_signers_cannot_be_claimed():
    refused(BadAggregate, forged(certificate(keyset(), 0, 1, 2, 3), bitmap=bytes([0b0111])))


def test_other_signers_cannot_be_claimed():
    wrong = forged(certificate(keyset(), 0, 1, 2), bitmap=bytes([0b1110]))
    assert refused(BadAggregate, wrong).signers == "1, 2, 3"


@pytest.mark.parametrize("bit", range(4, 8))
def test_bits_beyond_the_members_are_refused(bit):
    wrong = forged(certificate(keyset(), 0, 1, 2), bitmap=bytes([0b0111 | 1 << bit]))
    assert refused(UnknownSigner, wrong).value == bit


@pytest.mark.parametrize("bitmap", [b"\x07\x00", b"\x07" + bytes(15)])
def test_a_bitmap_of_another_length_is_refused(bitmap):
    refused(WrongLength, forged(certificate(keyset(), 0, 1, 2), bitmap=bitmap))


@pytest.mark.parametrize("bitmap", [0b0000, 0b0001, 0b0011])
def test_fewer_than_the_threshold_is_refused(bitmap):
    members = [i for i in range(4) if bitmap >> i & 1]
    signatures = [one.signature for one in attested(keyset(), *members)] or [
        certificate(keyset(), 0, 1, 2).signature
    ]
    wrong = forged(
        certificate(keyset(), 0, 1, 2), bitmap=bytes([bitmap]), signature=aggregate(signatures)
    )
    assert refused(TooFewSigners, wrong).value == len(members)


def test_a_signature_counted_twice_does_not_reach_the_threshold():
    first, second = attested(keyset(), 0, 1)
    twice = aggregate([first.signature, second.signature, second.signature])
    wrong = forged(certificate(keyset(), 0, 1, 2), signature=twice)
    refused(BadAggregate, wrong)
    with pytest.raises(TooFewSigners):
        certify(header(), [first, second, second])


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at": EXPIRES_AT + 3600},
        {"header": header(1)},
        {"signature": Signature(secret(0).sign(b"another message"))},
    ],
)
def test_signatures_are_over_this_blob_and_this_expiry(fields):
    refused(BadAggregate, forged(certificate(keyset(), 0, 1, 2), **fields))


def test_a_certificate_of_another_keyset_or_network_is_refused():
    valid = certificate(keyset(), 0, 1, 2)
    for other in (
        verified(changed(keyset(), network_id=NetworkId(bytes(32)))),
        verified(changed(keyset(), not_before=NOT_BEFORE + 1)),
        keyset(4, 1, 2),
    ):
        refused(OtherKeyset, valid, other)
        # relabelled, it is not what was signed
        refused(BadAggregate, forged(valid, keyset_hash=other.hash), other)


@pytest.mark.parametrize("signature", [G2_INFINITY, bytes(96), b"\xff" * 96])
def test_a_signature_that_is_no_usable_point_is_refused(signature):
    data = certificate(keyset(), 0, 1, 2).serialize()
    with pytest.raises(BadPoint):
        Certificate.parse(data[:-96] + signature)


def test_there_is_no_way_round_the_check():
    valid = certificate(keyset(), 0, 1, 2)
    with pytest.raises(BadAggregate):
        dataclasses.replace(valid, expires_at=EXPIRES_AT + 1)
    assert isinstance(valid, VerifiedCertificate)


def test_certificates_of_different_signers_are_the_same_to_whoever_relies_on_them():
    one, other = certificate(keyset(), 0, 1, 2), certificate(keyset(), 1, 2, 3)
    assert one.serialize() != other.serialize()
    assert one.attestation == other.attestation
    assert len({one.attestation, other.attestation}) == 1


def test_attestations_of_different_blobs_or_expiries_are_never_added_up():
    good = attested(keyset(), 0, 1)
    with pytest.raises(Bug):
        certify(header(), good + attested(keyset(), 2, of=header(1)))
    with pytest.raises(Bug):
        certify(header(), good + attested(keyset(), 2, expires_at=EXPIRES_AT + 3600))
    with pytest.raises(Bug):
        certify(header(1), attested(keyset(), 0, 1, 2))
    with pytest.raises(TooFewSigners):
        certify(header(), [])


def test_a_header_in_a_certificate_is_checked_as_any_other():
    data = certificate(keyset(), 0, 1, 2).serialize()
    broken = Header.parse(header().serialize()).serialize().replace(G1_INFINITY, bytes(48))
    with pytest.raises(HoldfastError) as wrong:
        Certificate.parse(data.replace(header().serialize(), broken))
    assert wrong.value.code == "bad_commitment"


def test_a_certificate_may_be_relied_on_while_a_dispute_ends_before_the_blob_goes():
    valid = certificate(keyset(), 0, 1, 2)
    latest = EXPIRES_AT - 604_800 - 3600 - 600
    assert valid.latest_inclusion(600) == latest
    valid.require_reliable(latest, 600)
    valid.require_reliable(NOT_BEFORE, 600)
    with pytest.raises(ExpiresTooSoon) as late:
        valid.require_reliable(latest + 1, 600)
    assert late.value.needed_until == EXPIRES_AT + 1


def test_a_certificate_under_a_keyset_that_is_not_in_force_yet_is_not_relied_on():
    valid = certificate(keyset(), 0, 1, 2)
    with pytest.raises(NotInForce):
        valid.require_reliable(NOT_BEFORE - 1, 0)
