"""Uncompressed points, beside an independent library."""

from __future__ import annotations

import pytest
from committee_specimens import secret
from point_oracle import decompressed_g1, decompressed_g2

from bridge_client.points import (
    G1_BYTES,
    G2_BYTES,
    compressed_g2,
    uncompressed_g1,
    uncompressed_g2,
)
from committee.bls import Signature


def test_a_public_key_is_the_point_that_it_compresses() -> None:
    keys = [secret(seed).public_key for seed in range(12)]
    assert {bool(key[0] & 0x20) for key in keys} == {True, False}
    for key in keys:
        assert len(uncompressed_g1(key)) == G1_BYTES
        assert uncompressed_g1(key) == decompressed_g1(key)


def test_a_signature_is_the_point_that_it_compresses() -> None:
    signatures = [secret(0).sign(bytes((i,))) for i in range(12)]
    assert {bool(signature[0] & 0x20) for signature in signatures} == {True, False}
    for signature in signatures:
        assert len(uncompressed_g2(signature)) == G2_BYTES
        assert uncompressed_g2(signature) == decompressed_g2(signature)
        assert compressed_g2(uncompressed_g2(signature)) == signature


def test_what_is_no_point_is_not_compressed() -> None:
    whole = uncompressed_g2(secret(0).sign(b"message"))
    for data in (b"", whole[:-1], whole + b"\0", bytes(G2_BYTES), b"\1" + whole[1:]):
        with pytest.raises(ValueError, match=r"no point|not below"):
            compressed_g2(data)


def test_the_two_points_of_one_abscissa_are_told_apart() -> None:
    signature = bytes(secret(0).sign(b"message"))
    other = Signature(bytes((signature[0] ^ 0x20,)) + signature[1:])
    assert uncompressed_g2(other) == decompressed_g2(other)
    assert uncompressed_g2(other)[:128] == uncompressed_g2(Signature(signature))[:128]
    assert uncompressed_g2(other) != uncompressed_g2(Signature(signature))
    assert compressed_g2(uncompressed_g2(other)) == other
