"""An L1 in memory, strict about nonces and fees, that reorganises, forgets and lies when told to.
Transactions with blobs it takes with a sidecar of version 1 alone, and for twice the fees again.

It answers the JSON-RPC methods that a `Chain` asks, and mines when the test says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_account import Account

from bridge_client.l1.endpoint import RpcError
from bridge_client.transactions import created_by
from committee.secp256k1 import Address, EthereumKey, keccak256

CHAIN_ID = 31_337
GWEI = 10**9
KEY = EthereumKey(bytes(31) + b"\x21")
TARGET = Address(b"\x42" * 20)


@dataclass(frozen=True)
class Transaction:
    hash: bytes
    sender: Address
    nonce: int
    most_fee: int
    tip: int
    to: bytes
    data: bytes
    blob_fee: int = 0
    """0: no blobs go along."""
    sidecar: bytes = b""

    @classmethod
    def of(cls, raw: bytes) -> Transaction:
        assert raw[0] in (2, 3), "only EIP-1559 and EIP-4844"
        fields: list[Any] = rlp.decode(raw[1:])
        blob_fee, sidecar = 0, b""
        if raw[0] == 3:
            fields, *beside = fields
            _require_sidecar(fields[10], beside)
            blob_fee, sidecar = int.from_bytes(fields[9], "big"), rlp.encode(beside)
            raw = b"\x03" + rlp.encode(fields)
        number = [int.from_bytes(one, "big") for one in fields[:5] if isinstance(one, bytes)]
        sender = Account.recover_transaction(raw)
        return cls(
            hash=keccak256(raw),
            sender=Address(bytes.fromhex(sender[2:])),
            nonce=number[1],
            tip=number[2],
            most_fee=number[3],
            to=fields[5],
            data=fields[7],
            blob_fee=blob_fee,
            sidecar=sidecar,
        )

    def can_replace(self, other: Transaction) -> bool:
        """By a tenth more, and twice as much where blobs go along."""
        fees = [(self.most_fee, other.most_fee), (self.tip, other.tip)]
        if other.blob_fee:
            fees.append((self.blob_fee, other.blob_fee))
            return all(new >= 2 * old for new, old in fees)
        return not self.blob_fee and all(10 * new >= 11 * old for new, old in fees)

    def described(self) -> dict[str, str]:
        return {
            "hash": _hex(self.hash),
            "from": self.sender.hex0x,
            "nonce": hex(self.nonce),
        }

    def pays(self, base_fee: int, blob_base_fee: int) -> bool:
        return self.most_fee >= base_fee and (not self.blob_fee or self.blob_fee >= blob_base_fee)


@dataclass(frozen=True)
class MinedBlock:
    number: int
    parent: bytes
    salt: bytes
    transactions: tuple[Transaction, ...]

    @property
    def hash(self) -> bytes:
        parts = [self.parent, self.salt, self.number.to_bytes(8, "big")]
        return hashlib.sha256(b"".join(parts + [one.hash for one in self.transactions])).digest()


@dataclass
class SmallChain:
    """`blocks[0]` is the first block. Whatever carries `b"revert"` is reverted when mined."""

    salt: bytes = b"first"
    blocks: list[MinedBlock] = field(default_factory=list)
    pool: dict[bytes, Transaction] = field(default_factory=dict)
    base_fee: int = GWEI
    blob_base_fee: int = 5
    tip: int = GWEI
    sent: list[bytes] = field(default_factory=list)
    """Every transaction that was handed over, as often as it was."""
    asked: list[str] = field(default_factory=list)
    lies: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    """What becomes of a method's answer on its way."""
    now: float = 1_700_000_000.0

    def __post_init__(self) -> None:
        if not self.blocks:
            self.blocks.append(MinedBlock(0, bytes(32), self.salt, ()))

    # ------------------------------------------------------------ what a test does

    def mine(self, count: int = 1, *, empty: bool = False, salt: bytes = b"") -> None:
        """Blocks, the first of them with all that may go in."""
        for _ in range(count):
            taken: list[Transaction] = []
            for one in sorted(self.pool.values(), key=lambda one: (one.sender, one.nonce)):
                due = self.nonce(one.sender) + sum(other.sender == one.sender for other in taken)
                pays = one.pays(self.base_fee, self.blob_base_fee)
                if not empty and one.nonce == due and pays:
                    taken.append(one)
            for one in taken:
                del self.pool[one.hash]
            last = self.blocks[-1]
            self.blocks.append(MinedBlock(last.number + 1, last.hash, salt, tuple(taken)))
            self.now += 12

    def reorganise(self, depth: int, *, forget: bool = False) -> None:
        """The last blocks are replaced by others, empty ones; what was in them waits again, or is
        forgotten.
        """
        dropped = self.blocks[-depth:]
        del self.blocks[-depth:]
        if not forget:
            for block in dropped:
                self.pool |= {one.hash: one for one in block.transactions}
        self.mine(depth, empty=True, salt=b"other")

    def nonce(self, account: bytes, upto: int | None = None) -> int:
        blocks = self.blocks if upto is None else self.blocks[: upto + 1]
        return sum(one.sender == account for block in blocks for one in block.transactions)

    def mined(self) -> list[Transaction]:
        return [one for block in self.blocks for one in block.transactions]

    # ------------------------------------------------------------ what it answers

    async def ask(self, method: str, parameters: list[Any]) -> Any:
        self.asked.append(method)
        answer = getattr(self, "_" + method)(*parameters)
        lie = self.lies.get(method)
        return answer if lie is None else lie(answer)

    def _eth_chainId(self) -> str:
        return hex(CHAIN_ID)

    def _eth_getBlockByNumber(self, place: str, is_whole: bool) -> Any:
        number = len(self.blocks) - 1 if place == "latest" else int(place, 16)
        if number >= len(self.blocks):
            return None
        block = self.blocks[number]
        return {
            "number": hex(number),
            "hash": _hex(block.hash),
            "parentHash": _hex(block.parent),
            "timestamp": hex(int(self.now) - 12 * (len(self.blocks) - 1 - number)),
            "baseFeePerGas": hex(self.base_fee),
            "transactions": [
                one.described() if is_whole else _hex(one.hash) for one in block.transactions
            ],
        }

    def _eth_getTransactionCount(self, account: str, place: str) -> str:
        upto = None if place == "latest" else int(place, 16)
        return hex(self.nonce(bytes.fromhex(account[2:]), upto))

    def _eth_maxPriorityFeePerGas(self) -> str:
        return hex(self.tip)

    def _eth_blobBaseFee(self) -> str:
        return hex(self.blob_base_fee)

    def _eth_estimateGas(self, transaction: dict[str, str]) -> str:
        if b"refuse".hex() in transaction["data"]:
            raise RpcError(3, "execution reverted", "0x")
        return hex(50_000)

    def _eth_sendRawTransaction(self, raw: str) -> str:
        one = Transaction.of(bytes.fromhex(raw[2:]))
        self.sent.append(one.hash)
        if one.hash in self.pool or one in self.mined():
            raise RpcError(-32000, "already known", None)
        if one.nonce < self.nonce(one.sender):
            raise RpcError(-32000, "nonce too low", None)
        for other in list(self.pool.values()):
            if (other.sender, other.nonce) == (one.sender, one.nonce):
                if not one.can_replace(other):
                    raise RpcError(-32000, "replacement transaction underpriced", None)
                del self.pool[other.hash]
        self.pool[one.hash] = one
        return _hex(one.hash)

    def _eth_getTransactionByHash(self, hash_: str) -> Any:
        known = {*self.pool, *(one.hash for one in self.mined())}
        return {"hash": hash_} if bytes.fromhex(hash_[2:]) in known else None

    def _eth_getTransactionReceipt(self, hash_: str) -> Any:
        for block in self.blocks:
            for one in block.transactions:
                if _hex(one.hash) == hash_:
                    return self._receipt(block, one)
        return None

    def _receipt(self, block: MinedBlock, one: Transaction) -> dict[str, Any]:
        is_done = b"revert" not in one.data
        created = None if one.to or not is_done else created_by(one.sender, one.nonce).hex0x
        return {
            "transactionHash": _hex(one.hash),
            "blockNumber": hex(block.number),
            "blockHash": _hex(block.hash),
            "status": hex(is_done),
            "gasUsed": hex(50_000),
            "effectiveGasPrice": hex(self.base_fee + one.tip),
            "from": one.sender.hex0x,
            "contractAddress": created,
            "logs": [],
        }


def _require_sidecar(hashes: list[bytes], beside: list[Any]) -> None:
    version, blobs, commitments, proofs = beside
    assert version == b"\1"
    assert len(blobs) == len(commitments) == len(hashes)
    assert len(proofs) == 128 * len(blobs)
    for named, blob, commitment in zip(hashes, blobs, commitments, strict=True):
        assert len(blob) == 131_072
        assert named == b"\1" + hashlib.sha256(commitment).digest()[1:]


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
