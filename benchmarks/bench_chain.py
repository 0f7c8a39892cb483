"""A development chain that gas is measured on: every figure is a receipt's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from web3 import Web3

from bridge_client.artifacts import Artifact, artifact
from bridge_client.ethereum import Interface

MOST_GAS: Final = 2**24
TRANSACTION_GAS: Final = 21_000
_ZERO_GAS, _BYTE_GAS = 4, 16
_FLOOR: Final = 2.5
"""Where little else is done, call data costs so many times that (EIP-7623)."""


def data_gas(data: bytes, *, at_floor: bool = False) -> int:
    """What call data costs."""
    zeros = data.count(0)
    gas = zeros * _ZERO_GAS + (len(data) - zeros) * _BYTE_GAS
    return round(gas * _FLOOR) if at_floor else gas


@dataclass
class Bench:
    """A chain, and the figures found on it."""

    web3: Web3
    found: list[tuple[str, int]] = field(default_factory=list)

    def transact(
        self,
        to: str | None,
        data: bytes,
        sender: int = 0,
        value: int = 0,
        what: str = "",
        *,
        passes: bool = True,
    ) -> Any:
        """A transaction, which passes or not as it says; noted under `what`, where it says."""
        accounts = self.web3.eth.accounts
        transaction: Any = {
            "from": accounts[sender],
            "data": data,
            "value": value,
            "gas": MOST_GAS,
        }
        if to is not None:
            transaction["to"] = to
        sent = self.web3.eth.send_transaction(transaction)
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
        if receipt["status"] != passes:
            raise RuntimeError(f"{what or 'a transaction'}: its status is {receipt['status']}")
        if what:
            self.found.append((what, int(receipt["gasUsed"])))
        return receipt

    def deploy(self, what: str | Artifact, *arguments: Any) -> tuple[str, Interface]:
        interface = Interface(artifact(what) if isinstance(what, str) else what)
        receipt = self.transact(None, interface.creation(*arguments))
        return receipt["contractAddress"], interface

    @property
    def user(self) -> str:
        """An account beside the one that sends."""
        return str([*self.web3.eth.accounts][1])

    @property
    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def advance(self, seconds: int) -> None:
        for method, arguments in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            self.web3.provider.make_request(method, arguments)  # type: ignore[arg-type]

    def of(self, what: str) -> int:
        """A figure that was noted."""
        return dict(self.found)[what]
