"""A development chain as the contract tests see it: deploy, send, be refused.

Nothing passes that needs more gas than a transaction may have (EIP-7825), whatever the hardfork.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError

from bridge_client.artifacts import Artifact, artifact
from bridge_client.ethereum import Interface, Revert

MOST_GAS = 2**24
"""Of a transaction."""


@dataclass(frozen=True)
class Deployed:
    """A contract on the chain."""

    address: str
    interface: Interface


@dataclass(frozen=True)
class Sent:
    """A transaction that was mined, and what it cost."""

    gas: int
    logs: list[Any] = field(repr=False)
    contract: str | None = None


@dataclass
class Chain:
    """One chain and its accounts; every transaction is a block."""

    web3: Web3
    accounts: list[str]

    @classmethod
    def at(cls, url: str) -> Chain:
        web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}))
        return cls(web3, [str(account) for account in web3.eth.accounts])

    # ------------------------------------------------------------------ transactions

    def deploy(self, what: str | Artifact, *arguments: Any) -> Deployed:
        interface = _interface(what) if isinstance(what, str) else Interface(what)
        sent = self._sent(None, interface, interface.creation(*arguments), 0, 0)
        assert sent.contract is not None
        return Deployed(sent.contract, interface)

    def send(
        self, to: Deployed, function: str, *arguments: Any, sender: int | str = 0, value: int = 0
    ) -> Sent:
        """A call that must succeed, as a transaction."""
        data = to.interface.calldata(function, *arguments)
        return self._sent(to.address, to.interface, data, sender, value)

    def attempt(
        self, to: Deployed, function: str, *arguments: Any, sender: int | str = 0, value: int = 0
    ) -> Sent | None:
        """A call that may fail: None if it did."""
        data = to.interface.calldata(function, *arguments)
        receipt = self._receipt(self._transaction(to.address, data, sender, value))
        assert receipt["gasUsed"] < MOST_GAS
        return Sent(receipt["gasUsed"], list(receipt["logs"])) if receipt["status"] else None

    def call(self, to: Deployed, function: str, *arguments: Any, sender: int | str = 0) -> Any:
        """What a function answers: one value, or a tuple of them."""
        data = to.interface.calldata(function, *arguments)
        answer = self.web3.eth.call(self._transaction(to.address, data, sender, 0))
        result = to.interface.result(function, bytes(answer))
        return result[0] if len(result) == 1 else result

    def refused(
        self, to: Deployed, function: str, *arguments: Any, sender: int | str = 0, value: int = 0
    ) -> Revert:
        """Why a call that must not succeed is refused."""
        data = to.interface.calldata(function, *arguments)
        return self._refusal(to.address, to.interface, data, sender, value)

    def refused_creation(self, what: str | Artifact, *arguments: Any) -> Revert:
        """Why a contract is not created with these arguments."""
        interface = _interface(what) if isinstance(what, str) else Interface(what)
        return self._refusal(None, interface, interface.creation(*arguments), 0, 0)

    def gas_of_refusal(
        self, to: Deployed, function: str, *arguments: Any, sender: int | str = 0
    ) -> int:
        """What a transaction costs that must fail."""
        data = to.interface.calldata(function, *arguments)
        receipt = self._receipt(self._transaction(to.address, data, sender, 0))
        assert receipt["status"] == 0, "it succeeded"
        return int(receipt["gasUsed"])

    # ------------------------------------------------------------------ time and state

    @property
    def now(self) -> int:
        """The last block's time, in unix seconds."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def go_by_blocks(self) -> None:
        """From now on a block is a second after the one before it, however fast the machine is."""
        self._rpc("anvil_setBlockTimestampInterval", 1)

    def advance(self, seconds: int) -> None:
        """A block that much later than the last one, which may be made meanwhile: anvil answers to
        a transaction before it mines it.
        """
        while True:
            try:
                return self.at_time(self.now + seconds)
            except Web3RPCError as error:
                if "lower than previous block" not in str(error):
                    raise

    def at_time(self, time: int) -> None:
        """A block of exactly that time, in unix seconds."""
        self._rpc("evm_setNextBlockTimestamp", time)
        self._rpc("evm_mine")

    def snapshot(self) -> str:
        return str(self._rpc("evm_snapshot"))

    def restore(self, snapshot: str) -> None:
        assert self._rpc("evm_revert", snapshot)

    def impersonate(self, address: str) -> None:
        """Let a contract send transactions, with money for their gas."""
        self._rpc("anvil_setBalance", address, hex(10**20))
        self._rpc("anvil_impersonateAccount", address)

    def balance(self, address: str) -> int:
        return int(self.web3.eth.get_balance(Web3.to_checksum_address(address)))

    # ------------------------------------------------------------------ details

    def _rpc(self, method: str, *arguments: Any) -> Any:
        return self.web3.manager.request_blocking(method, list(arguments))  # type: ignore[arg-type]

    def _transaction(self, to: str | None, data: bytes, sender: int | str, value: int) -> Any:
        account = self.accounts[sender] if isinstance(sender, int) else sender
        target = {} if to is None else {"to": to}
        return target | {"from": account, "data": data, "value": value, "gas": MOST_GAS}

    def _receipt(self, transaction: Any) -> Any:
        return self.web3.eth.wait_for_transaction_receipt(
            self.web3.eth.send_transaction(transaction), poll_latency=0.005
        )

    def _sent(
        self, to: str | None, interface: Interface, data: bytes, sender: int | str, value: int
    ) -> Sent:
        transaction = self._transaction(to, data, sender, value)
        receipt = self._receipt(transaction)
        if receipt["status"] != 1:
            refusal = self._refusal(to, interface, data, sender, value)
            raise AssertionError(f"refused after {receipt['gasUsed']} gas: {refusal}")
        assert receipt["gasUsed"] < MOST_GAS
        return Sent(receipt["gasUsed"], list(receipt["logs"]), receipt["contractAddress"])

    def _refusal(
        self, to: str | None, interface: Interface, data: bytes, sender: int | str, value: int
    ) -> Revert:
        transaction = self._transaction(to, data, sender, value)
        answer = self.web3.provider.make_request(  # type: ignore[attr-defined]
            "eth_call",
            [
                {
                    key: hex(item) if isinstance(item, int) else _hex(item)
                    for key, item in transaction.items()
                },
                "latest",
            ],
        )
        if "error" not in answer:
            raise AssertionError("it was not refused")
        returned = answer["error"].get("data")
        if not isinstance(returned, str):
            raise Web3RPCError(str(answer["error"]))
        return interface.revert(bytes.fromhex(returned[2:]))


@functools.cache
def _interface(name: str) -> Interface:
    return Interface(artifact(name))


def _hex(item: Any) -> str:
    return "0x" + item.hex() if isinstance(item, bytes) else str(item)
