"""Stand-ins for the curve, and wrappers around it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha384

from da_node.coding import COLUMNS, POINTS, Commitment, Kzg, Proof, _kernel
from da_node.coding.parameters import CELL_BYTES, ELEMENT_BYTES


class RememberingKzg:
    """Binding and complete without a curve: it opens only what it has committed to itself."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        commitment = Commitment(sha384(row).digest())
        extended = bytearray(row).ljust(POINTS * ELEMENT_BYTES, b"\x00")
        _kernel.extend(extended, 1, 0, 1)
        self._rows[commitment] = bytes(extended)
        return commitment, tuple(self._proof(commitment, index) for index in range(COLUMNS))

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        return all(map(self._holds, commitments, indices, cells, proofs))

    def is_commitment(self, data: bytes) -> bool:
        return data in self._rows

    def _holds(self, commitment: bytes, index: int, cell: bytes, proof: bytes) -> bool:
        row = self._rows.get(commitment, b"")
        start = index * CELL_BYTES
        opens = row[start : start + CELL_BYTES] == cell
        return opens and proof == self._proof(commitment, index)

    @staticmethod
    def _proof(commitment: bytes, index: int) -> Proof:
        return Proof(sha384(commitment + bytes([index])).digest())


class CountingKzg:
    """Another one's answers, with a note of each call."""

    def __init__(self, kzg: Kzg) -> None:
        self._kzg = kzg
        self.cells_a_call: list[int] = []
        """Cells of each call of verify_cells."""
        self.commitments = 0

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        self.commitments += 1
        return self._kzg.commit_and_prove(row)

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        self.cells_a_call.append(len(cells))
        return self._kzg.verify_cells(commitments, indices, cells, proofs)

    def is_commitment(self, data: bytes) -> bool:
        return self._kzg.is_commitment(data)


class FrugalKzg(CountingKzg):
    """The same, but each row is proven once, and each batch verified once."""

    def __init__(self, kzg: Kzg) -> None:
        super().__init__(kzg)
        self._proven: dict[bytes, tuple[Commitment, tuple[Proof, ...]]] = {}
        self._verified: dict[tuple[tuple[object, ...], ...], bool] = {}

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        if row not in self._proven:
            self._proven[row] = super().commit_and_prove(row)
        return self._proven[row]

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        batch = (tuple(commitments), tuple(indices), tuple(cells), tuple(proofs))
        if batch not in self._verified:
            self._verified[batch] = super().verify_cells(commitments, indices, cells, proofs)
        return self._verified[batch]
