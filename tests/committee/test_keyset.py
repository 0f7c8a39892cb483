"""Keysets: bytes, hash, and everything that loading refuses."""

from __future__ import annotations

import hashlib

import pytest
from committee_specimens import (
    G1_INFINITY,
    GROUP_ORDER,
    NETWORK,
    changed,
    committees,
    keyset,
    keyset_fields,
    secret,
    verified,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from committee.arcs import shortest_arc
from committee.bls import PossessionProof, PublicKey, SecretKey, is_aggregate
from committee.errors import (
    BadPoint,
    BadPossession,
    OutOfRange,
    RepeatedMember,
    ShortRetention,
    ThinCoverage,
)
from committee.keyset import Keyset, VerifiedKeyset, verify_keyset
from committee.values import KeysetHash, NetworkId
from da_node.service import HoldfastError, MalformedRequest, UnsupportedVersion, WrongLength


def test_the_bytes_are_the_protocols():
    keys = [secret(i).public_key for i in range(4)]
    expected = b"".join(
        (
            bytes.fromhex("0001"),
            b"\x11" * 32,
            (1_700_000_000).to_bytes(8, "big"),
            (1_572_864).to_bytes(4, "big"),
            (604_800).to_bytes(4, "big"),
            bytes.fromhex("0004000300010020"),
            *keys,
        )
    )
    assert keyset(4, 1).serialize() == expected
    assert Keyset.parse(expected).serialize() == expected
    assert keyset(4, 1).hash == hashlib.sha256(b"HOLDFAST-V1-KEYSET" + expected).digest()


@settings(max_examples=25, deadline=None)
@given(committees)
def test_every_committee_that_fits_survives_its_bytes(shape):
    n, faults, threshold = shape
    plain = Keyset(**keyset_fields(n, faults, threshold))
    again = Keyset.parse(plain.serialize())
    assert again == plain
    assert again.hash == plain.hash
    assert len(again.arcs) == n
    assert again.honest == threshold - faults


def test_a_keyset_is_read_whole_or_not_at_all():
    data = keyset(4, 1).serialize()
    for wrong in [*(data[:length] for length in range(len(data))), data + b"\0", data + bytes(48)]:
        with pytest.raises(WrongLength):
            Keyset.parse(wrong)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_keyset_or_are_refused(data):
    with pytest.raises(HoldfastError):
        Keyset.parse(data)


@settings(deadline=None)
@given(st.integers(0, 58 * 8 - 1))
def test_a_flipped_bit_is_refused_or_is_another_keyset(bit):
    data = bytearray(keyset(4, 1).serialize())
    data[bit // 8] ^= 1 << bit % 8
    try:
        other = Keyset.parse(bytes(data))
    except HoldfastError:
        return
    assert other.serialize() == data
    assert other.hash != keyset(4, 1).hash


@pytest.mark.parametrize("version", [0, 2, 0xFFFF])
def test_only_version_1_is_known(version):
    with pytest.raises(UnsupportedVersion):
        Keyset.parse(version.to_bytes(2, "big") + keyset(4, 1).serialize()[2:])


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"public_keys": ()}, "n"),
        ({"public_keys": tuple(secret(i).public_key for i in range(129))}, "n"),
        ({"threshold": 0, "faults": 0}, "threshold"),
        ({"threshold": 1}, "threshold"),
        ({"threshold": 4}, "threshold"),
        ({"threshold": 5, "faults": 0}, "threshold"),
        ({"faults": 2}, "faults"),
        ({"faults": -1}, "faults"),
        ({"columns_per_member": 0}, "columns_per_member"),
        ({"columns_per_member": 129}, "columns_per_member"),
        ({"not_before": -1}, "not_before"),
        ({"not_before": 2**64}, "not_before"),
        ({"retention_s": 2**32}, "retention_s"),
        ({"challenge_period_s": 2**32}, "challenge_period_s"),
        ({"challenge_period_s": -1}, "challenge_period_s"),
    ],
)
def test_a_number_out_of_range_is_named(fields, name):
    with pytest.raises(OutOfRange) as refused:
        changed(keyset(4, 1), **fields)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("offset", "value"), [(50, 0), (50, 129), (50, 0xFFFF), (52, 0), (52, 4), (54, 3), (56, 0)]
)
def test_a_number_out_of_range_is_refused_in_bytes_too(offset, value):
    data = bytearray(keyset(4, 1).serialize())
    data[offset : offset + 2] = value.to_bytes(2, "big")
    with pytest.raises(OutOfRange):
        Keyset.parse(bytes(data))


def test_the_largest_committee_loads():
    plain = Keyset(**keyset_fields(128, 42, 86))
    assert Keyset.parse(plain.serialize()) == plain


