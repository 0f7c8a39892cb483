"""The C kernel against the slow twin, and against every wrong argument.

`make sanitize` runs this file under AddressSanitizer and UBSan, so it loads the kernel alone,
without the package around it, and imports nothing that is not plain Python.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import slow
from slow import DATA_POINTS, MODULUS, POINTS

import da_node


def load_kernel() -> Any:
    spec = PathFinder.find_spec("_kernel", [str(Path(da_node.__file__).parent / "coding")])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kernel = load_kernel()

ROW_COUNTS = (1, 2, 7, 8, 9, 17)
"""Around the kernel's eight lanes, and more than two runs of them."""
MAX_ROWS = 1024
COLUMN = 64


@functools.cache
def codewords() -> list[list[int]]:
    """Seventeen extended rows: random ones, and those of extreme elements."""
    source = random.Random(1)
    rows = [[source.randrange(MODULUS) for _ in range(DATA_POINTS)] for _ in range(14)]
    rows[3] = [MODULUS - 1] * DATA_POINTS
    rows[8] = [0] * DATA_POINTS
    rows += [[0] * (DATA_POINTS - 1) + [1], [1] + [0] * (DATA_POINTS - 1)]
    rows.append([(MODULUS - 1) * (p % 2) for p in range(DATA_POINTS)])
    return [slow.extend(row) for row in rows]


@functools.cache
def leaves_of(row_count: int) -> bytes:
    return b"".join(slow.leaves_of(codewords()[:row_count]))


def expected_after(
    before: bytes, row_count: int, first: int, last: int, is_written: Callable[[int], bool]
) -> bytes:
    """`before`, with the codewords' values at the points written, in rows first … last-1."""
    after, right = bytearray(before), leaves_of(row_count)
    for point in filter(is_written, range(POINTS)):
        start, stop = (32 * (point * row_count + row) for row in (first, last))
        after[start:stop] = right[start:stop]
    return bytes(after)


def with_garbage(row_count: int, is_garbage: Callable[[int], bool]) -> bytes:
    """The leaves, but other values at some points: none may be read, some must stay."""
    leaves = bytearray(leaves_of(row_count))
    garbage = random.Random(row_count).randbytes(len(leaves))
    for point in filter(is_garbage, range(POINTS)):
        place = slice(32 * point * row_count, 32 * (point + 1) * row_count)
        leaves[place] = garbage[place]
    return bytes(leaves)


