"""The members of all keysets that are followed, as readers meet them: one client over all, and what
is known of who keeps which blob.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from committee.certificate import VerifiedCertificate
from committee.disperser.bounds import CERTIFIED_BLOBS
from committee.documents import Committee
from committee.succession import Succession
from committee.values import KeysetHash
from da_node.client import Client, Custody
from da_node.coding import BlobId

MakeClient = Callable[[Sequence[str]], Client]


def urls_of(committees: Iterable[Committee]) -> tuple[str, ...]:
    """Where their members are, each once, in order."""
    return tuple(
        dict.fromkeys(member.url for committee in committees for member in committee.members)
    )


def custody_of(committee: Committee) -> Custody:
    """Which columns each member keeps of a blob of this keyset, by its URL."""
    arcs = committee.keyset.arcs
    return {member.url: frozenset(arc) for member, arc in zip(committee.members, arcs, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is known of one blob before it is read."""

    custody: Custody | None
    """Who keeps what; None where members have to be asked."""
    certified: bool
    """Whether a valid certificate has been seen."""


class Members:
    """All members, from a change of the keysets to the next. Used from one event loop."""

    def __init__(self, succession: Succession, make: MakeClient, *, lasting_s: float) -> None:
        """No read takes longer than `lasting_s`."""
        self._make = make
        self._lasting_s = lasting_s
        self._retiring: set[asyncio.Task[None]] = set()
        self._certified: OrderedDict[BlobId, KeysetHash] = OrderedDict()
        self._take_over(succession)
        self.client = make(self.urls)
        """Over all members, those of the newest keyset first."""

    async def open(self) -> None:
        """Call within the event loop, before the first read."""
        await self.client.__aenter__()

    async def follow(self, succession: Succession) -> None:
        """Read from these from now on; a read under way ends as it began."""
        before, old = self.urls, self.client
        self._take_over(succession)
        if self.urls == before:
            return
        client = self._make(self.urls)
        await client.__aenter__()
        self.client = client
        task = asyncio.create_task(self._retire(old))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Close every connection. Call when nothing is read any more."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.client.__aexit__(None, None, None)

    def note(self, certificate: VerifiedCertificate) -> None:
        """Remember by whose arcs a blob is kept."""
        blob_id = certificate.header.blob_id
        self._certified[blob_id] = certificate.keyset_hash
        self._certified.move_to_end(blob_id)
        if len(self._certified) > CERTIFIED_BLOBS:
            self._certified.popitem(last=False)

    def keeping(self, blob_id: BlobId) -> Keeping | None:
        """What is known of a blob without asking; None where that is nothing."""
        found = self._certified.get(blob_id)
        custody = None if found is None else self._custody.get(found)
        if custody is not None:
            return Keeping(custody=custody, certified=True)
        if len(self._custody) == 1:
            (only,) = self._custody.values()
            return Keeping(custody=only, certified=False)
        return None

    def _take_over(self, succession: Succession) -> None:
        newest_first = succession.committees[::-1]
        self.urls: tuple[str, ...] = urls_of(newest_first)
        self._custody: dict[KeysetHash, Custody] = {
            committee.keyset.hash: custody_of(committee) for committee in newest_first
        }

    async def _retire(self, client: Client) -> None:
        try:
            await asyncio.sleep(self._lasting_s)
        finally:
            await client.__aexit__(None, None, None)
