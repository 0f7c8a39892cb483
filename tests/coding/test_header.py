"""Header: what parses, what does not, and what it says about the blob."""

from __future__ import annotations

import pytest
import slow
from coding_specimens import CURVE, LENGTHS, ONE_ROW, real_blob

from da_node.coding import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    BlobId,
    Commitment,
    Header,
    MerkleRoot,
    row_count_of,
)
from da_node.errors import (
    BadCommitment,
    ForeignItem,
    LengthOutOfRange,
    UnsupportedVersion,
    WrongLength,
)

INFINITY = b"\xc0" + bytes(47)

# The curve of BLS12-381's G1: y^2 = x^3 + 4 over the field of this modulus; its subgroup has
# order slow.MODULUS.
P = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
    "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)
Affine = tuple[int, int] | None


def on_curve(x: int) -> Affine:
    square = (x**3 + 4) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def add(a: Affine, b: Affine) -> Affine:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    rise, run = (3 * a[0] ** 2, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P) % P
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(scalar: int, point: Affine) -> Affine:
    total: Affine = None
    for bit in f"{scalar:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def compressed(x: int, y: int) -> bytes:
    sign = 1 << 381 if y > (P - 1) // 2 else 0
    return (1 << 383 | sign | x).to_bytes(48, "big")


def off_subgroup() -> list[bytes]:
    """Encodings of curve points of small x that are not in the subgroup."""
    found = [point for x in range(12) if (point := on_curve(x)) is not None]
    outside = [point for point in found if times(slow.MODULUS, point) is not None]
    assert len(outside) >= 3
    return [compressed(*point) for point in outside]


def header_with(commitment: bytes) -> bytes:
    return slow.header(1000, bytes(32), commitment)


GENERATOR_X = int(
    "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905"
    "a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
    16,
)


def test_the_test_s_own_curve_is_the_curve() -> None:
    generator = on_curve(GENERATOR_X)
    assert generator is not None
    assert times(slow.MODULUS, generator) is None
    Header.parse(header_with(compressed(*generator)), CURVE)
    Header.parse(header_with(compressed(*times(5, generator) or (0, 0))), CURVE)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_header_survives_the_wire(length: int) -> None:
    header = real_blob(length).header
    data = header.serialize()
    assert len(data) == HEADER_BYTES == 90
    assert data == slow.header(length, header.merkle_root, header.commitment)
    for buffer in (data, bytearray(data), memoryview(data)):
        parsed = Header.parse(buffer)  # type: ignore[arg-type]
        assert (parsed, parsed.serialize()) == (header, data)
    assert Header.parse_trusted(data, header.blob_id) == header
    assert parsed.blob_id == slow.blob_id(data)
    assert parsed.row_count == row_count_of(length)
    assert parsed.challenge == slow.challenge(length, header.merkle_root)


def test_a_header_has_exactly_90_bytes() -> None:
    data = real_blob(ONE_ROW).header.serialize()
    for wrong in [data[:cut] for cut in range(HEADER_BYTES)] + [data + b"\x00", data * 2]:
        with pytest.raises(WrongLength, match=f"header has {len(wrong)} bytes, not 90"):
            Header.parse(wrong, CURVE)
        with pytest.raises(WrongLength):
            Header.parse_trusted(wrong, BlobId(bytes(32)))


@pytest.mark.parametrize("version", [0, 2, 256, 257, 65535])
def test_only_version_1_exists(version: int) -> None:
    data = version.to_bytes(2, "big") + real_blob(ONE_ROW).header.serialize()[2:]
    with pytest.raises(UnsupportedVersion):
        Header.parse(data, CURVE)


@pytest.mark.parametrize("length", [1, MAX_PAYLOAD_BYTES])
def test_lengths_up_to_the_bounds_are_accepted(length: int) -> None:
    data = slow.header(length, bytes(32), INFINITY)
    assert Header.parse(data, CURVE).payload_length == length


@pytest.mark.parametrize("length", [0, MAX_PAYLOAD_BYTES + 1, 2**32, 2**63, 2**64 - 1])
def test_a_length_out_of_range_is_refused_before_the_curve_is_asked(length: int) -> None:
    data = slow.header(length, bytes(32), bytes(48))
    with pytest.raises(LengthOutOfRange):
        Header.parse(data, CURVE)
    with pytest.raises(LengthOutOfRange):
        Header(
            payload_length=length,
            merkle_root=MerkleRoot(bytes(32)),
            commitment=Commitment(INFINITY),
        )


@pytest.mark.parametrize(
    ("length", "rows"),
    [(1, 1), (31, 1), (126_976, 1), (126_977, 2), (MAX_PAYLOAD_BYTES, 1024)],
)
def test_rows_follow_from_the_length(length: int, rows: int) -> None:
    header = Header.parse(slow.header(length, bytes(32), INFINITY), CURVE)
    assert header.row_count == rows


def test_infinity_is_a_commitment() -> None:
    assert Header.parse(header_with(INFINITY)).commitment == INFINITY


@pytest.mark.parametrize("encoding", off_subgroup())
def test_a_point_off_the_subgroup_is_no_commitment(encoding: bytes) -> None:
    with pytest.raises(BadCommitment):
        Header.parse(header_with(encoding), CURVE)


NOT_ON_CURVE = next(x for x in range(1, 100) if on_curve(x) is None)
GOOD = (1 << 383 | GENERATOR_X).to_bytes(48, "big")


@pytest.mark.parametrize(
    "encoding",
    [
        bytes(48),
        b"\xff" * 48,
        compressed(NOT_ON_CURVE, 0),
        bytes([GOOD[0] & 0x7F]) + GOOD[1:],
        bytes([GOOD[0] | 0x40]) + GOOD[1:],
        b"\xe0" + bytes(47),
        b"\x40" + bytes(47),
        b"\xc0" + bytes(46) + b"\x01",
        (1 << 383 | P).to_bytes(48, "big"),
        (1 << 383 | (P + 4)).to_bytes(48, "big"),
    ],
    ids=[
        "zeros",
        "ones",
        "not on the curve",
        "uncompressed flag",
        "infinity flag",
        "infinity with a sign",
        "infinity without the compressed flag",
        "infinity with an x",
        "x is the modulus",
        "x beyond the modulus",
    ],
)
def test_what_is_no_canonical_point_is_no_commitment(encoding: bytes) -> None:
    with pytest.raises(BadCommitment, match="0x"):
        Header.parse(header_with(encoding), CURVE)


def test_a_kept_header_must_be_its_ids() -> None:
    header = real_blob(ONE_ROW).header
    other = bytes([header.blob_id[0] ^ 1]) + header.blob_id[1:]
    with pytest.raises(ForeignItem):
        Header.parse_trusted(header.serialize(), BlobId(other))
