"""Verdicts: the typed data is Ethereum's, as an independent library hashes and signs it."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from committee.errors import BadDocument, BadSigner
from committee.secp256k1 import EthereumKey, keccak256
from committee.values import KeysetHash
from da_node.coding import BlobId
from da_node.service import WrongLength
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.verdict import ERROR_UNIT, Verdict, domain_separator, sign, verify_verdict

KEY = EthereumKey(b"\x01" * 32)
VERDICT = Verdict(
    blob_id=BlobId(b"\xab" * 32),
    keyset_hash=KeysetHash(b"\xcd" * 32),
    finding=Finding.AVAILABLE,
    unit=Unit.POINTS,
    rule=Rule.CERTIFIED,
    asked=24,
    held=20,
    failed=1,
    error=Fraction(1, 10**6),
    time=1_700_000_000,
)

verdicts = st.builds(
    Verdict,
    blob_id=st.binary(min_size=32, max_size=32).map(BlobId),
    keyset_hash=st.binary(min_size=32, max_size=32).map(KeysetHash),
    finding=st.sampled_from(Finding),
    unit=st.sampled_from(Unit),
    rule=st.sampled_from(Rule),
    asked=st.just(2**32 - 1),
    held=st.integers(0, 2**31),
    failed=st.integers(0, 2**31 - 1),
    error=st.fractions(0, 1),
    time=st.integers(0, 2**64 - 1),
)


@given(verdicts, st.integers(0, 2**256 - 1))
def test_hashes_and_signatures_are_those_of_another_implementation(verdict, chain_id):
    theirs = encode_typed_data(full_message=verdict.typed_data(chain_id))
    assert theirs.header == domain_separator(chain_id)
    assert theirs.body == verdict.struct_hash
    signed = sign(verdict, chain_id, KEY)
    assert signed.signature == Account.sign_message(theirs, b"\x01" * 32).signature
    recovered = Account.recover_message(theirs, signature=signed.signature)
    assert recovered.lower() == signed.signer.hex0x
    assert verify_verdict(verdict, chain_id, signed.signature) == signed


def test_a_verdict_hashes_to_what_it_always_did():
    assert keccak256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0e500b653")
    assert (
        VERDICT.digest(1).hex()
        == "a2fcebcd286122f08c0082ce3bf47a9c5009184a629a3deaf31a84b9b4e06582"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"blob_id": BlobId(bytes(32))},
        {"keyset_hash": KeysetHash(bytes(32))},
        {"finding": Finding.WITHHELD},
        {"unit": Unit.COLUMNS},
        {"rule": Rule.STRICT},
        {"asked": 25},
        {"held": 21},
        {"failed": 2},
        {"error": Fraction(2, 10**6)},
        {"time": 1},
    ],
)
def test_a_signature_stands_for_every_field(change):
    signed = sign(VERDICT, 1, KEY)
    assert verify_verdict(replace(VERDICT, **change), 1, signed.signature).signer != KEY.address
    assert verify_verdict(VERDICT, 2, signed.signature).signer != KEY.address


def test_a_verdict_is_no_request_of_a_disperser():
    """The prefixes differ, so neither signature can be used as the other."""
    assert KEY.sign(VERDICT.digest(1)) != sign(VERDICT, 1, KEY).signature


@pytest.mark.parametrize("signature", [b"", bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1b"])
def test_bytes_that_are_nobodys_signature_are_refused(signature):
    with pytest.raises(BadSigner):
        verify_verdict(VERDICT, 1, signature)


@pytest.mark.parametrize(("domain", "struct"), [(31, 32), (32, 33)])
def test_only_hashes_are_signed_as_typed_data(domain, struct):
    with pytest.raises(WrongLength):
        KEY.sign_typed(bytes(domain), bytes(struct))


@given(st.fractions(0, 1))
def test_the_error_is_never_rounded_down(error):
    bound = Fraction(replace(VERDICT, error=error).error_bound_1e18, 10**18)
    assert error <= bound < error + Fraction(1, 10**18)


@pytest.mark.parametrize(
    "change",
    [
        {"asked": 20},
        {"asked": 2**32},
        {"held": -1},
        {"failed": -1},
        {"error": Fraction(3, 2)},
        {"error": Fraction(-1, 2)},
        {"time": -1},
        {"time": 2**64},
    ],
)
def test_numbers_out_of_range_are_mistakes(change):
    with pytest.raises(ValueError, match=r"asked|chance|time"):
        replace(VERDICT, **change)


@pytest.mark.parametrize("chain_id", [-1, 2**256])
def test_a_chain_that_cannot_be_is_a_mistake(chain_id):
    with pytest.raises(ValueError, match="chain"):
        VERDICT.digest(chain_id)


@given(verdicts)
def test_a_verdict_comes_back_from_what_travels(verdict):
    travelled = json.loads(json.dumps(verdict.message()))
    back = Verdict.parse(travelled)
    assert back == replace(verdict, error=Fraction(verdict.error_bound_1e18, ERROR_UNIT))
    assert back.digest(1) == verdict.digest(1)


@pytest.mark.parametrize(
    "change",
    [
        {"blobId": "0x12"},
        {"keysetHash": 7},
        {"verdict": 3},
        {"unit": 2},
        {"held": 11},
        {"asked": -1},
        {"errorBound1e18": 10**18 + 1},
        {"time": "now"},
        {"more": 1},
    ],
)
def test_what_is_no_verdict_is_refused(change):
    message = replace(VERDICT, asked=10, held=10, failed=0).message()
    Verdict.parse(message)
    with pytest.raises(BadDocument, match="verdict"):
        Verdict.parse(message | change)
    for name in message:
        with pytest.raises(BadDocument, match="verdict"):
            Verdict.parse({key: value for key, value in message.items() if key != name})
