"""The keysets that are followed: from files, or from whoever has one whose hash was pinned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.disk import read_file
from committee.documents import LONGEST_DOCUMENT_BYTES, Committee
from committee.values import KeysetHash
from da_node.client.transport import Failed, Transport
from da_node.client.wire import Request
from da_node.coding import BlobId, Kzg
from da_node.service import FalseAnswer, HoldfastError
from sampler.asking import Asker
from sampler.errors import KeysetUnknown

FETCH_S: Final = 10.0
"""Time that one node has to hand over a keyset."""
MOST_CERTIFICATES: Final = 1024
"""Certificates remembered as valid: about 2 KB each, 2 MB."""


class Committees:
    """Every keyset that is followed, by its hash."""

    def __init__(self, known: Iterable[Committee], pinned: Iterable[KeysetHash] = ()) -> None:
        """Keysets of files are followed as they are; of `pinned` ones only the hash is known."""
        self._known = {one.keyset.hash: one for one in known}
        self._verified: dict[bytes, VerifiedCertificate] = {}
        """Found valid a moment ago, by their bytes: when announced, and again when sampled."""
        self.followed: Final = frozenset(self._known) | frozenset(pinned)

    @classmethod
    def read(cls, files: Sequence[Path], pinned: Iterable[KeysetHash] = ()) -> Committees:
        """From files; blocks. Raises BadDocument and what verifying a keyset raises, OSError."""
        known = [
            Committee.parse(read_file(path, LONGEST_DOCUMENT_BYTES), source=str(path))
            for path in files
        ]
        return cls(known, pinned)

    @property
    def all(self) -> tuple[Committee, ...]:
        """Those at hand, in the order in which they come into force."""
        return tuple(sorted(self._known.values(), key=lambda one: one.keyset.not_before))

    def of(self, keyset_hash: KeysetHash) -> Committee | None:
        """The committee, if it is at hand."""
        return self._known.get(keyset_hash)

    def current(self, now: float) -> Committee | None:
        """The one in force, as far as is known; None where none is."""
        in_force = [one for one in self.all if one.keyset.not_before <= now]
        return in_force[-1] if in_force else None

    async def find(self, keyset_hash: KeysetHash, asker: Asker, nodes: Sequence[str]) -> Committee:
        """The committee of a keyset that is followed, asked of the nodes if it is not at hand.

        What a node hands over counts if it has the hash. Raises KeysetUnknown.
        """
        known = self._known.get(keyset_hash)
        if known is not None:
            return known
        reason = "it is none of those followed"
        if keyset_hash in self.followed:
            for url in nodes:
                try:
                    committee = await _fetch(await asker.transport(url), url, keyset_hash)
                except (HoldfastError, TimeoutError, Failed) as error:
                    reason = f"{url}: {error or 'no answer in time'}"
                else:
                    self._known[keyset_hash] = committee
                    return committee
        raise KeysetUnknown(keyset_hash=keyset_hash.hex0x, reason=reason)

    async def find_all(self, asker: Asker, nodes: Sequence[str]) -> None:
        """Everything that is followed. Raises KeysetUnknown."""
        for keyset_hash in sorted(self.followed):
            await self.find(keyset_hash, asker, nodes)

    def verify(self, data: bytes, blob_id: BlobId, kzg: Kzg) -> VerifiedCertificate:
        """A blob's certificate under a keyset at hand; blocks for some milliseconds.

        Raises Rejected for one that is not valid or of another blob, KeysetUnknown.
        """
        found = self._verified.get(data)
        if found is not None and found.header.blob_id == blob_id:
            return found
        certificate = Certificate.parse(data, kzg)
        committee = self._known.get(certificate.keyset_hash)
        if committee is None:
            raise KeysetUnknown(
                keyset_hash=certificate.keyset_hash.hex0x, reason="it is not at hand"
            )
        found = verify_certificate(certificate, committee.keyset)
        if found.header.blob_id != blob_id:
            raise FalseAnswer(url="a node", what="certificate", reason="it is another blob's")
        if len(self._verified) >= MOST_CERTIFICATES:
            self._verified.clear()
        self._verified[data] = found
        return found


async def _fetch(transport: Transport, url: str, keyset_hash: KeysetHash) -> Committee:
    request = Request(path=f"/v1/keysets/{keyset_hash.hex0x}", answer_bytes=LONGEST_DOCUMENT_BYTES)
    async with asyncio.timeout(FETCH_S):
        answer = await transport.once(url, request)
    committee = await asyncio.to_thread(Committee.parse, answer.body, source=url)
    if committee.keyset.hash != keyset_hash:
        raise FalseAnswer(url=url, what="keyset", reason="it has another hash")
    return committee