def parts_of(row_count: int) -> list[tuple[int, int]]:
    """Runs of rows: all, the first, the last, an inner one, none."""
    inner = (row_count // 3, row_count - row_count // 4)
    return [(0, row_count), (0, 1), (row_count - 1, row_count), inner, (row_count, row_count)]


# ---------------------------------------------------------------- pack and unpack


@pytest.mark.parametrize("length", [0, 1, 30, 31, 32, 61, 62, 63, 310, 31 * 64])
def test_pack_puts_a_zero_byte_before_each_piece_and_zeros_behind(length: int) -> None:
    payload = random.Random(length).randbytes(length)
    elements = bytearray(b"\xff" * 32 * 64)
    kernel.pack(payload, elements)
    pieces = [payload[start : start + 31].ljust(31, b"\x00") for start in range(0, length, 31)]
    assert elements == b"".join(b"\x00" + piece for piece in pieces).ljust(32 * 64, b"\x00")


@pytest.mark.parametrize("length", [0, 1, 30, 31, 32, 61, 62, 63, 310, 31 * 64])
def test_unpack_reads_the_low_31_bytes_of_as_many_elements_as_asked(length: int) -> None:
    elements = random.Random(length).randbytes(32 * 64)
    out = bytearray(length)
    kernel.unpack(elements, out)
    low = b"".join(elements[start + 1 : start + 32] for start in range(0, len(elements), 32))
    assert out == low[:length]


def test_pack_is_the_twins() -> None:
    payload = random.Random(5).randbytes(2 * DATA_POINTS * 31 - 100)
    elements = bytearray(2 * DATA_POINTS * 32)
    kernel.pack(payload, elements)
    rows = slow.pack(payload)
    assert elements == b"".join(slow.leaves_of(rows))
    assert slow.unpack(rows, len(payload)) == payload


# ---------------------------------------------------------------- canonical elements


@pytest.mark.parametrize(
    ("element", "is_canonical"),
    [
        (0, True),
        (1, True),
        (MODULUS - 1, True),
        (MODULUS, False),
        (MODULUS + 1, False),
        (2 * MODULUS, False),
        (2**256 - 1, False),
        *((MODULUS - 2**shift, True) for shift in (32, 64, 128, 192)),
        *((MODULUS + 2**shift, False) for shift in (32, 64, 128, 192)),
    ],
)
def test_an_element_is_canonical_below_the_modulus(element: int, is_canonical: bool) -> None:
    assert kernel.first_non_canonical(element.to_bytes(32, "big")) == (-1 if is_canonical else 0)


def test_the_first_of_several_non_canonical_elements_is_named() -> None:
    bad = MODULUS.to_bytes(32, "big")
    for first in (0, 1, 62, 63):
        elements = bytes(32) * first + bad + bytes(32) * (62 - first) + bad
        assert kernel.first_non_canonical(elements) == first
    assert kernel.first_non_canonical(b"") == -1


# ---------------------------------------------------------------- combine


@pytest.mark.parametrize("row_count", ROW_COUNTS)
@pytest.mark.parametrize("gamma", [0, 1, MODULUS - 1, 0x1234 << 200])
def test_combine_is_the_twins(row_count: int, gamma: int) -> None:
    rows = [row[:COLUMN] for row in codewords()[:row_count]]
    out = bytearray(32 * COLUMN)
    leaves = leaves_of(row_count)[: 32 * row_count * COLUMN]
    kernel.combine(leaves, row_count, gamma.to_bytes(32, "big"), out)
    assert out == b"".join(y.to_bytes(32, "big") for y in slow.combine(rows, gamma))


@pytest.mark.parametrize("gamma", [1, 2, MODULUS - 1, MODULUS // 3])
@pytest.mark.parametrize("element", [MODULUS - 1, 2**256 - 1])
def test_combine_carries_the_greatest_sums(gamma: int, element: int) -> None:
    out = bytearray(32)
    kernel.combine(element.to_bytes(32, "big") * MAX_ROWS, MAX_ROWS, gamma.to_bytes(32, "big"), out)
    total = sum(pow(gamma, i, MODULUS) for i in range(MAX_ROWS)) * element % MODULUS
    assert int.from_bytes(out, "big") == total


# ---------------------------------------------------------------- extend


@pytest.mark.parametrize("row_count", ROW_COUNTS)
def test_extend_writes_the_parity_of_its_rows_and_nothing_else(row_count: int) -> None:
    before = with_garbage(row_count, lambda p: p >= DATA_POINTS)
    for first, last in parts_of(row_count):
        leaves = bytearray(before)
        kernel.extend(leaves, row_count, first, last)
        assert leaves == expected_after(
            before, row_count, first, last, lambda p: p >= DATA_POINTS
        ), (first, last)


@pytest.mark.parametrize("row_count", ROW_COUNTS)
def test_extend_back_writes_the_data_of_its_rows_and_nothing_else(row_count: int) -> None:
    before = with_garbage(row_count, lambda p: p < DATA_POINTS)
    for first, last in parts_of(row_count):
        leaves = bytearray(before)
        kernel.extend_back(leaves, row_count, first, last)
        assert leaves == expected_after(
            before, row_count, first, last, lambda p: p < DATA_POINTS
        ), (first, last)


def test_threads_extend_disjoint_rows_of_the_same_leaves() -> None:
    leaves = bytearray(with_garbage(17, lambda p: p >= DATA_POINTS))
    cuts = [0, 3, 8, 9, 17]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: kernel.extend(leaves, 17, *part), pairwise(cuts)))
    assert leaves == leaves_of(17)


# ---------------------------------------------------------------- recover


def columns_known(columns: set[int]) -> bytes:
    return bytes(point // COLUMN in columns for point in range(POINTS))


def random_known(seed: int, count: int) -> bytes:
    known = set(random.Random(seed).sample(range(POINTS), count))
    return bytes(0xFF * (point in known) for point in range(POINTS))


MASKS = {
    "data": columns_known(set(range(64))),
    "parity": columns_known(set(range(64, 128))),
    "every second column": columns_known(set(range(0, 128, 2))),
    "random 64 columns": columns_known(set(random.Random(2).sample(range(128), 64))),
    "random 100 columns": columns_known(set(random.Random(3).sample(range(128), 100))),
    "all": columns_known(set(range(128))),
    "all but one point": bytes([1] * 4500 + [0] + [1] * (POINTS - 4501)),
    "all but the first point": bytes([0] + [1] * (POINTS - 1)),
    "random 4096 points": random_known(4, 4096),
    "random 4097 points": random_known(5, 4097),
    "random 6144 points": random_known(6, 6144),
    "the first half of each column": bytes(p % COLUMN < 32 for p in range(POINTS)),
}


@functools.cache
def table_of(mask: str) -> bytes:
    table = bytearray(32 * POINTS)
    kernel.locator(MASKS[mask], table)
    return bytes(table)


@pytest.mark.parametrize("mask", MASKS)
def test_recover_finds_every_unknown_point_from_any_half(mask: str) -> None:
    known, table = MASKS[mask], table_of(mask)
    before = with_garbage(2, lambda p: not known[p])
    leaves = bytearray(before)
    kernel.recover(leaves, 2, 0, 2, known, table)
    assert leaves == leaves_of(2)


@pytest.mark.parametrize("row_count", ROW_COUNTS)
@pytest.mark.parametrize("spread", ["random 64 columns", "random 4096 points"])
def test_recover_writes_the_unknown_points_of_its_rows_and_nothing_else(
    row_count: int, spread: str
) -> None:
    known, table = MASKS[spread], table_of(spread)
    before = with_garbage(row_count, lambda p: not known[p])
    for first, last in parts_of(row_count):
        leaves = bytearray(before)
        kernel.recover(leaves, row_count, first, last, known, table)
        assert leaves == expected_after(before, row_count, first, last, lambda p: not known[p]), (
            first,
            last,
        )


# ---------------------------------------------------------------- wrong arguments

LEAVES = POINTS * 32
KNOWN = b"\x01" * POINTS


def strided(length: int) -> memoryview:
    return memoryview(bytearray(2 * length))[::2]


WRONG: dict[str, tuple[str, Callable[[], tuple[Any, ...]]]] = {
    "pack: payload too long": ("pack", lambda: (bytes(32), bytearray(32))),
    "pack: half an element": ("pack", lambda: (bytes(31), bytearray(33))),
    "pack: no room": ("pack", lambda: (bytes(1), bytearray())),
    "pack: into read-only": ("pack", lambda: (bytes(31), bytes(32))),
    "pack: into a strided view": ("pack", lambda: (bytes(31), strided(32))),
    "pack: text": ("pack", lambda: ("text", bytearray(32))),
    "pack: no buffer": ("pack", lambda: (None, bytearray(32))),
    "pack: one argument": ("pack", lambda: (bytes(31),)),
    "unpack: out too long": ("unpack", lambda: (bytes(32), bytearray(32))),
    "unpack: out of a broken element": ("unpack", lambda: (bytes(63), bytearray(32))),
    "unpack: into read-only": ("unpack", lambda: (bytes(32), bytes(31))),
    "unpack: from a list": ("unpack", lambda: ([0] * 32, bytearray(31))),
    "first_non_canonical: broken": ("first_non_canonical", lambda: (bytes(31),)),
    "first_non_canonical: no buffer": ("first_non_canonical", lambda: (7,)),
    "first_non_canonical: strided": ("first_non_canonical", lambda: (strided(32),)),
    "combine: no rows": ("combine", lambda: (b"", 0, bytes(32), bytearray())),
    "combine: negative rows": ("combine", lambda: (bytes(32), -1, bytes(32), bytearray(32))),
    "combine: too many rows": (
        "combine",
        lambda: (bytes(32 * 1025), 1025, bytes(32), bytearray(32)),
    ),
    "combine: rows do not fit": ("combine", lambda: (bytes(64), 1, bytes(32), bytearray(32))),
    "combine: leaves short": ("combine", lambda: (bytes(63), 2, bytes(32), bytearray(32))),
    "combine: out broken": ("combine", lambda: (bytes(33), 1, bytes(32), bytearray(33))),
    "combine: out longer than a row": (
        "combine",
        lambda: (bytes(LEAVES + 32), 1, bytes(32), bytearray(LEAVES + 32)),
    ),
    "combine: gamma short": ("combine", lambda: (bytes(32), 1, bytes(31), bytearray(32))),
    "combine: gamma not canonical": (
        "combine",
        lambda: (bytes(32), 1, MODULUS.to_bytes(32, "big"), bytearray(32)),
    ),
    "combine: into read-only": ("combine", lambda: (bytes(32), 1, bytes(32), bytes(32))),
    "combine: rows no integer": ("combine", lambda: (bytes(32), 1.0, bytes(32), bytearray(32))),
    **{
        f"{name}: {what}": (name, arguments)
        for name in ("extend", "extend_back")
        for what, arguments in {
            "no rows": lambda: (bytearray(), 0, 0, 0),
            "too many rows": lambda: (bytearray(LEAVES), 1025, 0, 1),
            "negative first": lambda: (bytearray(LEAVES), 1, -1, 1),
            "first past last": lambda: (bytearray(LEAVES), 1, 1, 0),
            "last past rows": lambda: (bytearray(LEAVES), 1, 0, 2),
            "first past rows": lambda: (bytearray(LEAVES), 1, 2, 2),
            "leaves short": lambda: (bytearray(LEAVES - 32), 1, 0, 1),
            "leaves long": lambda: (bytearray(LEAVES + 32), 1, 0, 1),
            "other rows": lambda: (bytearray(LEAVES), 2, 0, 1),
            "read-only": lambda: (bytes(LEAVES), 1, 0, 1),
            "read-only view": lambda: (memoryview(bytearray(LEAVES)).toreadonly(), 1, 0, 1),
            "strided": lambda: (strided(LEAVES), 1, 0, 1),
            "no buffer": lambda: (None, 1, 0, 1),
            "no integer": lambda: (bytearray(LEAVES), "1", 0, 1),
        }.items()
    },
    "locator: known short": ("locator", lambda: (KNOWN[1:], bytearray(LEAVES))),
    "locator: known long": ("locator", lambda: (KNOWN + b"\x01", bytearray(LEAVES))),
    "locator: too few known": (
        "locator",
        lambda: (bytes(4097) + b"\x01" * 4095, bytearray(LEAVES)),
    ),
    "locator: none known": ("locator", lambda: (bytes(POINTS), bytearray(LEAVES))),
    "locator: table short": ("locator", lambda: (KNOWN, bytearray(LEAVES - 1))),
    "locator: table read-only": ("locator", lambda: (KNOWN, bytes(LEAVES))),
    "recover: rows": ("recover", lambda: (bytearray(LEAVES), 2, 0, 1, KNOWN, bytes(LEAVES))),
    "recover: last": ("recover", lambda: (bytearray(LEAVES), 1, 0, 2, KNOWN, bytes(LEAVES))),
    "recover: first": ("recover", lambda: (bytearray(LEAVES), 1, -1, 1, KNOWN, bytes(LEAVES))),
    "recover: read-only": ("recover", lambda: (bytes(LEAVES), 1, 0, 1, KNOWN, bytes(LEAVES))),
    "recover: known": ("recover", lambda: (bytearray(LEAVES), 1, 0, 1, b"\x01", bytes(LEAVES))),
    "recover: too few known": (
        "recover",
        lambda: (bytearray(LEAVES), 1, 0, 1, bytes(POINTS), bytes(LEAVES)),
    ),
    "recover: table": ("recover", lambda: (bytearray(LEAVES), 1, 0, 1, KNOWN, bytes(32))),
    "recover: no table": ("recover", lambda: (bytearray(LEAVES), 1, 0, 1, KNOWN, None)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_refused_and_nothing_is_written(case: str) -> None:
    name, make = WRONG[case]
    arguments = make()
    before = [bytes(a) for a in arguments if isinstance(a, bytearray | memoryview)]
    with pytest.raises((ValueError, TypeError, BufferError)):
        getattr(kernel, name)(*arguments)
    assert [bytes(a) for a in arguments if isinstance(a, bytearray | memoryview)] == before


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**1000])
def test_an_integer_beyond_the_machines_is_refused(value: int) -> None:
    for arguments in ((value, 0, 1), (1, value, 1), (1, 0, value)):
        with pytest.raises(OverflowError):
            kernel.extend(bytearray(LEAVES), *arguments)


def overlapping() -> list[tuple[str, tuple[Any, ...], bytearray]]:
    elements = bytearray(range(1, 65))
    view = memoryview(elements)
    table = bytearray(LEAVES)
    return [
        ("pack", (view[:31], view[:32]), elements),
        ("pack", (view[31:40], view[:32]), elements),
        ("unpack", (view[:32], view[31:40]), elements),
        ("unpack", (elements, view[2:]), elements),
        ("combine", (view[:32], 1, bytes(32), view[:32]), elements),
        ("combine", (bytes(32), 1, view[:32], view[1:33]), elements),
        ("recover", (table, 1, 0, 1, KNOWN, table), table),
    ]


@pytest.mark.parametrize("case", range(len(overlapping())))
def test_what_is_written_overlaps_nothing_that_is_read(case: int) -> None:
    name, arguments, buffer = overlapping()[case]
    before = bytes(buffer)
    with pytest.raises(ValueError, match="overlap"):
        getattr(kernel, name)(*arguments)
    assert buffer == before


def test_buffers_side_by_side_do_not_overlap() -> None:
    buffer = memoryview(bytearray(b"\x01" * 31 + b"\x02" * 32))
    kernel.pack(buffer[:31], buffer[31:])
    assert buffer[31:] == b"\x00" + b"\x01" * 31


def test_buffers_are_released_after_use_and_after_a_refusal() -> None:
    leaves = bytearray(LEAVES)
    kernel.extend(leaves, 1, 0, 1)
    with pytest.raises(ValueError, match="rows"):
        kernel.extend(leaves, 0, 0, 1)
    leaves.append(0)  # raises BufferError where an export is still held


def test_runs_are_hashed_behind_their_prefix() -> None:
    assert kernel.can_hash, "libcrypto should be found wherever the tests run"
    data = random.Random(4).randbytes(64 * 7)
    for length in (1, 7, 64, 448):
        out = bytearray(len(data) // length * 32)
        kernel.hash(1, data, length, out)
        runs = [data[start : start + length] for start in range(0, len(data), length)]
        assert out == b"".join(sha256(b"\x01" + run).digest() for run in runs)


@pytest.mark.parametrize(
    ("data", "length", "out"),
    [
        (bytes(64), 0, bytearray(64)),
        (bytes(64), -1, bytearray(64)),
        (bytes(64), MAX_ROWS * 32 + 1, bytearray(64)),
        (bytes(63), 32, bytearray(64)),
        (bytes(65), 32, bytearray(64)),
        (bytes(64), 32, bytearray(63)),
        (bytes(64), 32, bytearray(65)),
        (bytes(64), 32, bytearray(32)),
        (bytes(64), 32, bytearray(96)),
    ],
)
def test_hashing_refuses_lengths_that_do_not_fit(data: bytes, length: int, out: bytearray) -> None:
    before = bytes(out)
    with pytest.raises(ValueError, match="must be"):
        kernel.hash(0, data, length, out)
    assert out == before


def test_hashing_refuses_to_write_over_what_it_reads() -> None:
    shared = bytearray(64)
    with pytest.raises(ValueError, match="overlap"):
        kernel.hash(0, memoryview(shared)[:32], 32, memoryview(shared)[16:48])
    with pytest.raises(OverflowError):
        kernel.hash(256, bytes(32), 32, bytearray(32))
