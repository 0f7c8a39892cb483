"""Reading a payload that was posted to L1, by its id alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge_client.errors import BeaconNeeded, L1FalseAnswer, NotPosted
from bridge_client.fallback.beacon import BeaconNode
from bridge_client.fallback.framing import Form, payload_of_rows
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.postings import Posting, Whole, wholes
from committee.secp256k1 import Address
from da_node.coding import BlobId, LocalKzg, encode
from da_node.service import Unavailable, logger

MOST_POSTINGS: Final = 4096
"""Parts of one id after which no older stretch of blocks is looked at: a payload has 1000 at most.
Whoever posts others to hide them pays 35,000 gas for each, and a reader that names the poster does
not see those. The last stretch adds 30,000 at most, 1.1 KB of an answer each."""
MOST_WHOLES: Final = 64
"""Payloads that are put together and compared. A false one costs its poster what a true one costs;
of one row the contract lets none pass as blobs."""
THREADS: Final = 2
"""That encoding takes."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A payload that encodes to its id."""

    payload: bytes = field(repr=False)
    whole: Whole
    """Where it lies."""


async def read(
    inbox: Inbox,
    blob_id: BlobId,
    kzg: LocalKzg,
    *,
    beacon: BeaconNode | None = None,
    first_block: int = 0,
    poster: Address | None = None,
    transactions: Sequence[bytes] = (),
    oldest: float = 0,
) -> Found:
    """The payload of an id, from what was posted from a block on, the newest first; where
    transactions are named, from what these posted. Without `beacon` only call data is read; of one
    poster only, where one is given. An endpoint whose newest block is from before `oldest` (unix
    seconds) may show what is posted, but not that nothing is: L1Lags.

    `kzg` works in a thread. Raises NotPosted, BeaconNeeded, NoContract, what asking chain and
    beacon node raises: a payload that some node could give is never called not posted.
    """
    await inbox.contract.require_there()
    head = await inbox.contract.chain.head()
    search = _Search(inbox, blob_id, kzg, beacon)
    if transactions:
        stretches = _once(inbox.announced(blob_id, transactions, poster))
    else:
        stretches = inbox.postings(blob_id, first_block, head.number, poster)
    async for postings in stretches:
        search.postings += postings
        found = await search.look()
        if found is not None:
            return found
        if search.is_at_bound:
            break
    if search.failure is not None:
        raise search.failure
    await inbox.contract.chain.head(oldest=oldest)
    raise NotPosted(
        blob_id=blob_id.hex0x,
        inbox=inbox.contract.address.hex0x,
        first_block=first_block,
        last_block=head.number,
        reason=search.reason,
    )


async def _once(postings: Awaitable[list[Posting]]) -> AsyncIterator[list[Posting]]:
    yield await postings


@dataclass
class _Search:
    """What was seen so far, and what is wrong with it."""

    inbox: Inbox
    blob_id: BlobId
    kzg: LocalKzg
    beacon: BeaconNode | None
    postings: list[Posting] = field(default_factory=list)
    failure: Unavailable | BeaconNeeded | None = None
    """Why something could not be read that may be it."""
    _tried: list[Whole] = field(default_factory=list)
    _reasons: list[str] = field(default_factory=list)

    @property
    def is_at_bound(self) -> bool:
        return len(self.postings) >= MOST_POSTINGS or len(self._tried) >= MOST_WHOLES

    @property
    def reason(self) -> str:
        """Of finding nothing."""
        if self.is_at_bound:
            bound = f"{MOST_WHOLES} payloads or {MOST_POSTINGS} parts are posted, and none is it"
            return f"{bound}; name the poster"
        if self._reasons:
            return "; ".join(self._reasons)
        return f"of {len(self.postings)} parts posted some are lacking" if self.postings else "none"

    async def look(self) -> Found | None:
        """Whether something new makes the payload."""
        for whole in self._new():
            self._tried.append(whole)
            try:
                payload = await self._payload(whole)
            except (Unavailable, BeaconNeeded) as error:
                _log.info("a payload cannot be read", poster=whole.poster.hex0x, reason=str(error))
                self.failure = error
                continue
            if payload is None:
                continue
            blob = await asyncio.to_thread(encode, payload, self.kzg, threads=THREADS)
            if blob.blob_id == self.blob_id:
                return Found(payload=payload, whole=whole)
            self._refuse(whole, "another payload")
        return None

    def _new(self) -> Iterator[Whole]:
        for whole in wholes(self.postings):
            if whole not in self._tried and len(self._tried) < MOST_WHOLES:
                yield whole

    async def _payload(self, whole: Whole) -> bytes | None:
        if whole.form is Form.BLOBS:
            return await self._from_rows(whole)
        pieces = []
        for posting, part in whole.parts:
            piece = await self.inbox.piece(posting)
            if piece is None:
                self._refuse(whole, "what its transaction does not have plainly")
                return None
            start = part.first - posting.part.first
            pieces.append(piece[start : start + part.count])
        return b"".join(pieces)

    async def _from_rows(self, whole: Whole) -> bytes | None:
        if self.beacon is None:
            raise BeaconNeeded(blob_id=self.blob_id.hex0x, poster=whole.poster.hex0x)
        rows: list[bytes] = []
        for posting, part in whole.parts:
            chain = self.inbox.contract.chain
            block = await chain.block(posting.block)
            if block is None:
                reason = f"it has no block {posting.block}, of which it told an event"
                raise L1FalseAnswer(url=chain.name, method="eth_getBlockByNumber", reason=reason)
            start = part.first - posting.part.first
            wanted = posting.versioned_hashes[start : start + part.count]
            rows += await self.beacon.blobs(block.time, wanted, self.kzg)
        return payload_of_rows(rows, whole.header.payload_length)

    def _refuse(self, whole: Whole, what: str) -> None:
        self._reasons.append(f"{whole.poster.hex0x} posted {what}")
