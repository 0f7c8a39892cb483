"""A node in a process of its own, to be killed: `python mortal_node.py DIRECTORY`.

It is the real one but for KZG, whose place takes something quick: stored proofs are not looked at
when a payload is read, and the kill test wants many new payloads. Prints its URL when it listens.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from da_node.api.serving import running_node
from da_node.coding import Commitment, Proof
from da_node.service import NodeSettings, configure_logging


class QuickKzg:
    """Commits to the point at infinity and proves with hashes: the same for the same row."""

    ready = True

    def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
        seed = hashlib.sha256(row).digest()
        digests = (hashlib.shake_128(seed + bytes([index])) for index in range(128))
        proofs = tuple(Proof(digest.digest(Proof.length)) for digest in digests)
        return Commitment(b"\xc0" + bytes(47)), proofs

    def verify_cells(
        self,
        commitments: Sequence[bytes],
        indices: Sequence[int],
        cells: Sequence[bytes],
        proofs: Sequence[bytes],
    ) -> bool:
        raise NotImplementedError("nothing verifies in this test")

    def is_commitment(self, data: bytes) -> bool:
        raise NotImplementedError("nothing parses foreign headers in this test")

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


async def main(directory: Path) -> None:
    settings = NodeSettings(
        directory=directory, port=0, reads_per_second_per_client=1_000_000, kernel_threads=1
    )
    async with running_node(settings, kzg=QuickKzg()) as (_, url):
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("error")
    asyncio.run(main(Path(sys.argv[1])))
