"""The door to the curve: what it refuses, and that the setup is the public one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ckzg
import pytest
from coding_specimens import ONE_ROW, real_blob

from da_node.coding import LocalKzg, local_prover, local_verifier
from da_node.coding.kzg import load_setup
from da_node.coding.parameters import MODULUS, ROW_BYTES
from da_node.errors import Bug, NotEnough

SOURCE = real_blob(ONE_ROW)
CELL = SOURCE.column(5)
KZG = LocalKzg()


def holds(**changed: Any) -> bool:
    good: dict[str, Any] = {
        "commitments": [SOURCE.header.commitment],
        "indices": [5],
        "cells": [CELL.cell],
        "proofs": [CELL.proof],
    }
    return local_verifier().verify_cells(**good | changed)


def test_a_cell_opens_its_commitment_at_its_index_only() -> None:
    assert holds()
    assert not holds(indices=[6])
    assert not holds(proofs=[SOURCE.column(6).proof])
    assert not holds(cells=[SOURCE.column(6).cell])
    assert not holds(commitments=[b"\xc0" + bytes(47)])


@pytest.mark.parametrize(
    "changed",
    [
        {"commitments": [bytes(48)]},
        {"commitments": [bytes(47)]},
        {"indices": [128]},
        {"cells": [MODULUS.to_bytes(32, "big") + bytes(2016)]},
        {"cells": [bytes(2047)]},
        {"proofs": [bytes(48)]},
        {"proofs": [b"\xff" * 48]},
        {"proofs": [b""]},
        {"indices": []},
    ],
)
def test_what_the_library_refuses_to_read_does_not_hold(changed: dict[str, Any]) -> None:
    assert not holds(**changed)


def test_a_commitment_alone_is_that_of_the_row() -> None:
    row = SOURCE.aggregate[:ROW_BYTES]
    assert local_verifier().commit(row) == SOURCE.header.commitment
    for other in (row[:-1], MODULUS.to_bytes(32, "big") + row[32:], b""):
        assert local_verifier().commit(other) is None


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_an_exception_of_the_library_means_that_nothing_holds(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object) -> bool:
        raise error("C_KZG_BADARGS")

    monkeypatch.setattr(ckzg, "verify_cell_kzg_proof_batch", raises)
    monkeypatch.setattr(ckzg, "verify_kzg_proof", raises)
    assert not holds()
    assert not local_verifier().is_commitment(SOURCE.header.commitment)


@pytest.mark.parametrize("data", [b"", bytes(47), bytes(49), b"\xc0" + bytes(48)])
def test_a_commitment_has_48_bytes(data: bytes) -> None:
    assert not local_verifier().is_commitment(data)


def test_buffers_of_other_types_are_read_alike() -> None:
    assert holds(cells=[memoryview(CELL.cell)], proofs=[bytearray(CELL.proof)])
    assert local_verifier().is_commitment(bytearray(SOURCE.header.commitment))  # type: ignore[arg-type]


def test_the_process_has_one_prover_and_one_verifier() -> None:
    assert local_prover() is local_prover()
    assert local_verifier() is local_verifier()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is loaded from now on, as if nothing had been before."""
    loaded: list[int] = []

    def load(path: Path, precompute: int) -> Any:
        assert path.name == "trusted_setup.txt"
        loaded.append(precompute)
        return original(path, precompute)

    original = load_setup
    monkeypatch.setattr("da_node.coding.kzg._setups", {})
    monkeypatch.setattr(ckzg, "load_trusted_setup", lambda path, precompute: object())
    monkeypatch.setattr("da_node.coding.kzg.load_setup", load)
    return loaded


def test_the_setup_is_loaded_once_for_all_and_on_first_use(loaded: list[int]) -> None:
    kzg = LocalKzg()
    assert loaded == []
    kzg.load()
    kzg.load()
    LocalKzg().load()
    assert loaded == [0]
    LocalKzg(precompute=8).load()
    assert loaded == [0, 8]


def test_who_verifies_needs_no_other_setup_than_who_proves(loaded: list[int]) -> None:
    LocalKzg(precompute=8).load()
    LocalKzg().load()
    assert loaded == [8]


def test_another_setup_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "trusted_setup.txt"
    path.write_text("4096\n65\n")
    with pytest.raises(Bug, match="the public setup has"):
        load_setup(path, 0)


@pytest.mark.parametrize("columns", [range(64), range(64, 128), range(1, 128, 2), range(30, 128)])
def test_any_64_cells_give_back_the_row(columns: range) -> None:
    row = b"".join(SOURCE.column(column).cell for column in range(64))
    cells = {column: SOURCE.column(column).cell for column in columns}
    assert KZG.recover_row(cells) == row


def test_63_cells_do_not() -> None:
    cells = {column: SOURCE.column(column).cell for column in range(63)}
    with pytest.raises(NotEnough, match="63"):
        KZG.recover_row(cells)
