"""The other members, as a source of columns: who they are, who keeps what, who does not answer.

A member that does not answer rests for a while, longer each time; one that served something false
rests for an hour, and is named. Nobody waits for either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from committee.bls import PublicKey
from committee.keyset import VerifiedKeyset
from committee.member.certificates import keyset_hash_of
from committee.member.metrics import MemberMetrics
from committee.member.seat import Seats
from committee.values import KeysetHash
from da_node.client import Client, Pace
from da_node.coding import BlobId, Header, VerifiedColumn, column_bytes
from da_node.node.workers import Workers
from da_node.service import FalseAnswer, HoldfastError, Pruned, Unavailable, UnknownBlob, logger
from da_node.store import Store

BATCH_BYTES: Final = 4 << 20
"""Most bytes of columns in one request."""
REQUESTS: Final = 4
"""Requests at once: with BATCH_BYTES, 16 MiB on their way."""
STATUSES: Final = 8
"""Members that are asked what they hold of a blob where its arcs are not enough."""
FIRST_REST_S: Final = 1.0
"""Rest of a member that did not answer; doubles from there."""
LONGEST_REST_S: Final = 300.0
FALSE_REST_S: Final = 3600.0
"""Rest of a member that served something false."""

T = TypeVar("T")

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another member."""

    name: str
    url: str
    public_key: PublicKey


@dataclass(slots=True)
class _Rest:
    failures: int = 0
    """In a row."""
    until: float = float("-inf")


class Peers:
    """Asks the other members. Used from the node's event loop."""

    def __init__(
        self,
        *,
        seats: Seats,
        store: Store,
        workers: Workers,
        client: Client,
        metrics: MemberMetrics,
        pace: Pace,
    ) -> None:
        """`client` may name any nodes: each question here names its own."""
        self.client: Final = client
        self._seats = seats
        self._store = store
        self._workers = workers
        self._metrics = metrics
        self._pace = pace
        self._rests: dict[str, _Rest] = {}
        self._gate = asyncio.Semaphore(REQUESTS)

    @property
    def all(self) -> tuple[Peer, ...]:
        """The other members of all keysets in which this one has a place."""
        return tuple(
            {
                member.url: Peer(name=member.name, url=member.url, public_key=member.public_key)
                for seat in self._seats.all
                for index, member in enumerate(seat.committee.members)
                if index != seat.index
            }.values()
        )

    @property
    def awake(self) -> tuple[Peer, ...]:
        """Those that may be asked now."""
        now = self._pace.clock()
        return tuple(peer for peer in self.all if self._rests.get(peer.url, _Rest()).until <= now)

    async def hear(self, peer: Peer, answer: Awaitable[T]) -> T | None:
        """What a member answers; None where it fails, which is noted. A blob that it does not
        have is no failure.
        """
        try:
            found = await answer
        except (UnknownBlob, Pruned):
            found = None
        except FalseAnswer as error:
            self.failed(peer, "false", str(error))
            return None
        except HoldfastError as error:
            kind = "unavailable" if isinstance(error, Unavailable) else "refused"
            self.failed(peer, kind, str(error))
            return None
        if peer in self.awake:  # what it failed at meanwhile is not made good by this
            self._rests.pop(peer.url, None)
        return found

    def failed(self, peer: Peer, kind: str, reason: str) -> None:
        """A member failed: it rests, and is named."""
        rest, now = self._rests.setdefault(peer.url, _Rest()), self._pace.clock()
        if rest.until <= now:  # what was asked of it together fails together: that counts once
            rest.failures += 1
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(rest.failures - 1, 16))
        rest.until = max(rest.until, now + (FALSE_REST_S if kind == "false" else rest_s))
        self._metrics.peer_failures.labels(peer.name, kind).inc()
        tell = _log.warning if kind == "false" else _log.info
        tell("member failed", member=peer.name, kind=kind, reason=reason)

    # ------------------------------------------------------------ columns

    async def fetch(
        self, header: Header, indices: Collection[int], *, enough: int
    ) -> list[VerifiedColumn]:
        """See `da_node.node.rebuilding.Source`: by the arcs of the blob's keyset first, then by
        what some members say that they hold.
        """
        found: dict[int, VerifiedColumn] = {}
        refuted: set[tuple[str, int]] = set()
        arcs = await self._workers.store.run(self._arcs, header.blob_id)
        for kept in (arcs, None):
            if len(found) < enough and kept is None:
                kept = await self._statuses(header.blob_id)
            while kept and len(found) < enough:
                left = [index for index in indices if index not in found]
                holders = {
                    peer: {j for j in kept.get(peer.url, ()) if (peer.url, j) not in refuted}
                    for peer in self.awake
                }
                asked = assign(holders, left, enough - len(found))
                if not asked:
                    break
                for column in await self._round(header, asked):
                    found[column.index] = column
                refuted |= {(peer.url, j) for peer, batch in asked.items() for j in batch}
        return list(found.values())

    def _arcs(self, blob_id: BlobId) -> Mapping[str, Collection[int]]:
        """Which member keeps what of a blob, by its keyset; nobody where that is not known."""
        keyset_hash = self._keyset_of(blob_id)
        committee = None if keyset_hash is None else self._seats.succession.find(keyset_hash)
        if committee is None:
            return {}
        keyset: VerifiedKeyset = committee.keyset
        return {
            member.url: frozenset(arc)
            for member, arc in zip(committee.members, keyset.arcs, strict=True)
        }

    def _keyset_of(self, blob_id: BlobId) -> KeysetHash | None:
        """That of its certificate, or of what was pledged for it."""
        certificate = self._store.certificate(blob_id)
        if certificate is not None:
            return keyset_hash_of(certificate)
        try:
            record = self._store.record(blob_id)
            pledges = self._store.pledges(blob_id, record.expires_at)
        except HoldfastError:
            return None
        return KeysetHash(pledges[-1]) if pledges else None

    async def _statuses(self, blob_id: BlobId) -> Mapping[str, Collection[int]]:
        async def ask(peer: Peer) -> tuple[str, Collection[int]]:
            async with self._gate:
                status = await self.hear(peer, self.client.status(blob_id, node=peer.url))
            return peer.url, status.columns if status is not None else ()

        return dict(await asyncio.gather(*map(ask, self.awake[:STATUSES])))

    async def _round(
        self, header: Header, asked: Mapping[Peer, Sequence[int]]
    ) -> list[VerifiedColumn]:
        size = max(1, BATCH_BYTES // column_bytes(header.row_count))

        async def ask(peer: Peer, batch: Sequence[int]) -> list[VerifiedColumn]:
            async with self._gate:
                if peer not in self.awake:
                    return []  # it has failed while this waited
                answer = self.client.columns(header, batch, node=peer.url)
                return await self.hear(peer, answer) or []

        answers = await asyncio.gather(
            *(
                ask(peer, indices[start : start + size])
                for peer, indices in asked.items()
                for start in range(0, len(indices), size)
            )
        )
        return [column for answer in answers for column in answer]


def assign(
    holders: Mapping[Peer, Collection[int]], wanted: Sequence[int], enough: int
) -> dict[Peer, list[int]]:
    """Whom to ask for what: `enough` of the wanted columns, in their order, or as many as somebody
    holds; each of one member, and of the one that is asked for the fewest. Pure.
    """
    asked: dict[Peer, list[int]] = {}
    held = {index: [peer for peer, has in holders.items() if index in has] for index in wanted}
    for index in [index for index in wanted if held[index]][:enough]:
        peer = min(held[index], key=lambda one: len(asked.get(one, ())))
        asked.setdefault(peer, []).append(index)
    return asked
