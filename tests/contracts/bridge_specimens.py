"""A bridge on a chain with its settlement, owner, signer, guardian and a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chain_under_test import Chain, Deployed, Sent
from settlement_specimens import BOND, CONFIG, DAY, SEQUENCER, Settled
from withdrawal_tree import Tree, keccak

from bridge_client.artifacts import Artifact
from committee.secp256k1 import EthereumKey

USER, OTHER, GUARDIAN, TIMELOCK_ADMIN = 7, 8, 2, 3
SIGNER = EthereumKey(bytes(31) + b"\x77")
LIMIT, DELAY = 1000, 2 * DAY
FUNDS = 10**9
OWNER_DELAY = CONFIG["challengePeriod_s"] + DAY
DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
WITHDRAWAL_TYPE = b"Withdrawal(address user,uint256 amount,bytes32 withdrawalId)"


def word(value: int | str | bytes) -> bytes:
    """32 bytes of a number, an address or bytes."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    data = bytes.fromhex(value[2:]) if isinstance(value, str) else value
    return data.rjust(32, b"\0")


def withdrawal_id(number: int) -> bytes:
    return keccak(b"withdrawal" + bytes((number,)))


@dataclass
class Bridged:
    """Contracts that belong together, and what tests do with them."""

    settled: Settled
    token: Deployed
    timelock: Deployed
    bridge: Deployed

    @classmethod
    def on(
        cls,
        settled: Settled,
        compiled: dict[str, Artifact],
        token: str = "PlainToken",
        **changes: Any,
    ) -> Bridged:
        chain = settled.chain
        coin = chain.deploy(compiled[token])
        admin = [chain.accounts[TIMELOCK_ADMIN]]
        timelock = chain.deploy("TimelockController", OWNER_DELAY, admin, admin, "0x" + "00" * 20)
        config = {
            "token": coin.address,
            "settlement": settled.settlement.address,
            "owner": timelock.address,
            "withdrawalSigner": bytes(SIGNER.address),
            "guardian": chain.accounts[GUARDIAN],
            "dailyLimit": LIMIT,
            "delay_s": DELAY,
            "isBare": False,
        } | changes
        bridge = chain.deploy("TokenEscrowBridge", tuple(config.values()))
        made = cls(settled, coin, timelock, bridge)
        for account in (USER, OTHER):
            chain.send(coin, "mint", chain.accounts[account], FUNDS)
            chain.send(coin, "approve", bridge.address, FUNDS, sender=account)
        return made

    @property
    def chain(self) -> Chain:
        return self.settled.chain

    def account(self, number: int) -> str:
        return self.chain.accounts[number]

    def balance(self, of: int | str) -> int:
        address = self.account(of) if isinstance(of, int) else of
        return int(self.chain.call(self.token, "balanceOf", address))

    def deposit(self, amount: int, sender: int = USER) -> Sent:
        return self.chain.send(self.bridge, "depositAsset", amount, 9, 1, sender=sender)

    # ------------------------------------------------------------------ signed

    def signed(
        self,
        user: str,
        amount: int,
        of: bytes,
        key: EthereumKey = SIGNER,
        chain_id: int | None = None,
        contract: str | None = None,
    ) -> tuple[str, int, bytes, bytes]:
        """Arguments of `settleWithdrawal`, by EIP-712's own words."""
        domain = keccak(
            keccak(DOMAIN_TYPE)
            + keccak(b"Holdfast Bridge")
            + keccak(b"1")
            + word(self.chain.web3.eth.chain_id if chain_id is None else chain_id)
            + word(contract or self.bridge.address)
        )
        struct = keccak(keccak(WITHDRAWAL_TYPE) + word(user) + word(amount) + of)
        return user, amount, of, key.sign_typed(domain, struct)

    # ------------------------------------------------------------------ proven

    def leaf(self, user: str, amount: int, of: bytes) -> bytes:
        return keccak(
            b"\0"
            + word(self.chain.web3.eth.chain_id)
            + word(self.bridge.address)[12:]
            + word(user)[12:]
            + word(amount)
            + of
        )

    def finalize(self, tree: Tree, height: int = 0, inclusions: list[Any] | None = None) -> None:
        """A final batch with that tree of withdrawals."""
        settled = self.settled
        self.chain.send(
            settled.settlement,
            "propose",
            settled.proposal(height, withdrawals=tree.root),
            settled.certificate(),
            inclusions or [],
            sender=SEQUENCER,
            value=BOND,
        )
        self.chain.advance(CONFIG["challengePeriod_s"])
        settled.approve(height)
        self.chain.send(settled.settlement, "finalize", height)

    def govern(self, function: str, *arguments: Any) -> None:
        """Something that the owner does, through its delay."""
        nothing = bytes(32)
        data = self.bridge.interface.calldata(function, *arguments)
        operation = (self.bridge.address, 0, data, nothing, nothing)
        sender = TIMELOCK_ADMIN
        self.chain.send(self.timelock, "schedule", *operation, OWNER_DELAY, sender=sender)
        self.chain.advance(OWNER_DELAY)
        self.chain.send(self.timelock, "execute", *operation, sender=sender)
