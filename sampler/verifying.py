"""All answers at hand, of whatever blobs, verified in one KZG batch.

While one batch is verified the next one gathers: the more there is to do, the less each costs. A
batch that does not hold is split down to the item that does not, and only that one is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from da_node.coding import (
    Column,
    Header,
    Kzg,
    Point,
    VerifiedColumn,
    VerifiedPoint,
    verify_many,
)
from da_node.service import Bug, HoldfastError, Rejected

MOST_AT_ONCE: Final = 256
"""Items of one batch: 30 ms of curve work, and 9 MB of points of the largest blobs."""

Item = Column | Point
Verified = VerifiedColumn | VerifiedPoint
Verdict = Verified | HoldfastError
"""The item as it is once it has been verified, or why it does not hold."""
_Waiting = tuple[Header, Item, "asyncio.Future[Verdict]"]


class Verifier:
    """Verifies for all sessions. Used from one event loop; the work is done in a thread."""

    def __init__(self, kzg: Kzg, *, threads: int) -> None:
        self._kzg = kzg
        self._threads = threads
        self._waiting: list[_Waiting] = []
        self._working: asyncio.Task[None] | None = None
        self.batches = 0
        """Made so far."""
        self.items = 0
        """Verified so far, or found bad."""

    async def verify(self, header: Header, items: Sequence[Item]) -> list[Verdict]:
        """The items of one blob in their order. Raises nothing of theirs; what is unavailable here
        is returned like what does not hold, and is an `Unavailable`.
        """
        if not items:
            return []
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Verdict]] = [loop.create_future() for _ in items]
        self._waiting += [(header, item, one) for item, one in zip(items, futures, strict=True)]
        if self._working is None:
            self._working = loop.create_task(self._work())
        return list(await asyncio.gather(*futures))

    async def close(self) -> None:
        """End what is under way."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                # Whoever asked may be gone since.
                batch = [one for one in batch if not one[2].done()]
                if not batch:
                    continue
                items = [(header, item) for header, item, _ in batch]
                found = await asyncio.to_thread(verified, items, self._kzg, self._threads)
                self.batches += 1
                self.items += len(batch)
                for (_, _, future), verdict in zip(batch, found, strict=True):
                    if not future.done():
                        future.set_result(verdict)
        finally:
            self._working = None


def verified(items: Sequence[tuple[Header, Item]], kzg: Kzg, threads: int) -> list[Verdict]:
    """Each item verified, or why it does not hold. Blocks."""
    found: dict[int, Verdict] = {}
    left = list(range(len(items)))
    while left:
        try:
            held = verify_many([items[number] for number in left], kzg, threads=threads)
        except Rejected as error:
            bad = getattr(error, "item", None)
            if bad is None:
                bad = _named_alone([items[number] for number in left], kzg)
            found[left.pop(bad)] = error
        except HoldfastError as error:  # no fault of any item's
            found |= dict.fromkeys(left, error)
            left = []
        else:
            found |= dict(zip(left, held, strict=True))
            left = []
    return [found[number] for number in range(len(items))]


def _named_alone(items: Sequence[tuple[Header, Item]], kzg: Kzg) -> int:
    """The place of an item that does not hold, where the error does not name one."""
    for number, item in enumerate(items):
        try:
            verify_many([item], kzg)
        except Rejected:
            return number
    raise Bug(reason="a batch of items that all hold does not hold")
