"""The one door to KZG: what coding needs of it, and the `ckzg` package behind it.

`ckzg` never releases the interpreter lock: 37 ms + 154 ms for one row with precomputed tables
(220 ms without), 2.4 ms + 0.1 ms a cell verified. A service therefore hands `coding` a `Kzg` that
works in other processes (`da_node.service`); the default works here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import ckzg

from da_node.coding.parameters import DATA_COLUMNS, ELEMENT_BYTES
from da_node.coding.values import Commitment, Proof
from da_node.errors import Bug, NotEnough

SETUP_FILE: Final = "trusted_setup.txt"
SETUP_SHA256: Final = "d39b9f2d047cc9dca2de58f264b6a09448ccd34db967881a6713eacacf0f26b7"
"""The public ceremony's output for EIP-4844 and EIP-7594, as every Ethereum client ships it."""

_ZERO: Final = bytes(32)
_INFINITY: Final = b"\xc0" + bytes(47)

_setups: Final[dict[int, Any]] = {}
"""What is loaded, by how much is precomputed. Nothing changes a setup, so all may use one."""
_loading: Final = threading.Lock()


class Kzg(Protocol):
    """KZG over the public setup. Implementations are thread-safe."""

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        """Commitment to a row (131,072 bytes, canonical elements), and its 128 cells' proofs."""
        ...

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        """Whether every cell (2048 bytes) opens its commitment at its index. One pairing check.

        What is no point, or not canonical, does not hold: False, never an exception.
        """
        ...

    def is_commitment(self, data: bytes) -> bool:
        """Whether 48 bytes are the canonical encoding of a point of the right subgroup."""
        ...


class LocalKzg:
    """KZG in this process; the setup is loaded on first use, once for all that can share it.

    `precompute` 8 makes proofs a third faster and takes 109 MB instead of 12; verifying gains
    nothing by it, and uses it where it is there already. Raises Bug where the packaged setup is
    not the public one.
    """

    def __init__(self, precompute: Literal[0, 8] = 0) -> None:
        self._precompute = precompute
        self._setup: Any = None

    def load(self) -> None:
        """Load the setup now (1.4 s; with precompute 2 s) rather than on first use."""
        if self._setup is None:
            self._setup = _shared_setup(self._precompute)

    @property
    def is_loaded(self) -> bool:
        """Whether it has been used."""
        return self._setup is not None

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        self.load()
        commitment = Commitment(ckzg.blob_to_kzg_commitment(row, self._setup))
        _, proofs = ckzg.compute_cells_and_kzg_proofs(row, self._setup)
        return commitment, tuple(Proof(proof) for proof in proofs)

    def commit(self, row: bytes) -> Commitment | None:
        """Commitment to a row alone (37 ms); None where these are not 4096 canonical elements."""
        self.load()
        try:
            return Commitment(ckzg.blob_to_kzg_commitment(row, self._setup))
        except (RuntimeError, ValueError):
            return None

    def open_at(self, row: bytes, place: int) -> Proof:
        """Proof of the value that a row's polynomial has at `place`, below the modulus: for one
        point at a time, as EIP-4844's precompile checks it (35 ms).
        """
        self.load()
        proof, _ = ckzg.compute_kzg_proof(row, place.to_bytes(ELEMENT_BYTES, "big"), self._setup)
        return Proof(proof)

    def recover_row(self, cells: Mapping[int, bytes]) -> bytes:
        """The row (4096 elements) that cells determine, 64 or more by their columns; they are
        verified already. 0.3 s where cells of data columns are missing, else nothing to do.

        Raises NotEnough.
        """
        if len(cells) < DATA_COLUMNS:
            raise NotEnough(unit="columns", held=len(cells), needed=DATA_COLUMNS)
        if any(column not in cells for column in range(DATA_COLUMNS)):
            self.load()
            columns = sorted(cells)
            whole, _ = ckzg.recover_cells_and_kzg_proofs(
                columns, [cells[column] for column in columns], self._setup
            )
            cells = dict(enumerate(whole))
        return b"".join(cells[column] for column in range(DATA_COLUMNS))

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        self.load()
        try:
            return bool(
                ckzg.verify_cell_kzg_proof_batch(
                    list(map(bytes, commitments)),
                    list(indices),
                    list(map(bytes, cells)),
                    list(map(bytes, proofs)),
                    self._setup,
                )
            )
        except (RuntimeError, ValueError):  # ckzg's word for "no point" and "not canonical"
            return False

    def is_commitment(self, data: bytes) -> bool:
        self.load()
        try:
            # Opening it at zero to zero with a trivial proof: the answer does not matter, but
            # ckzg decodes the point, subgroup check included, before it gives one.
            ckzg.verify_kzg_proof(bytes(data), _ZERO, _ZERO, _INFINITY, self._setup)
        except (RuntimeError, ValueError):
            return False
        return True


def _shared_setup(precompute: int) -> Any:
    """The process's own setup: one with as much precomputed, or more."""
    with _loading:
        found = next((held for at_least, held in _setups.items() if at_least >= precompute), None)
        if found is None:
            with resources.as_file(resources.files(__package__) / SETUP_FILE) as path:
                found = _setups[precompute] = load_setup(path, precompute)
        return found


def load_setup(path: Path, precompute: int) -> Any:
    """A trusted setup for ckzg, after its hash. Raises Bug where it is another file."""
    digest = sha256(path.read_bytes()).hexdigest()
    if digest != SETUP_SHA256:
        raise Bug(reason=f"{path.name} has sha256 {digest}, the public setup has {SETUP_SHA256}")
    return ckzg.load_trusted_setup(str(path), precompute)


@functools.cache
def local_prover() -> Kzg:
    """The process's own Kzg for encoding, made once."""
    return LocalKzg(precompute=8)


@functools.cache
def local_verifier() -> LocalKzg:
    """The process's own Kzg for verifying, made once."""
    return LocalKzg(precompute=0)
