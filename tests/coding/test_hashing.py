"""Hashing by the kernel is SHA-256, and the way around it gives the same."""

from __future__ import annotations

from hashlib import sha256
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import fairness, hashing, merkle_root_of
from da_node.coding.fairness import TURN_BYTES, worked
from da_node.coding.hashing import hash_runs, hash_runs_by_hashlib


@given(
    prefix=st.integers(0, 255),
    length=st.integers(1, 200),
    count=st.integers(0, 20),
    seed=st.binary(min_size=1, max_size=50),
)
def test_each_run_is_hashed_behind_its_prefix(
    prefix: int, length: int, count: int, seed: bytes
) -> None:
    data = (seed * (length * count // len(seed) + 1))[: length * count]
    runs = [data[start : start + length] for start in range(0, len(data), length)]
    expected = b"".join(sha256(bytes([prefix]) + run).digest() for run in runs)
    assert hash_runs(prefix, data, length) == expected
    assert hash_runs_by_hashlib(prefix, data, length) == expected


@pytest.mark.parametrize("length", [1, 32, 2047, 2048, 4256, 32 * 1024])
def test_lengths_around_block_and_lock_sizes(length: int) -> None:
    data = bytes(range(256)) * (length * 3 // 256 + 1)
    data = data[: 3 * length]
    assert hash_runs(0, data, length) == hash_runs_by_hashlib(0, data, length)


def test_without_libcrypto_the_root_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = b"the same either way" * 20_000
    expected = merkle_root_of(payload)
    monkeypatch.setattr(hashing, "_kernel", SimpleNamespace(can_hash=False))
    assert merkle_root_of(payload) == expected


def test_long_hashing_gives_way_once_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fairness.time, "sleep", pauses.append)
    monkeypatch.setattr(fairness._turn, "done", 0, raising=False)
    worked(TURN_BYTES - 1)
    assert pauses == []
    worked(1)
    assert pauses == [fairness.PAUSE_S]
    worked(1)
    assert len(pauses) == 1