@pytest.mark.parametrize(
    ("n", "faults", "threshold"), [(1, 0, 1), (4, 1, 3), (7, 2, 5), (16, 5, 11)]
)
def test_an_arc_one_shorter_than_the_shortest_is_refused(n, faults, threshold):
    shortest = shortest_arc(n, threshold - faults)
    plain = Keyset(**keyset_fields(n, faults, threshold))
    with pytest.raises(ThinCoverage) as refused:
        changed(plain, columns_per_member=shortest - 1)
    assert refused.value.shortest == shortest


def test_arcs_that_leave_columns_to_nobody_are_refused_even_if_64_are_held():
    # any three of seven hold 64 of the 128 columns with arcs of 16, of which 16 are nobody's
    plain = Keyset(**keyset_fields(7, 0, 7))
    with pytest.raises(ThinCoverage) as refused:
        changed(plain, columns_per_member=16)
    assert refused.value.held == 112


def test_the_challenge_period_and_a_day_fit_the_retention():
    at_most = 1_572_864 - 86_400
    assert changed(keyset(4, 1), challenge_period_s=at_most).challenge_period_s == at_most
    with pytest.raises(ShortRetention) as refused:
        changed(keyset(4, 1), challenge_period_s=at_most + 1)
    assert refused.value.needed_s == 1_572_865


def test_two_members_of_one_key_are_refused_and_named():
    keys = list(keyset(4, 1).public_keys)
    keys[3] = keys[1]
    with pytest.raises(RepeatedMember) as refused:
        changed(keyset(4, 1), public_keys=tuple(keys))
    assert (refused.value.first, refused.value.second) == (1, 3)


@pytest.mark.parametrize("key", [G1_INFINITY, bytes(48), b"\xff" * 48])
def test_a_key_that_is_no_usable_point_is_refused_and_its_member_named(key):
    data = keyset(4, 1).serialize()
    with pytest.raises(BadPoint, match="public key of member 3") as refused:
        Keyset.parse(data[:-48] + key)
    assert refused.value.value == "0x" + key.hex()


def test_a_rogue_key_has_no_proof_of_possession():
    # the key that cancels the others out of the sum: its owner can sign for all, but knows no
    # secret of it, so the best it can hand in is somebody's proof
    honest = [int.from_bytes(secret(i).reveal(), "big") for i in range(3)]
    known = secret(7)
    rogue = SecretKey(
        ((int.from_bytes(known.reveal(), "big") - sum(honest)) % GROUP_ORDER).to_bytes(32, "big")
    ).public_key  # as the attacker computes it from public keys alone
    plain = changed(keyset(4, 1), public_keys=(*keyset(4, 1).public_keys[:3], rogue))
    assert is_aggregate(plain.public_keys, b"forged", known.sign(b"forged"))  # were it let in
    own = tuple(secret(i).prove_possession() for i in range(3))
    for proof in (known.prove_possession(), PossessionProof(known.sign(rogue)), own[0]):
        with pytest.raises(BadPossession) as refused:
            verify_keyset(plain, (*own, proof))
        assert refused.value.member == "3"


def test_every_proof_is_checked_and_each_for_its_own_member():
    plain = Keyset(**keyset_fields(4, 1))
    proofs = [secret(i).prove_possession() for i in range(4)]
    assert isinstance(verify_keyset(plain, tuple(proofs)), VerifiedKeyset)
    swapped = [proofs[1], proofs[0], *proofs[2:]]
    with pytest.raises(BadPossession):
        verify_keyset(plain, tuple(swapped))
    for count in (0, 3):
        with pytest.raises(WrongLength):
            verify_keyset(plain, tuple(proofs[:count]))
    with pytest.raises(WrongLength):
        verify_keyset(plain, (*proofs, proofs[0]))


def test_there_is_no_way_round_the_proofs():
    with pytest.raises(BadPossession):
        VerifiedKeyset(
            **keyset_fields(4, 1),
            proofs_of_possession=tuple(secret(9).prove_possession() for _ in range(4)),
        )


def test_verifying_changes_neither_bytes_nor_hash():
    plain = Keyset(**keyset_fields(7, 2))
    assert verified(plain).hash == plain.hash


def test_two_networks_have_different_keysets():
    other = changed(keyset(4, 1), network_id=NetworkId(b"\x12" * 32))
    assert other.hash != keyset(4, 1).hash


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_hashes_read_from_hex_with_and_without_0x(prefix):
    assert NetworkId.from_hex(prefix + NETWORK.hex()) == NETWORK


@pytest.mark.parametrize("text", ["", "0x", "11" * 31, "11" * 33, "1 " * 32, "zz" * 32, "٣" * 64])
def test_what_is_no_hash_is_refused(text):
    with pytest.raises(MalformedRequest):
        KeysetHash.from_hex(text)


def test_keys_are_their_bytes():
    assert PublicKey(bytes(secret(0).public_key)) == keyset(4, 1).public_keys[0]
