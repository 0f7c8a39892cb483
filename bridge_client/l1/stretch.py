"""How many blocks one question for events spans: as many as the endpoint answers for.

Endpoints bound blocks, events or bytes of an answer, each its own way, and anyone can fill blocks
with events. So a question that is refused is put again for half of its blocks, down to one: ten
times at most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bridge_client.errors import L1AnswerTooLong, L1Refused
from bridge_client.l1.chain import MOST_BLOCKS_OF_LOGS

T = TypeVar("T")


@dataclass
class Stretch:
    """Of one who reads on and on."""

    most: int
    _now: int = MOST_BLOCKS_OF_LOGS
    """Blocks that are tried next."""

    async def asked(self, ask: Callable[[int], Awaitable[T]], left: int) -> tuple[int, T]:
        """For how many blocks, of `left` (1 at least), `ask` had an answer, and the answer. Raises
        what `ask` raises; L1Refused and L1AnswerTooLong only for one block.
        """
        while True:
            count = min(self._now, self.most, left)
            try:
                found = await ask(count)
            except (L1Refused, L1AnswerTooLong):
                if count == 1:
                    raise
                self._now = count // 2
                continue
            if count == self._now:
                self._now = min(self.most, 2 * count)
            return count, found
