"""γ, drawn by hashing what fixes every leaf (CODING.md §4)."""

from hashlib import sha256
from typing import Final

from da_node.coding.parameters import MODULUS, VERSION
from da_node.coding.values import MerkleRoot

CHALLENGE_DOMAIN: Final = b"HOLDFAST-V1-CHALLENGE-SHA256"
_FIELD_BYTES: Final = 48
"""RFC 9380's L: ceil((255 + 128) / 8), so that the reduction's bias is below 2^-128."""


def challenge_of(payload_length: int, merkle_root: MerkleRoot) -> int:
    """γ for a version-1 header. Its security is that `merkle_root` already fixes every leaf."""
    message = VERSION.to_bytes(2, "big") + payload_length.to_bytes(8, "big") + merkle_root
    return hash_to_field(message, CHALLENGE_DOMAIN)


def hash_to_field(message: bytes, domain: bytes) -> int:
    """One element of the scalar field (RFC 9380 §5.2, extension degree 1)."""
    return int.from_bytes(expand_message(message, domain, _FIELD_BYTES), "big") % MODULUS


def expand_message(message: bytes, domain: bytes, length: int) -> bytes:
    """`expand_message_xmd` with SHA-256 (RFC 9380 §5.3.1), for domains of up to 255 bytes."""
    suffix = domain + len(domain).to_bytes(1, "big")
    block_bytes = sha256().block_size
    first = sha256(
        bytes(block_bytes) + message + length.to_bytes(2, "big") + b"\x00" + suffix
    ).digest()
    block = sha256(first + b"\x01" + suffix).digest()
    expanded = block
    for counter in range(2, -(-length // len(block)) + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = sha256(mixed + counter.to_bytes(1, "big") + suffix).digest()
        expanded += block
    return expanded[:length]
