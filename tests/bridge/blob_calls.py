"""Calls with blobs for the tests, without curve work: the small chain asks for none."""

from __future__ import annotations

from small_chain import TARGET

from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call
from da_node.coding import ROW_BYTES, Commitment, Proof


def with_blobs(count: int = 1, data: bytes = b"blobs") -> tuple[Call, Sidecar]:
    sidecar = Sidecar(
        blobs=tuple(bytes((i,)) * ROW_BYTES for i in range(count)),
        commitments=tuple(Commitment(bytes((i,)) * 48) for i in range(count)),
        proofs=tuple(Proof(bytes((i % 256,)) * 48) for i in range(128 * count)),
    )
    return Call(to=TARGET, data=data, versioned_hashes=sidecar.versioned_hashes), sidecar
