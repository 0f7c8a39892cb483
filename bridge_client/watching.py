"""A watcher: events of contracts in the order of the chain, resumed from where it was.

It remembers the blocks up to which it has read by their hashes. Where the chain has others now, it
says which events are lost, forgets them, and reads on from the last block that still stands; so
whoever follows it ends with the same events as one that began today.

What it has seen is condensed, so that a start does not read years: of what lies deeper than the
blocks that it remembers only what is not over stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bridge_client.contract import Contract
from bridge_client.journal import REMEMBERED_BLOCKS, JournalThread, Place, Sighting
from bridge_client.l1 import Block, Chain, Log
from bridge_client.l1.chain import MOST_BLOCKS_OF_LOGS
from bridge_client.l1.stretch import Stretch
from bridge_client.unfinished import unfinished

DEEP_BLOCKS: Final = REMEMBERED_BLOCKS
"""What lies deeper is condensed, each time that as many blocks more do: at a start there are the
events of at most 512 blocks, an hour and three quarters of L1, and what is not over. Less deep, a
reorganisation may undo the end of something, which must then be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event in a block."""

    contract: str
    """Name of the contract's artifact."""
    event: str
    fields: dict[str, Any]
    """By name; bytes as 0x-hex."""
    block: int
    transaction: str
    """0x-hex."""

    @classmethod
    def of(cls, sighting: Sighting) -> Seen:
        """From the journal."""
        return msgspec.json.decode(sighting.document, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a look at the chain found."""

    lost: tuple[Seen, ...]
    """Events that are no longer in the chain, the newest first."""
    seen: tuple[Seen, ...]
    """New ones, in order."""
    upto: int
    """The block up to which all has been read."""
    is_complete: bool
    """Whether that is the newest block that may be read."""


class Watcher:
    """Follows contracts of one chain. One journal may hold several, each under its name."""

    def __init__(
        self,
        chain: Chain,
        journal: JournalThread,
        contracts: Sequence[Contract],
        *,
        name: str,
        first_block: int,
        depth: int = 1,
    ) -> None:
        """From `first_block` on, or from where a watcher of this name was; blocks are read once
        `depth` − 1 others follow them.
        """
        self._chain: Final = chain
        self._journal: Final = journal
        self._contracts: Final = {one.address: one for one in contracts}
        self._name: Final = name
        self._first_block: Final = first_block
        self._depth: Final = depth
        self._stretch: Final = Stretch(MOST_BLOCKS_OF_LOGS)
        self._condensed = first_block
        """What is not over is all that there is up to there."""

    async def look(self) -> News:
        """Read on, at most 1000 blocks, fewer where the endpoint answers for no more. Raises what
        asking the chain raises, L1Lags where it is shorter than what was read, and JournalFault;
        then nothing was read, or it was read whole.
        """
        steps = self._journal.steps
        read = await self._journal.run(steps.remembered, self._name)
        # a chain that replaces another is longer; one that is shorter is an endpoint behind
        head = await self._chain.head(least=read[0].number if read else 0)
        lost, last = await self._rolled_back(read)
        if not lost and last is not None:
            await self._condense(last.number - DEEP_BLOCKS, head.time)
        newest = head.number - self._depth + 1
        first = self._first_block if last is None else last.number + 1
        if newest < first:
            return News(lost=lost, seen=(), upto=first - 1, is_complete=True)

        async def oldest(count: int) -> tuple[Block | None, list[Log]]:
            end = await self._chain.block(first + count - 1)
            return end, await self._chain.logs(tuple(self._contracts), first, first + count - 1)

        count, (end, logs) = await self._stretch.asked(oldest, newest - first + 1)
        upto = first + count - 1
        if end is None or await self._has_changed(end):
            # reorganised meanwhile: the next look reads it anew
            return News(lost=lost, seen=(), upto=first - 1, is_complete=False)
        sightings = [one for one in map(self._sighting, logs) if one is not None]
        place = Place(number=end.number, hash=end.hash)
        await self._journal.run(steps.advance, self._name, place, sightings)
        # A crash after this, before the caller has acted on it: `past` has it.
        return News(
            lost=lost,
            seen=tuple(map(Seen.of, sightings)),
            upto=upto,
            is_complete=upto == newest,
        )

    async def past(self) -> list[Seen]:
        """What has been seen and not lost, in order, but what is over for more than 256 blocks."""
        found = await self._journal.run(self._journal.steps.sightings, self._name)
        return [Seen.of(one) for one in found]

    async def _rolled_back(self, read: list[Place]) -> tuple[tuple[Seen, ...], Place | None]:
        """What is lost, and the last block read that still stands."""
        steps = self._journal.steps
        standing = None
        for place in read:
            block = await self._chain.block(place.number)
            if block is not None and block.hash == place.hash:
                standing = place
                break
        if not read or standing == read[0]:
            return (), standing
        to = -1 if standing is None else standing.number
        lost = await self._journal.run(steps.roll_back, self._name, to)
        return tuple(map(Seen.of, lost)), standing

    async def _condense(self, upto: int, now: int) -> None:
        if upto < self._condensed + DEEP_BLOCKS:
            return

        def needed(past: Sequence[Sighting]) -> list[Sighting]:
            return [past[place] for place in unfinished(list(map(Seen.of, past)), now)]

        await self._journal.run(self._journal.steps.condense, self._name, upto, needed)
        # A crash after this: the next start does it again, and finds nothing.
        self._condensed = upto

    async def _has_changed(self, block: Block) -> bool:
        now = await self._chain.block(block.number)
        return now is None or now.hash != block.hash

    def _sighting(self, log: Log) -> Sighting | None:
        contract = self._contracts[log.address]
        found = contract.interface.event(log.topics, log.data)
        if found is None:
            return None
        seen = Seen(
            contract=contract.name,
            event=found.name,
            fields={name: _plain(value) for name, value in found.fields.items()},
            block=log.block_number,
            transaction="0x" + log.transaction.hex(),
        )
        return Sighting(
            block=Place(number=log.block_number, hash=log.block_hash),
            index=log.index,
            document=msgspec.json.encode(seen),
        )


def _plain(value: Any) -> Any:
    """As JSON has it; numbers above 2^63 as texts, which JSON's readers would round."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value < 1 << 63 else str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
