"""The contract `FallbackInbox` on a chain: what calls it, and what it announced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Self

from bridge_client.artifacts import artifact
from bridge_client.contract import Contract
from bridge_client.errors import L1FalseAnswer, NoContract
from bridge_client.ethereum import Interface
from bridge_client.fallback.framing import Part
from bridge_client.fallback.postings import Posting
from bridge_client.l1 import Chain, Log
from bridge_client.l1.chain import MOST_BLOCKS_OF_LOGS
from bridge_client.l1.stretch import Stretch
from bridge_client.sending import Sender
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call
from committee.secp256k1 import Address
from da_node.coding import BlobId, Header
from da_node.service import Bug, HoldfastError

NAME: Final = "FallbackInbox"


class Inbox:
    """One such contract. All methods raise what asking the chain raises."""

    def __init__(self, chain: Chain, address: Address) -> None:
        self.contract: Final = Contract(chain, address, NAME)

    @classmethod
    async def deployed(cls, sender: Sender, label: str) -> Self:
        """A new one, once for a label. Raises as `Sender.send`."""
        call = Call(to=None, data=Interface(artifact(NAME)).creation())
        receipt = await sender.send(call, f"deploy {label} create {NAME}")
        if receipt.contract is None:
            raise Bug(reason=f"creating {NAME} created nothing")  # the sender has compared it
        return cls(sender.chain, receipt.contract)

    def rows_call(self, header: Header, part: Part, sidecar: Sidecar) -> Call:
        """Posts a part's rows, which go along."""
        return Call(
            to=self.contract.address,
            data=self.contract.interface.calldata(
                "postRows", bytes(header.blob_id), header.serialize(), part.first
            ),
            versioned_hashes=sidecar.versioned_hashes,
        )

    def bytes_call(self, header: Header, part: Part, payload: bytes) -> Call:
        """Posts a part of a payload as call data."""
        piece = payload[part.first : part.first + part.count]
        return self.contract.call(
            "postBytes", bytes(header.blob_id), header.serialize(), part.first, piece
        )

    def require_announced(self, logs: Sequence[Log]) -> None:
        """A receipt's events have this contract's. Raises NoContract: a transaction to where
        nothing is succeeds.
        """
        if not self._own(logs):
            raise NoContract(name=NAME, address=self.contract.address.hex0x)

    async def postings(
        self, blob_id: BlobId, first_block: int, last_block: int, poster: Address | None = None
    ) -> AsyncIterator[list[Posting]]:
        """Parts of an id that were announced in these blocks, a list for each stretch of them that
        has any, the newest stretch first; of one poster only, where one is given.
        """
        by = None if poster is None else bytes(12) + poster
        topics = (None, bytes(blob_id)) if by is None else (None, bytes(blob_id), by)
        stretch = Stretch(MOST_BLOCKS_OF_LOGS)
        last = last_block

        async def newest(count: int) -> list[Log]:
            first = last - count + 1
            return await self.contract.chain.logs([self.contract.address], first, last, topics)

        while last >= first_block:
            count, logs = await stretch.asked(newest, last - first_block + 1)
            if logs:
                yield [self._posting(log) for log in logs]
            last -= count

    async def announced(
        self, blob_id: BlobId, transactions: Sequence[bytes], poster: Address | None = None
    ) -> list[Posting]:
        """The parts of an id that these transactions announced; none of one that no block has."""
        found = []
        for transaction in transactions:
            receipt = await self.contract.chain.receipt(transaction)
            own = [] if receipt is None else self._own(receipt.logs)
            found += [one for one in map(self._posting, own) if one.header.blob_id == blob_id]
        return [one for one in found if poster in (None, one.poster)]

    async def piece(self, posting: Posting) -> bytes | None:
        """The bytes of a part that was posted as call data; None where the transaction has it not
        plainly, such as one that reached the contract through another.

        Raises L1FalseAnswer where the endpoint tells the event and has no such transaction: many
        forget them after a year, and what they forgot may be had elsewhere.
        """
        chain = self.contract.chain
        found = await chain.calling(posting.transaction)
        if found is None:
            reason = f"none for 0x{posting.transaction.hex()}, of which it told an event"
            method = "eth_getTransactionByHash"
            raise L1FalseAnswer(url=chain.name, method=method, reason=reason)
        if found.to != self.contract.address:
            return None
        try:
            arguments = self.contract.interface.arguments("postBytes", found.data)
        except ValueError:
            return None
        if arguments is None:
            return None
        _, _, offset, piece = arguments
        is_it = offset == posting.part.first and len(piece) == posting.part.count
        return bytes(piece) if is_it else None

    def _own(self, logs: Sequence[Log]) -> list[Log]:
        return [log for log in logs if log.address == self.contract.address]

    def _posting(self, log: Log) -> Posting:
        try:
            found = self.contract.interface.event(log.topics, log.data)
            if found is None:
                raise ValueError("an event that the contract has not")
            return Posting.of(
                found.name,
                found.fields,
                block=log.block_number,
                index=log.index,
                transaction=log.transaction,
            )
        except (ValueError, HoldfastError) as error:  # the contract lets none of these pass
            chain = self.contract.chain
            raise L1FalseAnswer(url=chain.name, method="eth_getLogs", reason=str(error)) from None
