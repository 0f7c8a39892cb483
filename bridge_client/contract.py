"""One contract on a chain: what it answers, what calls it, why it refuses."""

from __future__ import annotations

from typing import Any, Final

from bridge_client.artifacts import artifact
from bridge_client.errors import NoContract, Reverted
from bridge_client.ethereum import Interface, said
from bridge_client.l1 import CallRefused, Chain, Receipt
from bridge_client.sending import Sender
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call
from committee.secp256k1 import Address


class Contract:
    """A contract at an address. Its methods raise Reverted beside what asking the chain raises."""

    def __init__(self, chain: Chain, address: Address, name: str) -> None:
        """`name` is that of a committed artifact."""
        self.chain: Final = chain
        self.address: Final = address
        self.name: Final = name
        self.interface: Final = Interface(artifact(name))

    async def require_there(self) -> None:
        """Raises NoContract where nothing is at the address."""
        if not await self.chain.has_code(self.address):
            raise NoContract(name=self.name, address=self.address.hex0x)

    async def answer(self, function: str, *arguments: Any) -> Any:
        """A function's one answer."""
        (value,) = self.interface.result(function, await self._asked(function, arguments))
        return value

    async def answers(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        """A function's answers."""
        return self.interface.result(function, await self._asked(function, arguments))

    async def fields(self, function: str, *arguments: Any) -> dict[str, Any]:
        """A function's answer, a struct, by its members' names."""
        return self.interface.fields(function, await self._asked(function, arguments))

    def call(self, function: str, *arguments: Any, value: int = 0) -> Call:
        """What a transaction does that calls a function."""
        data = self.interface.calldata(function, *arguments)
        return Call(to=self.address, data=data, value=value)

    async def send(
        self, sender: Sender, purpose: str, function: str, *arguments: Any, value: int = 0
    ) -> Receipt:
        """Call a function by a transaction, once for a purpose. Raises as `Sender.send`."""
        return await self.carry_out(
            sender, purpose, self.call(function, *arguments, value=value), function
        )

    async def carry_out(self, sender: Sender, purpose: str, call: Call, what: str) -> Receipt:
        """The same for a call that is made already."""
        try:
            return await sender.send(call, purpose)
        except CallRefused as error:
            raise self.refused(what, error) from None

    async def begin(
        self, sender: Sender, purpose: str, call: Call, what: str, sidecar: Sidecar | None
    ) -> None:
        """Have such a call under way, with the blobs that it names. Raises as `Sender.begin`."""
        try:
            await sender.begin(call, purpose, sidecar=sidecar)
        except CallRefused as error:
            raise self.refused(what, error) from None

    def refused(self, what: str, error: CallRefused) -> Reverted:
        """Why the contract refuses."""
        return refusal(self.interface, f"{self.name}.{what}", error)

    async def _asked(self, function: str, arguments: tuple[Any, ...]) -> bytes:
        try:
            data = await self.chain.call(
                self.address, self.interface.calldata(function, *arguments)
            )
        except CallRefused as error:
            raise self.refused(function, error) from None
        if not data:  # every function of ours answers something
            raise NoContract(name=self.name, address=self.address.hex0x)
        return data


def refusal(interface: Interface, what: str, error: CallRefused) -> Reverted:
    """Why a contract of that interface refuses."""
    found = interface.revert(error.data)
    if found.name:
        operands = ", ".join(map(_shown, found.operands))
        return Reverted(what=what, reason=found.name, operands_text=operands)
    words = said(error.data)
    operands = "0x" + error.data[:64].hex() if error.data and not words else ""
    return Reverted(what=what, reason=words or error.message, operands_text=operands)


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
