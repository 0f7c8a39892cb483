"""What the chain says of an intent now, and how far that is believed.

Nothing said once ends an intent that another answer contradicts: an endpoint is often several
machines, of which some are behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge_client.errors import L1FalseAnswer
from bridge_client.journal import Attempt, Intent, JournalThread
from bridge_client.l1 import Block, Chain, Receipt
from bridge_client.life import Policy, State, View
from bridge_client.transactions import Call, Fee, created_by, fee_for
from committee.secp256k1 import Address

_MOST_REORGANISED: Final = 256
"""Blocks before an intent was made that a nonce is looked for in: the chain may have been
reorganised since."""


class Lookout:
    """For one account. Raises L1Unreachable, L1Refused, L1FalseAnswer, L1Lags and JournalFault."""

    def __init__(
        self,
        chain: Chain,
        journal: JournalThread,
        *,
        account: Address,
        policy: Policy,
        clock: Callable[[], float],
        most_lag_s: float,
    ) -> None:
        """`clock` in unix seconds."""
        self._chain: Final = chain
        self._journal: Final = journal
        self._account: Final = account
        self._policy: Final = policy
        self._clock: Final = clock
        self._most_lag_s: Final = most_lag_s

    async def head(self) -> Block:
        """The newest block, which is remembered."""
        steps = self._journal.steps
        seen = await self._journal.run(steps.head)
        # As deep as a reorganisation may go that is believed, it may be below what was seen.
        least = max(0, seen - self._policy.confirmations)
        head = await self._chain.head(least, self._clock() - self._most_lag_s)
        if head.number > seen:
            await self._journal.run(steps.saw, head.number)
        return head

    async def market(self, head: Block, call: Call) -> Fee:
        """What a call should pay now."""
        blob_base_fee = await self._chain.blob_base_fee() if call.versioned_hashes else 0
        return fee_for(head.base_fee, await self._chain.tip(), blob_base_fee)

    async def view(self, intent: Intent) -> View:
        """All that the next step of an intent depends on."""
        head = await self.head()
        found = await self.found(intent)
        buried_nonce, is_known = 0, True
        if found is None and intent.state is State.OPEN:
            # in this order: what was mined in between is known
            buried_nonce = await self._chain.nonce(self._account, self._buried(head))
            is_known = await self._chain.knows(intent.last.signed.hash)
        return View(
            head=head,
            receipt=found and found[1],
            is_cancelled=found is not None and found[0].cancels,
            is_known=is_known,
            buried_nonce=buried_nonce,
            market=await self.market(head, intent.call),
        )

    async def found(self, intent: Intent) -> tuple[Attempt, Receipt] | None:
        """The attempt that a block has, and what became of it."""
        for attempt in reversed(intent.attempts):
            found = await self._chain.receipt(attempt.signed.hash)
            if found is not None:
                self._require_own(intent, attempt, found)
                return attempt, found
        return None

    async def is_undone(self, intent: Intent) -> bool:
        """Whether the chain has lost an intent that had ended: its block is another one now. An
        endpoint that is behind, or forgets, does not say so.
        """
        if intent.place is None or await self.found(intent) is not None:
            return False
        block = await self._chain.block(intent.place.number)
        return block is not None and block.hash != intent.place.hash

    async def displacing(self, intent: Intent) -> bytes:
        """The hash of the transaction from elsewhere that has an intent's nonce.

        Raises L1FalseAnswer where a block has one of ours there, or none at all: a count of
        transactions alone, from a machine that knows more than the next one that is asked, does not
        end an intent.
        """
        first = max(0, intent.attempts[0].made_at - _MOST_REORGANISED)
        last = self._buried(await self.head())
        found = await self._chain.used_by(self._account, intent.nonce, first, last)
        if found in [attempt.signed.hash for attempt in intent.attempts]:
            raise L1FalseAnswer(
                url=self._chain.name,
                method="eth_getTransactionByHash",
                reason=f"it does not know 0x{found.hex()}, and a block has it",
            )
        return found

    def _buried(self, head: Block) -> int:
        """The newest block that is deep enough."""
        return max(head.number - self._policy.confirmations + 1, 0)

    def _require_own(self, intent: Intent, attempt: Attempt, found: Receipt) -> None:
        creates = intent.call.to is None and not attempt.cancels
        expected = created_by(self._account, intent.nonce) if creates else None
        if found.sender == self._account and (found.contract == expected or not found.is_done):
            return
        raise L1FalseAnswer(
            url=self._chain.name,
            method="eth_getTransactionReceipt",
            reason=f"0x{attempt.signed.hash.hex()} is said to be from {found.sender.hex0x}"
            f" and to create {found.contract.hex0x if found.contract else 'nothing'}",
        )
