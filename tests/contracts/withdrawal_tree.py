"""A withdrawal tree by its definition: slow, obvious, the contracts' twin."""

from __future__ import annotations

from web3 import Web3

MISSING = bytes(32)


def keccak(data: bytes) -> bytes:
    return bytes(Web3.keccak(data))


def node(left: bytes, right: bytes) -> bytes:
    return keccak(b"\1" + left + right)


def refusal(index: int, item: bytes) -> bytes:
    """The leaf of a forced item that is refused."""
    return keccak(b"\2" + index.to_bytes(32, "big") + item)


def forced(chain_id: int, caller: str, record: bytes) -> bytes:
    """The item, a leaf, that a caller's record becomes in the inbox."""
    return keccak(b"\0" + chain_id.to_bytes(32, "big") + bytes.fromhex(caller[2:]) + record)


class Tree:
    """Full, over some leaves; the rest of a power of two is missing."""

    def __init__(self, *leaves: bytes) -> None:
        width = 1
        while width < len(leaves):
            width *= 2
        self._levels = [list(leaves) + [MISSING] * (width - len(leaves))]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            self._levels.append([node(*below[i : i + 2]) for i in range(0, len(below), 2)])

    @property
    def root(self) -> bytes:
        return self._levels[-1][0]

    def path(self, index: int) -> list[bytes]:
        """Siblings, bottom up."""
        return [level[index >> depth ^ 1] for depth, level in enumerate(self._levels[:-1])]
