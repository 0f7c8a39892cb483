"""SHA-256 over many runs of bytes at once: what the Merkle tree is made of.

OpenSSL's libcrypto does it, called from the kernel: no interpreter lock, no call for each leaf.
Where there is no libcrypto to be found, Python's hashlib does.
"""

from __future__ import annotations

from hashlib import sha256

from da_node.coding import _kernel
from da_node.coding.fairness import worked
from da_node.coding.parameters import HASH_BYTES


def hash_runs(prefix: int, data: bytes | memoryview, length: int) -> bytes:
    """SHA-256(prefix ‖ run) of each run of `length` bytes (1 … 32·1024), 32 bytes each."""
    if not _kernel.can_hash:
        return hash_runs_by_hashlib(prefix, data, length)
    out = bytearray(len(data) // length * HASH_BYTES)
    _kernel.hash(prefix, data, length, out)
    return bytes(out)


def hash_runs_by_hashlib(prefix: int, data: bytes | memoryview, length: int) -> bytes:
    """The same, a leaf at a time."""
    first = prefix.to_bytes(1, "big")
    view = memoryview(data)
    digests = []
    for start in range(0, len(view), length):
        digest = sha256(first)
        digest.update(view[start : start + length])
        digests.append(digest.digest())
        worked(length)
    return b"".join(digests)
