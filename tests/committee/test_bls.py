"""The door to BLS: what is let in is a usable point, and only true signatures hold."""

from __future__ import annotations

import hmac
import pickle

import pytest
from committee_specimens import FIELD_MODULUS, G1_INFINITY, G2_INFINITY, GROUP_ORDER, secret
from py_ecc_oracle import (
    FQ,
    FQ2,
    G2ProofOfPossession,
    b,
    b2,
    compress_G1,
    compress_G2,
    curve_order,
    is_inf,
    is_on_curve,
    modular_squareroot_in_FQ2,
    multiply,
)

from committee.bls import (
    PossessionProof,
    PublicKey,
    SecretKey,
    Signature,
    aggregate,
    is_aggregate,
    is_possession,
    is_signature,
)
from committee.errors import BadPoint
from da_node.service import WrongLength

MESSAGE = b"m" * 32


def g1_outside_the_subgroup() -> bytes:
    """The first point of the curve over Fq, by x, that the group order does not bring to zero."""
    for x in range(100):
        square = FQ(x) ** 3 + b
        root = square ** ((FIELD_MODULUS + 1) // 4)
        point = (FQ(x), root, FQ(1))
        if root * root == square and not is_inf(multiply(point, curve_order)):
            assert is_on_curve(point, b)
            return compress_G1(point).to_bytes(48, "big")
    raise AssertionError("the cofactor is not 1")


def g2_outside_the_subgroup() -> bytes:
    """The same over Fq²."""
    for x in range(100):
        abscissa = FQ2([x, 1])
        root = modular_squareroot_in_FQ2(abscissa**3 + b2)
        if root is None:
            continue
        point = (abscissa, root, FQ2.one())
        if not is_inf(multiply(point, curve_order)):
            assert is_on_curve(point, b2)
            high, low = compress_G2(point)
            return high.to_bytes(48, "big") + low.to_bytes(48, "big")
    raise AssertionError("the cofactor is not 1")


KEY = bytes(secret(0).public_key)
SIGNATURE = bytes(secret(0).sign(MESSAGE))


@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (PublicKey, G1_INFINITY),
        (Signature, G2_INFINITY),
        (PossessionProof, G2_INFINITY),
        (PublicKey, g1_outside_the_subgroup()),
        (Signature, g2_outside_the_subgroup()),
        (PossessionProof, g2_outside_the_subgroup()),
        (PublicKey, bytes(48)),
        (PublicKey, b"\xc0" + bytes(46) + b"\x01"),
        (PublicKey, b"\xe0" + bytes(47)),
        (PublicKey, b"\x40" + bytes(47)),
        (PublicKey, bytes([KEY[0] & 0x7F]) + KEY[1:]),
        (PublicKey, bytes([KEY[0] | 0x40]) + KEY[1:]),
        (PublicKey, b"\xff" * 48),
        (Signature, bytes(96)),
        (Signature, bytes([SIGNATURE[0] & 0x7F]) + SIGNATURE[1:]),
        (Signature, SIGNATURE[:48] + bytes([SIGNATURE[48] | 0x80]) + SIGNATURE[49:]),
        (Signature, b"\xff" * 96),
    ],
)
def test_what_is_no_point_of_the_subgroup_or_infinity_is_refused(cls, data):
    with pytest.raises(BadPoint):
        cls(data)


def test_a_coordinate_that_is_not_reduced_is_refused():
    # an abscissa below 2^381 − p has a second, non-canonical form that fits the 381 bits
    small = next(
        key
        for key in (bytes(secret(seed).public_key) for seed in range(1000))
        if int.from_bytes(key, "big") % (1 << 381) < (1 << 381) - FIELD_MODULUS
    )
    flags = int.from_bytes(small, "big") >> 381 << 381
    abscissa = int.from_bytes(small, "big") % (1 << 381)
    with pytest.raises(BadPoint):
        PublicKey((flags | (abscissa + FIELD_MODULUS)).to_bytes(48, "big"))


@pytest.mark.parametrize(("cls", "data"), [(PublicKey, KEY), (Signature, SIGNATURE)])
def test_a_point_has_exactly_its_length(cls, data):
    assert cls(data) == data
    for wrong in [*(data[:length] for length in range(len(data))), data + b"\0"]:
        with pytest.raises(WrongLength):
            cls(wrong)


