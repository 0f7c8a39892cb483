"""A sender over a small chain: whenever it waits, a block is mined or whatever the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from small_chain import CHAIN_ID, KEY, SmallChain

from bridge_client.journal import JournalThread
from bridge_client.l1 import Chain
from bridge_client.life import Policy
from bridge_client.sending import Sender, Waiting, opened

MOST_WAITS = 100
"""Then a test has gone wrong."""


class Patience:
    """What a sender waits with: no time passes."""

    def __init__(self, small: SmallChain, do: Callable[[int], None] | None = None) -> None:
        self._small = small
        self._do = do or (lambda wait: small.mine())
        self.waits = 0

    async def sleep(self, seconds: float) -> None:
        assert self.waits < MOST_WAITS, "it waits without end"
        self._do(self.waits)
        self.waits += 1

    def waiting(self) -> Waiting:
        return Waiting(clock=lambda: self._small.now, sleep=self.sleep)


@asynccontextmanager
async def sender(
    small: SmallChain,
    directory: Path,
    do: Callable[[int], None] | None = None,
    *,
    wrap: Callable[[JournalThread], JournalThread] = lambda journal: journal,
    policy: Policy | None = None,
) -> AsyncIterator[Sender]:
    """A sender on the journal of a directory, as after a start."""
    chain = Chain(small.ask, "small chain")
    journal = await opened(directory, chain, CHAIN_ID)
    try:
        yield Sender(
            chain,
            wrap(journal),
            chain_id=CHAIN_ID,
            key=KEY,
            policy=policy,
            waiting=Patience(small, do).waiting(),
        )
    finally:
        await journal.close()
