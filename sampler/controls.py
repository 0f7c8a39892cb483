"""Control questions: what a member is known to serve, to be asked beside what it fails to give.

A control asks for points of another blob that was found available, within the member's own arc,
and for as many bytes as the question that it stands beside: a connection cannot tell them apart.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from da_node.client.wire import MAX_POINTS
from da_node.coding import POINTS_PER_COLUMN, BlobId, Header, point_bytes

BLOBS_PER_MEMBER: Final = 8
"""Blobs remembered of each member, the latest ones."""
MOST_MEMBERS: Final = 1024
"""Members remembered: about 3 KB each, 3 MB."""
SAFE_S: Final = 3600
"""No blob is asked for later than so long before it expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A blob that a member served, and that was found available."""

    header: Header
    expires_at: int
    columns: tuple[int, ...]
    """The member's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control question."""

    header: Header
    points: tuple[int, ...]


class Controls:
    """What each member, by its address, is known to serve."""

    def __init__(self, clock: Callable[[], float], chance: random.Random) -> None:
        """`clock` gives unix seconds."""
        self._clock = clock
        self._chance = chance
        self._known: OrderedDict[str, deque[Known]] = OrderedDict()

    def remember(self, url: str, known: Known) -> None:
        """The member at this address served something of a blob that is available."""
        blobs = self._known.setdefault(url, deque(maxlen=BLOBS_PER_MEMBER))
        self._known.move_to_end(url)
        if all(one.header != known.header for one in blobs):
            blobs.append(known)
        while len(self._known) > MOST_MEMBERS:
            self._known.popitem(last=False)

    def forget(self, url: str, blob_id: BlobId) -> None:
        """It is not known any more that the member serves this blob."""
        blobs = self._known.get(url)
        if blobs is not None:
            kept = [one for one in blobs if one.header.blob_id != blob_id]
            blobs.clear()
            blobs.extend(kept)

    def having(self, urls: Iterable[str], besides: BlobId) -> Collection[str]:
        """Those of the members that something can be asked of, but this blob."""
        return [url for url in urls if self._of(url, besides)]

    def control(self, url: str, besides: BlobId, size_bytes: int) -> Control | None:
        """A question whose answer has at least that many bytes, or as many as one can have."""
        blobs = self._of(url, besides)
        if not blobs:
            return None
        known = self._chance.choice(blobs)
        count = -(-size_bytes // point_bytes(known.header.row_count))
        most = min(MAX_POINTS, POINTS_PER_COLUMN * len(known.columns))
        drawn = self._chance.sample(
            range(POINTS_PER_COLUMN * len(known.columns)), max(1, min(count, most))
        )
        return Control(
            header=known.header,
            points=tuple(
                known.columns[place // POINTS_PER_COLUMN] * POINTS_PER_COLUMN
                + place % POINTS_PER_COLUMN
                for place in drawn
            ),
        )

    def _of(self, url: str, besides: BlobId) -> list[Known]:
        latest = self._clock() + SAFE_S
        return [
            one
            for one in self._known.get(url, ())
            if one.expires_at > latest and one.header.blob_id != besides
        ]
