"""The dispersal request: its bytes, its header fields, and who signed it."""

from __future__ import annotations

import base64
import hashlib
import pickle

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st
from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    NOW,
    blob,
    body_of,
    committee,
    dispersal,
    my_arc,
    ticket,
)

from committee.dispersal import Dispersal, Ticket, digest_of, longest_body, signed_digest
from committee.errors import BadSigner, WrongArc
from committee.secp256k1 import Address, EthereumKey, signer_of
from da_node.service import HoldfastError, MalformedRequest, WrongLength

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = hashlib.sha256(b"something").digest()


def test_a_body_has_the_bytes_of_the_protocol() -> None:
    request = dispersal(label="op", columns=[5, 6])
    columns = b"".join(blob().column(index).serialize() for index in (5, 6))
    assert body_of(request) == (
        committee().keyset.hash
        + blob().header.serialize()
        + EXPIRES_AT.to_bytes(8, "big")
        + b"\x02op"
        + b"\x02"
        + columns
    )


def test_a_body_comes_back_as_it_was_sent() -> None:
    request = dispersal(label="batch é")
    parsed = Dispersal.parse(body_of(request))
    assert parsed.keyset_hash == request.keyset_hash
    assert parsed.header == request.header
    assert (parsed.expires_at, parsed.label) == (EXPIRES_AT, "batch é")
    assert body_of(parsed) == body_of(request)
    parsed.require_arc(my_arc())


def test_a_body_truncated_anywhere_is_refused() -> None:
    body = body_of(dispersal(columns=[32], label="op"))
    lengths = [*range(200), *range(200, len(body), 997), len(body) - 1]
    for length in lengths:
        with pytest.raises(WrongLength):
            Dispersal.parse(body[:length])


def test_a_body_with_a_tail_is_refused() -> None:
    body = body_of(dispersal(columns=[32, 33]))
    for tail in (b"\x00", bytes(blob().column(34).byte_length)):
        with pytest.raises(WrongLength):
            Dispersal.parse(body + tail)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_dispersal_or_refused(body: bytes) -> None:
    with pytest.raises(HoldfastError):
        Dispersal.parse(body)


@pytest.mark.parametrize("label", [b"\xff", b"a\nb", b"x" * 65])
def test_a_label_that_is_no_printable_text_is_refused(label: bytes) -> None:
    body = body_of(dispersal(columns=[32]))
    at = 32 + 90 + 8
    with pytest.raises(MalformedRequest):
        Dispersal.parse(body[:at] + bytes((len(label),)) + label + body[at + 1 :])


@pytest.mark.parametrize("columns", [[], [32], list(range(33, 65)), [*range(33, 64), 32]])
def test_anything_but_the_whole_arc_in_order_is_refused(columns: list[int]) -> None:
    with pytest.raises(WrongArc):
        dispersal(columns=columns).require_arc(my_arc())


def test_no_body_is_longer_than_the_bound() -> None:
    request = dispersal(label="x" * 64)
    assert len(body_of(request)) == longest_body(len(my_arc()), blob().row_count)


def test_the_signed_digest_is_that_of_the_protocol() -> None:
    keyset_hash, blob_id = committee().keyset.hash, blob().blob_id
    expected = hashlib.sha256(
        b"HOLDFAST-V1-PUT" + keyset_hash + blob_id + DIGEST + NOW.to_bytes(8, "big")
    ).digest()
    assert signed_digest(keyset_hash, blob_id, DIGEST, NOW) == expected


def test_a_wallet_of_ethereum_signs_the_same_bytes() -> None:
    secret = b"\x01" * 32
    signed = Account.sign_message(encode_defunct(primitive=DIGEST), secret)
    assert DISPERSER.sign(DIGEST) == bytes(signed.signature)
    assert DISPERSER.address.hex0x == Account.from_key(secret).address.lower()
    assert signer_of(DIGEST, bytes(signed.signature)) == DISPERSER.address


