"""What travels beside a blob transaction (EIP-4844, in the form of EIP-7594). Pure.

    on the network   0x03 ‖ rlp([transaction, 1, blobs, commitments, cell proofs])
    in a block       0x03 ‖ rlp(transaction), which names the blobs by their versioned hashes

An Ethereum blob has the size and the setup of a row (CODING.md §1), so its commitment and its 128
cell proofs are what a `Kzg` makes of a row. The library that signs would load the setup anew for
each signature (5 s), so it is given the hashes alone, and what goes beside is put together here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bridge_client import rlp
from bridge_client.transactions import BLOB_TRANSACTION
from da_node.coding import Commitment, Kzg, Proof
from da_node.service import Bug

WRAPPER_VERSION: Final = 1
"""Cell proofs (EIP-7594). Version 0, one proof a blob, ended with the osaka fork."""
MOST_BLOBS: Final = 6
"""Of one transaction (EIP-7594)."""
_KZG_VERSION: Final = b"\x01"
"""First byte of a versioned hash."""
_ITEMS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """Blobs with what proves them."""

    blobs: tuple[bytes, ...]
    """131,072 bytes each, 1 … 6 of them; elements are below the modulus."""
    commitments: tuple[Commitment, ...]
    proofs: tuple[Proof, ...]
    """128 for each blob, in order."""

    @classmethod
    def of(cls, rows: Sequence[bytes], kzg: Kzg) -> Sidecar:
        """Of rows of a blob; 0.2 s a row. Raises what the `Kzg` raises."""
        proven = [kzg.commit_and_prove(row) for row in rows]
        return cls(
            blobs=tuple(rows),
            commitments=tuple(commitment for commitment, _ in proven),
            proofs=tuple(proof for _, proofs in proven for proof in proofs),
        )

    @property
    def versioned_hashes(self) -> tuple[bytes, ...]:
        """What the transaction names the blobs by."""
        return tuple(map(versioned_hash, self.commitments))

    def serialize(self) -> bytes:
        """What follows the transaction on the network: 137,500 bytes a blob."""
        parts = (self.blobs, self.commitments, self.proofs)
        lists = (rlp.listed(map(rlp.string, part)) for part in parts)
        return rlp.number(WRAPPER_VERSION) + b"".join(lists)


def versioned_hash(commitment: Commitment) -> bytes:
    """32 bytes that stand for a blob in a transaction and a block."""
    return _KZG_VERSION + sha256(commitment).digest()[1:]


def on_network(raw: bytes, sidecar: bytes) -> bytes:
    """A signed blob transaction as nodes take it, with its serialised sidecar.

    Raises Bug where that is not a version 1 sidecar: nodes would forward nothing else, and a block
    would take nothing else.
    """
    if raw[:1] != BLOB_TRANSACTION:
        raise Bug(reason=f"a transaction of type {raw[:1].hex()} takes no blobs")
    body = rlp.listed((raw[1:], sidecar))
    found = list(rlp.items(body))
    if len(found) != _ITEMS or found[1] != rlp.number(WRAPPER_VERSION):
        raise Bug(reason=f"a sidecar of version {bytes(found[1][:1]).hex()}, {len(found)} items")
    return BLOB_TRANSACTION + body
