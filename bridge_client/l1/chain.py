"""A chain through one endpoint: typed questions, and answers that are compared with each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from bridge_client.errors import L1FalseAnswer, L1Lags, L1Refused, OtherChain
from bridge_client.l1 import answers
from bridge_client.l1.answers import Block, Calling, Log, Receipt
from bridge_client.l1.endpoint import RpcError
from committee.secp256k1 import Address

Ask = Callable[[str, list[Any]], Awaitable[Any]]
"""Puts one question. Raises RpcError, L1Unreachable, L1FalseAnswer, L1AnswerTooLong."""

MOST_BLOCKS_OF_LOGS: Final = 1000
"""Blocks that one question for events spans: endpoints refuse more."""
_KNOWN: Final = ("already known", "already imported", "known transaction", "already exists")
_NONCE_USED: Final = ("nonce too low", "nonce is too low")
_UNDERPRICED: Final = ("underpriced",)

T = TypeVar("T")


class CallRefused(Exception):
    """A contract reverted a call; what it returned."""

    def __init__(self, data: bytes, message: str) -> None:
        super().__init__(message)
        self.data = data
        self.message = message


class Chain:
    """What is asked of one chain.

    All methods raise L1Unreachable, L1Refused, L1FalseAnswer and L1AnswerTooLong; `call` and
    `estimate` CallRefused.
    """

    def __init__(self, ask: Ask, name: str) -> None:
        """`name` is what messages call the endpoint."""
        self._ask = ask
        self.name = name

    # ------------------------------------------------------------ identity

    async def identity(self) -> tuple[int, bytes]:
        """The chain's id, and the hash of its first block."""
        chain_id = await self._value("eth_chainId", [], answers.quantity)
        first = await self.block(0)
        if first is None:
            raise self._false("eth_getBlockByNumber", "it has no block 0")
        return chain_id, first.hash

    async def require(self, chain_id: int, genesis: bytes | None) -> bytes:
        """The hash of the first block of the chain that was expected. Raises OtherChain."""
        found, first = await self.identity()
        if found != chain_id:
            raise OtherChain(what="the id", value=str(found), expected=str(chain_id))
        if genesis is not None and first != genesis:
            value, expected = "0x" + first.hex(), "0x" + genesis.hex()
            raise OtherChain(what="the first block", value=value, expected=expected)
        return first

    # ------------------------------------------------------------ blocks

    async def head(self, least: int = 0, oldest: float = 0) -> Block:
        """The newest block. Raises L1Lags where its number is below `least`, or its time (unix
        seconds) before `oldest`.
        """
        newest = await self._block("latest")
        if newest is None:
            raise self._false("eth_getBlockByNumber", "it has no newest block")
        if newest.number < least:
            raise L1Lags(
                url=self.name, value=newest.number, reason=f"and block {least} was seen before"
            )
        if newest.time < oldest:
            reason = f"which is {oldest - newest.time:.0f} s older than it may be"
            raise L1Lags(url=self.name, value=newest.number, reason=reason)
        return newest

    async def block(self, number: int) -> Block | None:
        """The block of that number; None where there is none yet."""
        found = await self._block(hex(number))
        if found is not None and found.number != number:
            raise self._false("eth_getBlockByNumber", f"block {found.number}, asked for {number}")
        return found

    async def logs(
        self, of: Sequence[Address], first: int, last: int, topics: Sequence[bytes | None] = ()
    ) -> list[Log]:
        """Events of contracts in blocks first … last (at most 1000), in order; of those only that
        have these topics, where one is given.

        Each lies in the block that the endpoint has at its number: where the chain changes in
        between, L1FalseAnswer is raised, and the same question may be put again.
        """
        if not 0 <= last - first < MOST_BLOCKS_OF_LOGS:
            raise ValueError(f"blocks {first} to {last} are not 1 to {MOST_BLOCKS_OF_LOGS}")
        wanted: dict[str, Any] = {
            "address": [one.hex0x for one in of],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        if topics:
            wanted["topics"] = [one and "0x" + one.hex() for one in topics]
        method = "eth_getLogs"
        found = sorted(
            await self._value(method, [wanted], answers.logs),
            key=lambda log: (log.block_number, log.index),
        )
        hashes: dict[int, bytes] = {}
        for log in found:
            is_wanted = len(log.topics) >= len(topics) and all(
                asked in (None, found) for asked, found in zip(topics, log.topics, strict=False)
            )
            if log.address not in of or not first <= log.block_number <= last or not is_wanted:
                raise self._false(method, "an event that was not asked for")
            if log.block_number not in hashes:
                block = await self.block(log.block_number)
                hashes[log.block_number] = b"" if block is None else block.hash
            if hashes[log.block_number] != log.block_hash:
                raise self._false(method, f"an event of another block {log.block_number}")
        return found

    # ------------------------------------------------------------ accounts and calls

    async def nonce(self, account: Address, at: int | None = None) -> int:
        """Transactions of an account up to a block, the newest if None."""
        place = "latest" if at is None else hex(at)
        return await self._value(
            "eth_getTransactionCount", [account.hex0x, place], answers.quantity
        )

    async def used_by(self, account: Address, nonce: int, first: int, last: int) -> bytes:
        """The hash of the transaction that used a nonce of an account, in blocks first … last.

        Found by counts, 2 + log2 of the blocks questions. L1FalseAnswer where no block has it;
        L1Refused where the endpoint has no state so old.
        """
        low, high = first, last
        while low < high:
            middle = (low + high) // 2
            if await self.nonce(account, middle) > nonce:
                high = middle
            else:
                low = middle + 1
        method = "eth_getBlockByNumber"
        answer = await self._answer(method, [hex(low), True])
        for found, sender, number in self._checked(method, answers.senders, answer):
            if (sender, number) == (account, nonce):
                return found
        method = "eth_getTransactionCount"
        raise self._false(method, f"nonce {nonce} is used, and block {low} has no such transaction")

    async def balance(self, account: Address) -> int:
        """In wei."""
        return await self._value("eth_getBalance", [account.hex0x, "latest"], answers.quantity)

    async def has_code(self, account: Address) -> bool:
        """Whether a contract is there."""
        return bool(await self._value("eth_getCode", [account.hex0x, "latest"], answers.data))

    async def call(
        self, to: Address, data: bytes, sender: Address | None = None, value: int = 0
    ) -> bytes:
        """What a contract answers now."""
        return await self._value(
            "eth_call", [_transaction(to, data, sender, value), "latest"], answers.data
        )

    async def estimate(
        self,
        to: Address | None,
        data: bytes,
        sender: Address,
        value: int,
        versioned_hashes: Sequence[bytes] = (),
    ) -> int:
        """Gas that a transaction would need now, blob space aside."""
        transaction: dict[str, Any] = _transaction(to, data, sender, value)
        if versioned_hashes:
            transaction["blobVersionedHashes"] = ["0x" + one.hex() for one in versioned_hashes]
        return await self._value("eth_estimateGas", [transaction], answers.quantity)

    async def tip(self) -> int:
        """What a block's maker is given for haste, in wei a gas, as the endpoint suggests."""
        return await self._value("eth_maxPriorityFeePerGas", [], answers.quantity)

    async def blob_base_fee(self) -> int:
        """Wei a blob gas."""
        return await self._value("eth_blobBaseFee", [], answers.quantity)

    # ------------------------------------------------------------ transactions

    async def send(self, raw: bytes, expected: bytes) -> None:
        """Hand a signed transaction with that hash over; one that is known, or whose nonce is used,
        or that pays too little to replace another, is no error: what became of it `receipt` says.
        """
        method = "eth_sendRawTransaction"
        try:
            found = await self._ask(method, ["0x" + raw.hex()])
        except RpcError as error:
            text = error.message.lower()
            if any(words in text for words in (*_KNOWN, *_NONCE_USED, *_UNDERPRICED)):
                return
            raise L1Refused(url=self.name, method=method, reason=error.message) from None
        if self._checked(method, answers.digest, found) != expected:
            raise self._false(method, "the hash of another transaction")

    async def knows(self, transaction: bytes) -> bool:
        """Whether it is in a block, or waits for one."""
        return await self._ask_for("eth_getTransactionByHash", transaction) is not None

    async def calling(self, transaction: bytes) -> Calling | None:
        """What a transaction does; None where the endpoint has none of that hash."""
        method = "eth_getTransactionByHash"
        answer = await self._ask_for(method, transaction)
        if answer is None:
            return None
        found = self._checked(method, answers.calling, answer)
        if found.hash != transaction:
            raise self._false(method, "another transaction")
        return found

    async def receipt(self, transaction: bytes) -> Receipt | None:
        """What became of a transaction; None where no block has it.

        It is of this transaction, and the block that it names is the endpoint's block of that
        number and contains the transaction. A chain that changes in between is seen as None.
        """
        method = "eth_getTransactionReceipt"
        answer = await self._ask_for(method, transaction)
        if answer is None:
            return None
        found = self._checked(method, answers.receipt, answer)
        if found.transaction != transaction:
            raise self._false(method, "the receipt of another transaction")
        block = await self.block(found.block_number)
        if block is not None and block.hash == found.block_hash:
            if transaction not in block.transactions:
                raise self._false(method, f"block {block.number} does not contain it")
            return found
        again = await self._ask_for(method, transaction)
        if again == answer:  # twice the same, and no such block: that is no reorganisation
            raise self._false(method, f"block {found.block_number} has another hash")
        return None

    # ------------------------------------------------------------ inside

    async def _block(self, place: str) -> Block | None:
        method = "eth_getBlockByNumber"
        answer = await self._answer(method, [place, False])
        return None if answer is None else self._checked(method, answers.block, answer)

    async def _ask_for(self, method: str, transaction: bytes) -> Any:
        return await self._answer(method, ["0x" + transaction.hex()])

    async def _value(self, method: str, parameters: list[Any], parse: Callable[[Any], T]) -> T:
        return self._checked(method, parse, await self._answer(method, parameters))

    async def _answer(self, method: str, parameters: list[Any]) -> Any:
        try:
            return await self._ask(method, parameters)
        except RpcError as error:
            if method in ("eth_call", "eth_estimateGas") and (
                isinstance(error.data, str) or "revert" in error.message.lower()
            ):
                raise CallRefused(_returned(error.data), error.message) from None
            raise L1Refused(url=self.name, method=method, reason=error.message) from None

    def _checked(self, method: str, parse: Callable[[Any], T], answer: Any) -> T:
        try:
            return parse(answer)
        except ValueError as error:
            raise self._false(method, str(error)) from None

    def _false(self, method: str, reason: str) -> L1FalseAnswer:
        return L1FalseAnswer(url=self.name, method=method, reason=reason)


def _transaction(
    to: Address | None, data: bytes, sender: Address | None, value: int
) -> dict[str, str]:
    fields = {"data": "0x" + data.hex(), "value": hex(value)}
    if to is not None:
        fields["to"] = to.hex0x
    if sender is not None:
        fields["from"] = sender.hex0x
    return fields


def _returned(data: Any) -> bytes:
    try:
        return answers.data(data)
    except ValueError:
        return b""
