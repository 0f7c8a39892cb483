"""Points on chain: what holds by the coding scheme is taken, nothing else, and bytes are read."""

from __future__ import annotations

from hashlib import sha256

import pytest
from blob_specimens import (
    KZG,
    blob_of,
    blob_with_top_byte,
    dishonest_blob,
    opening,
    opening_in,
    payload_of,
)
from chain_under_test import Chain, Deployed

from bridge_client.artifacts import Artifact
from bridge_client.opening import evaluation_point
from da_node.coding import Header, MerkleRoot, encode, row_count_of
from da_node.coding.merkle import climb
from da_node.coding.parameters import MODULUS, POINTS, leaf_bytes

INDICES = (0, 1, 63, 64, 2049, 4095, 4096, 5555, 8191)
PATH_BYTES, PROOF_BYTES = 416, 48
G1_INFINITY = b"\xc0" + bytes(47)
ROWS = 3


@pytest.fixture
def points(chain: Chain, test_contracts: dict[str, Artifact]) -> Deployed:
    return chain.deploy(test_contracts["PointHarness"])


def held(rows: int, index: int) -> tuple[bytes, bytes, int, bytes]:
    """What the contract takes for a point that holds."""
    header = blob_of(rows).header
    return header.serialize(), bytes(header.blob_id), index, opening(rows, index)


HEADER, BLOB_ID, _, OPENING = held(ROWS, 2049)
LEAF_BYTES = leaf_bytes(ROWS)


def reason(chain: Chain, points: Deployed, *arguments: object) -> str:
    return chain.refused(points, "requireHolds", *arguments).name


@pytest.mark.parametrize("rows", [1, ROWS, 16])
def test_every_point_of_an_honest_blob_holds(chain: Chain, points: Deployed, rows: int) -> None:
    """Data and parity, at the edges of columns and between."""
    for index in INDICES if rows == 1 else (64, 4095, 8191):
        length = chain.call(points, "requireHolds", *held(rows, index))
        assert length == blob_of(rows).header.payload_length
        chain.send(points, "requireHolds", *held(rows, index))


