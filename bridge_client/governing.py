"""What only an owner may do: at once where an account owns; through its timelock where one does.

Then the act is scheduled first, and the same call again, after the delay, carries it out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from bridge_client.contract import Contract
from bridge_client.errors import NoContract
from bridge_client.l1 import Chain
from bridge_client.sending import Sender
from committee.secp256k1 import Address

NO_SALT: Final = bytes(32)
_NO_PREDECESSOR: Final = bytes(32)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who owns a contract."""

    address: Address
    timelock: Contract | None
    """None: an account owns."""

    @classmethod
    async def at(cls, chain: Chain, address: Address) -> Self:
        """The owner at an address; where code lies it is taken for a timelock."""
        is_contract = await chain.has_code(address)
        timelock = Contract(chain, address, "TimelockController") if is_contract else None
        return cls(address=address, timelock=timelock)

    @classmethod
    async def of(cls, contract: Contract) -> Self:
        """The owner of one of Holdfast's contracts."""
        if contract.name == "BatchSettlement":
            found = (await contract.fields("config"))["owner"]
        else:
            is_verifier = contract.name == "CertificateVerifier"
            found = await contract.answer("registrar" if is_verifier else "owner")
        return await cls.at(contract.chain, Address.from_hex(found))

    async def act(
        self,
        sender: Sender,
        purpose: Callable[..., str],
        contract: Contract,
        function: str,
        *arguments: Any,
        salt: bytes = NO_SALT,
    ) -> int | None:
        """Have a function called by the owner, once for what `purpose` makes of it and for a salt.

        None: it is done; else when it can be carried out by the same call, unix seconds. Raises as
        `Sender.send`, and Reverted: where the sender is neither owner nor the timelock's proposer.
        """
        what = " ".join((function, *map(_shown, arguments)))
        if self.timelock is None:
            await contract.send(sender, purpose(what), function, *arguments)
            return None
        timelock, operation = self.timelock, _operation(contract, function, arguments, salt)
        number = await timelock.answer("hashOperation", *operation)
        scheduling = purpose("schedule", what)
        # what this journal began it brings to its end; what somebody else did is not done again
        if await sender.go_on(scheduling) is None and not await timelock.answer(
            "isOperation", number
        ):
            delay_s = await timelock.answer("getMinDelay")
            await timelock.send(sender, scheduling, "schedule", *operation, delay_s)
        executing = purpose("execute", what)
        if await sender.go_on(executing) is not None or await timelock.answer(
            "isOperationDone", number
        ):
            return None
        free = await timelock.answer("getTimestamp", number)
        if free > (await sender.chain.head()).time:
            return int(free)
        await timelock.send(sender, executing, "execute", *operation)
        return None

    async def take_back(
        self,
        sender: Sender,
        purpose: Callable[..., str],
        contract: Contract,
        function: str,
        *arguments: Any,
        salt: bytes = NO_SALT,
    ) -> None:
        """Take back what is scheduled and not carried out. Raises NoContract where no timelock
        owns, and as `act`.
        """
        if self.timelock is None:
            raise NoContract(name="TimelockController", address=self.address.hex0x)
        operation = _operation(contract, function, arguments, salt)
        number = await self.timelock.answer("hashOperation", *operation)
        words = purpose("cancel", function, *map(_shown, arguments))
        await self.timelock.send(sender, words, "cancel", number)


def _operation(
    contract: Contract, function: str, arguments: tuple[Any, ...], salt: bytes
) -> tuple[bytes, int, bytes, bytes, bytes]:
    """As the timelock's functions take it."""
    data = contract.interface.calldata(function, *arguments)
    return bytes(contract.address), 0, data, _NO_PREDECESSOR, salt


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
