"""`Registry`: a sampler's way into the registry of samplers, and out of it.

Who left may be admitted again, so each step may be taken more than once in a life; each looks first
whether it is needed. Errors are as `Settlement`'s.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Final

from bridge_client.contract import Contract
from bridge_client.l1 import Receipt
from bridge_client.sending import Sender
from bridge_client.verdicts import as_argument
from committee.secp256k1 import Address
from sampler.verdict import SignedVerdict


class Standing(enum.IntEnum):
    """As the contract numbers it."""

    UNKNOWN = 0
    ADMITTED = 1
    ACTIVE = 2
    LEAVING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """A sampler as the contract has it."""

    address: Address
    standing: Standing
    free: int
    """When its stake can be taken back, once it is leaving; unix seconds."""
    stake_wei: int
    since: int
    """When its stake was paid: what it said before does not count; unix seconds."""


class Registry:
    """One registry's contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract: Final = contract

    async def sampler(self, address: Address) -> Sampler:
        """What stands there of an account."""
        standing, free, stake, since = await self.contract.answers("samplers", bytes(address))
        return Sampler(
            address=address,
            standing=Standing(standing),
            free=free,
            stake_wei=stake,
            since=since,
        )

    async def stake(self, sender: Sender, sampler: Address) -> Receipt | None:
        """Pay the stake of an admitted sampler; None where it counts already."""
        if (await self.sampler(sampler)).standing is Standing.ACTIVE:
            return None
        value = await self.contract.answer("stakeWei")
        return await self._send(sender, "stake", sampler, value=value)

    async def leave(self, sender: Sender, sampler: Address) -> Receipt | None:
        """Have a sampler count no more, by itself; None where it left already."""
        if (await self.sampler(sampler)).standing is Standing.LEAVING:
            return None
        return await self._send(sender, "retire", sampler)

    async def take_back(self, sender: Sender, sampler: Address) -> Receipt | None:
        """The stake of a sampler that left, back to it; None where nothing stands of it."""
        if (await self.sampler(sampler)).standing is Standing.UNKNOWN:
            return None
        return await self._send(sender, "withdraw", sampler)

    async def slash(self, sender: Sender, first: SignedVerdict, second: SignedVerdict) -> Receipt:
        """Show that a sampler called one blob available and withheld at one moment."""
        digest = hashlib.sha256(first.signature + second.signature).hexdigest()
        return await self.contract.send(
            sender,
            f"slash {self.contract.address.hex0x} {digest}",
            "slash",
            as_argument(first),
            first.signature,
            as_argument(second),
            second.signature,
        )

    async def _send(
        self, sender: Sender, function: str, sampler: Address, value: int = 0
    ) -> Receipt:
        words = f"{function} {self.contract.address.hex0x} {sampler.hex0x}"
        purpose = await sender.turn(words)
        return await self.contract.send(sender, purpose, function, bytes(sampler), value=value)