def test_the_places_of_the_points_are_all_roots_of_unity() -> None:
    places = [evaluation_point(index) for index in range(POINTS)]
    assert len(set(places)) == POINTS
    assert all(pow(place, POINTS, MODULUS) == 1 for place in places[::97])
    assert all(pow(place, POINTS // 2, MODULUS) == 1 for place in places[: POINTS // 2 : 97])


def test_the_contract_draws_the_challenge_that_the_encoder_drew(
    chain: Chain, points: Deployed
) -> None:
    for rows in (1, ROWS, 16):
        header = blob_of(rows).header
        assert chain.call(points, "challengeOf", header.serialize()) == header.challenge


def test_rows_follow_from_the_length_as_everywhere(chain: Chain, points: Deployed) -> None:
    row = 4096 * 31
    for length in (1, 31, 32, row - 1, row, row + 1, 2 * row, 1024 * row - 1, 1024 * row):
        assert chain.call(points, "rowsOf", length) == row_count_of(length)


def test_a_point_at_another_index_does_not_hold(chain: Chain, points: Deployed) -> None:
    for index in (0, 2048, 2050, 4096 + 2049):
        assert reason(chain, points, HEADER, BLOB_ID, index, OPENING) == "BadPath"
    refusal = chain.refused(points, "requireHolds", HEADER, BLOB_ID, 8192, OPENING)
    assert (refusal.name, refusal.operands) == ("PointOutOfRange", (8192, 8191))


@pytest.mark.parametrize("at", [0, 31, 40, LEAF_BYTES - 1])
def test_a_leaf_with_one_bit_changed_does_not_hold(chain: Chain, points: Deployed, at: int) -> None:
    spoilt = OPENING[:at] + bytes((OPENING[at] ^ 1,)) + OPENING[at + 1 :]
    assert reason(chain, points, HEADER, BLOB_ID, 2049, spoilt) == "BadPath"


@pytest.mark.parametrize("level", range(13))
def test_a_path_with_one_hash_changed_does_not_hold(
    chain: Chain, points: Deployed, level: int
) -> None:
    at = LEAF_BYTES + 32 * level
    spoilt = OPENING[:at] + bytes(32) + OPENING[at + 32 :]
    assert reason(chain, points, HEADER, BLOB_ID, 2049, spoilt) == "BadPath"


def test_only_the_exact_length_is_taken(chain: Chain, points: Deployed) -> None:
    """One element, one hash more or fewer, or a tail."""
    for wrong in (
        OPENING + b"\0",
        OPENING[:-1],
        OPENING[32:],
        bytes(32) + OPENING,
        OPENING[: LEAF_BYTES + 384] + OPENING[-PROOF_BYTES:],
        b"",
    ):
        refusal = chain.refused(points, "requireHolds", HEADER, BLOB_ID, 2049, wrong)
        assert (refusal.name, refusal.operands) == ("WrongLength", (len(wrong), len(OPENING)))


@pytest.mark.parametrize(
    "proof",
    [
        opening(ROWS, 2050)[-PROOF_BYTES:],
        G1_INFINITY,
        bytes(PROOF_BYTES),
        b"\xff" * PROOF_BYTES,
        bytes(blob_of(ROWS).proofs[32]),
    ],
    ids=["another point's", "infinity", "zeros", "no point", "the cell's"],
)
def test_a_proof_that_is_not_the_points_own_is_refused_cheaply(
    chain: Chain, points: Deployed, proof: bytes
) -> None:
    arguments = (HEADER, BLOB_ID, 2049, OPENING[:-PROOF_BYTES] + proof)
    assert reason(chain, points, *arguments) == "BadOpening"
    assert chain.gas_of_refusal(points, "requireHolds", *arguments) <= 250_000


@pytest.mark.parametrize("row", range(ROWS))
def test_an_element_that_is_not_below_the_modulus_is_refused(
    chain: Chain, points: Deployed, row: int
) -> None:
    """It is the same number modulo the modulus, so the aggregate would hold; the tree is made over
    the other bytes, so that the path holds as well."""
    at = 32 * row
    element = int.from_bytes(OPENING[at : at + 32], "big") + MODULUS
    leaf = OPENING[:at] + element.to_bytes(32, "big") + OPENING[at + 32 : LEAF_BYTES]
    path = OPENING[LEAF_BYTES:-PROOF_BYTES]
    root = climb(sha256(b"\0" + leaf).digest(), 2049, path)
    header = Header(
        payload_length=blob_of(ROWS).header.payload_length,
        merkle_root=MerkleRoot(root),
        commitment=blob_of(ROWS).header.commitment,
    )
    refusal = chain.refused(
        points,
        "requireHolds",
        header.serialize(),
        bytes(header.blob_id),
        2049,
        leaf + OPENING[LEAF_BYTES:],
    )
    assert (refusal.name, refusal.operands) == ("NonCanonicalElement", (row,))


@pytest.mark.parametrize("column", [0, 127])
def test_a_void_point_cannot_be_opened_though_its_path_holds(
    chain: Chain, points: Deployed, column: int
) -> None:
    """Whoever committed to it answers for it; all others of the blob open."""
    blob = dishonest_blob(column)
    header, blob_id = blob.header.serialize(), bytes(blob.blob_id)
    void = 64 * column + 5
    opened = opening_in(blob, void)
    assert reason(chain, points, header, blob_id, void, opened) == "BadOpening"
    for index in (64 * 7, 8191 - 64 * 7):
        chain.call(points, "requireHolds", header, blob_id, index, opening_in(blob, index))


def test_a_header_that_is_none_or_anothers_is_refused(chain: Chain, points: Deployed) -> None:
    def refusal(header: bytes) -> str:
        return reason(chain, points, header, BLOB_ID, 2049, OPENING)

    assert refusal(HEADER + b"\0") == "WrongLength"
    assert refusal(HEADER[:-1]) == "WrongLength"
    assert refusal(b"\0\2" + HEADER[2:]) == "UnsupportedVersion"
    assert refusal(HEADER[:2] + bytes(8) + HEADER[10:]) == "PayloadLengthOutOfRange"
    too_long = (1024 * 4096 * 31 + 1).to_bytes(8, "big")
    assert refusal(HEADER[:2] + too_long + HEADER[10:]) == "PayloadLengthOutOfRange"
    for at in (9, 10, 41, 42, 89):
        assert refusal(HEADER[:at] + bytes((HEADER[at] ^ 1,)) + HEADER[at + 1 :]) == "OtherBlob"


def test_a_shorter_length_claimed_is_another_blob(chain: Chain, points: Deployed) -> None:
    """Its own id and fewer rows: the leaf does not fit, nor any part of it the tree."""
    header = Header(
        payload_length=2 * 4096 * 31,
        merkle_root=blob_of(ROWS).header.merkle_root,
        commitment=blob_of(ROWS).header.commitment,
    )
    shorter = OPENING[:64] + OPENING[LEAF_BYTES:]
    arguments = (header.serialize(), bytes(header.blob_id), 2049, shorter)
    assert reason(chain, points, *arguments) == "BadPath"


# ------------------------------------------------------------------------- reading


@pytest.mark.parametrize("index", [0, 1, 700, 4095])
def test_a_data_points_bytes_are_the_payloads(chain: Chain, points: Deployed, index: int) -> None:
    """The last one's end with the payload."""
    offset, piece = chain.call(points, "read", *held(ROWS, index))
    assert offset == index * ROWS * 31
    assert piece == payload_of(ROWS)[offset : offset + ROWS * 31]
    chain.send(points, "read", *held(ROWS, index))


def test_parity_and_padding_hold_no_bytes_of_the_payload(chain: Chain, points: Deployed) -> None:
    parity = chain.refused(points, "read", *held(ROWS, 4096))
    assert (parity.name, parity.operands) == ("PointOutOfRange", (4096, 4095))


def test_a_short_payload_ends_before_its_last_points(chain: Chain, points: Deployed) -> None:
    blob = encode(b"short" * 20, KZG)
    header, blob_id = blob.header.serialize(), bytes(blob.blob_id)
    offset, piece = chain.call(points, "read", header, blob_id, 3, opening_in(blob, 3))
    assert (offset, piece) == (93, (b"short" * 20)[93:])
    beyond = chain.refused(points, "read", header, blob_id, 4, opening_in(blob, 4))
    assert (beyond.name, beyond.operands) == ("BeyondPayload", (124, 100))


def test_a_top_byte_is_not_the_payloads(chain: Chain, points: Deployed) -> None:
    """A dishonest encoder's elements may have one; all readers ignore it."""
    blob = blob_with_top_byte()
    assert blob.leaves[0] == 0x35
    header, blob_id = blob.header.serialize(), bytes(blob.blob_id)
    offset, piece = chain.call(points, "read", header, blob_id, 0, opening_in(blob, 0))
    assert (offset, piece) == (0, b"\x77" * 31)
    assert bytes(blob.payload()[:31]) == piece