def test_points_of_different_meaning_are_different_types_and_travel_between_processes():
    key = secret(0).public_key
    again = pickle.loads(pickle.dumps(key))
    assert type(again) is PublicKey
    assert again == key
    assert is_signature(again, MESSAGE, secret(0).sign(MESSAGE))


@pytest.mark.parametrize("value", [0, GROUP_ORDER, GROUP_ORDER + 1, 2**256 - 1])
def test_a_secret_is_between_zero_and_the_order(value):
    with pytest.raises(BadPoint):
        SecretKey(value.to_bytes(32, "big"))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_and_its_entropy_have_32_bytes(length):
    with pytest.raises(WrongLength):
        SecretKey(b"\1" * length)
    with pytest.raises(WrongLength):
        SecretKey.generate(b"\1" * length)


def test_a_secret_shows_itself_only_when_asked():
    key = secret(3)
    hidden = key.reveal()
    assert SecretKey(hidden).public_key == key.public_key
    assert hidden.hex() not in repr(key) + str(key) + f"{key!r}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(BadPoint) as refused:
        SecretKey(b"\xfe" * 32)
    assert "fefe" not in str(refused.value)


def test_all_of_the_entropy_goes_into_a_key():
    entropy = bytes(range(32))
    # HKDF written out (RFC 5869), with the draft's salt and 48 bytes of output
    extracted = hmac.digest(b"BLS-SIG-KEYGEN-SALT-", entropy + b"\0", "sha256")
    first = hmac.digest(extracted, b"\x00\x30\x01", "sha256")
    second = hmac.digest(extracted, first + b"\x00\x30\x02", "sha256")
    expected = int.from_bytes((first + second)[:48], "big") % GROUP_ORDER
    assert SecretKey.generate(entropy).reveal() == expected.to_bytes(32, "big")


def test_a_signature_holds_for_its_key_and_message_only():
    signature = secret(0).sign(MESSAGE)
    assert signature == secret(0).sign(MESSAGE)
    assert is_signature(secret(0).public_key, MESSAGE, signature)
    assert not is_signature(secret(1).public_key, MESSAGE, signature)
    assert not is_signature(secret(0).public_key, b"n" * 32, signature)


def test_possession_is_proven_for_the_own_key_under_a_domain_of_its_own():
    key = secret(0)
    proof = key.prove_possession()
    assert is_possession(key.public_key, proof)
    assert not is_possession(secret(1).public_key, proof)
    # what a member can be made to sign is no proof of possession, nor the other way round
    assert not is_possession(key.public_key, PossessionProof(key.sign(key.public_key)))
    assert not is_signature(key.public_key, key.public_key, Signature(proof))


def test_an_aggregate_holds_for_exactly_its_signers_in_any_order():
    signatures = [secret(i).sign(MESSAGE) for i in range(4)]
    keys = [secret(i).public_key for i in range(4)]
    total = aggregate(signatures[:3])
    assert total == aggregate(reversed(signatures[:3]))
    assert is_aggregate(keys[:3], MESSAGE, total)
    assert is_aggregate([keys[2], keys[0], keys[1]], MESSAGE, total)
    assert not is_aggregate(keys, MESSAGE, total)
    assert not is_aggregate(keys[:2], MESSAGE, total)
    assert not is_aggregate(keys[:3], b"n" * 32, total)
    assert not is_aggregate([], MESSAGE, total)


def test_keys_that_cancel_out_signed_nothing():
    value = int.from_bytes(secret(0).reveal(), "big")
    opposite = SecretKey((GROUP_ORDER - value).to_bytes(32, "big"))
    keys = [secret(0).public_key, opposite.public_key]
    assert not is_aggregate(keys, MESSAGE, secret(1).sign(MESSAGE))
    with pytest.raises(BadPoint):
        aggregate([secret(0).sign(MESSAGE), opposite.sign(MESSAGE)])
    with pytest.raises(BadPoint):
        aggregate([])


def test_another_library_agrees_on_signatures_and_proofs():
    key = secret(5)
    signature = key.sign(MESSAGE)
    assert G2ProofOfPossession.Sign(int.from_bytes(key.reveal(), "big"), MESSAGE) == signature
    assert G2ProofOfPossession.PopVerify(key.public_key, bytes(key.prove_possession()))