@given(st.binary(min_size=32, max_size=32), st.integers(1, ORDER - 1))
def test_a_signature_recovers_to_its_signer(digest: bytes, secret: int) -> None:
    key = EthereumKey(secret.to_bytes(32, "big"))
    assert signer_of(digest, key.sign(digest)) == key.address


def test_the_other_signature_of_the_same_key_is_refused() -> None:
    good = DISPERSER.sign(DIGEST)
    high = ORDER - int.from_bytes(good[32:64], "big")
    twin = good[:32] + high.to_bytes(32, "big") + bytes((27 + 28 - good[64],))
    with pytest.raises(BadSigner):
        signer_of(DIGEST, twin)


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), bytes(66), bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1b"],
    ids=["empty", "short", "long", "zero", "zero with v", "beyond the order"],
)
def test_bytes_that_are_no_signature_are_refused(signature: bytes) -> None:
    with pytest.raises(BadSigner):
        signer_of(DIGEST, signature)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_only_the_recovery_bytes_of_wallets_are_taken(v: int) -> None:
    with pytest.raises(BadSigner):
        signer_of(DIGEST, DISPERSER.sign(DIGEST)[:64] + bytes((v,)))


def test_a_secret_stays_where_it_is() -> None:
    assert ("01" * 32) not in repr(DISPERSER)
    with pytest.raises(TypeError):
        pickle.dumps(DISPERSER)
    for secret in (bytes(32), b"\xff" * 32):
        with pytest.raises(BadSigner) as caught:
            EthereumKey(secret)
        assert secret.hex() not in str(caught.value)


def test_a_ticket_travels_in_three_header_fields() -> None:
    request = dispersal()
    sent = ticket(request)
    fields = sent.fields()
    encoded = base64.b64encode(hashlib.sha256(body_of(request)).digest()).decode()
    assert fields["Content-Digest"] == f"sha-256=:{encoded}:"
    assert fields["Holdfast-Time"] == str(NOW)
    received = Ticket.parse(
        fields["Holdfast-Time"], fields["Holdfast-Signature"], fields["Content-Digest"]
    )
    assert received == sent
    assert received.signer(request.keyset_hash, request.header.blob_id) == DISPERSER.address


def test_a_ticket_is_for_one_keyset_blob_body_and_time() -> None:
    request = dispersal()
    sent = ticket(request)
    here, blob_id = request.keyset_hash, request.header.blob_id
    elsewhere = committee(network=8).keyset.hash
    later = Ticket(body_digest=sent.body_digest, time=NOW + 1, signature=sent.signature)
    other = Ticket(body_digest=digest_of([b"x"]), time=NOW, signature=sent.signature)
    signers: list[Address | None] = []
    for one, keyset_hash, blob_of in (
        (sent, elsewhere, blob_id),
        (sent, here, blob(1).blob_id),
        (later, here, blob_id),
        (other, here, blob_id),
    ):
        signers.append(one.signer(keyset_hash, blob_of))
    assert DISPERSER.address not in signers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Holdfast-Time", None),
        ("Holdfast-Time", "-1"),
        ("Holdfast-Time", "9" * 19),
        ("Holdfast-Time", "٣"),
        ("Content-Digest", None),
        ("Content-Digest", "sha-256=:short=:"),
        ("Content-Digest", "sha-512=:" + "A" * 43 + "=:"),
        ("Holdfast-Signature", None),
        ("Holdfast-Signature", "0x" + "0" * 129),
        ("Holdfast-Signature", "0x" + "G" * 130),
    ],
)
def test_fields_that_are_none_are_refused(name: str, value: str | None) -> None:
    fields: dict[str, str | None] = {**ticket(dispersal()).fields(), name: value}
    with pytest.raises((MalformedRequest, BadSigner)):
        Ticket.parse(
            fields["Holdfast-Time"], fields["Holdfast-Signature"], fields["Content-Digest"]
        )
