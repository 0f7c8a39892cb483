"""The client on a settlement of the contract tests, over a real development chain."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blob_specimens import blob_of, committed_point
from chain_under_test import Chain as EvmChain
from committee_specimens import attested
from eth_account import Account
from settlement_specimens import COMMITTEE, DAY, GENESIS, SAMPLERS, Settled, header_of, root

from bridge_client.gate import Clock
from bridge_client.journal import JournalThread
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.settling import Proposal, Settlement
from committee.certificate import VerifiedCertificate, certify
from committee.secp256k1 import Address, EthereumKey
from da_node.coding import COLUMNS, EncodedBlob, Header, VerifiedPoint, verify_points
from da_node.errors import NotEnoughReached
from sampler.verdict import SignedVerdict, sign

MNEMONIC = "test test test test test test test test test test test junk"
"""Of anvil's accounts, public."""
CHAIN_ID = 31_337


@functools.cache
def account(number: int) -> EthereumKey:
    """The key of one of anvil's accounts."""
    Account.enable_unaudited_hdwallet_features()
    made = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
    return EthereumKey(bytes(made.key))


@dataclass
class Stage:
    """A settlement, and what plays on it."""

    settled: Settled
    settlement: Settlement
    chain: Chain
    journal: JournalThread
    directory: Path
    others: AsyncExitStack = field(repr=False)

    @property
    def test(self) -> EvmChain:
        return self.settled.chain

    async def sleep(self, seconds: float) -> None:
        self.test.advance(int(seconds))

    def reorganise(self, snapshot: str) -> None:
        """Other blocks stand in the place of those since a snapshot; what was in them is gone."""
        self.test.restore(snapshot)
        for _ in range(2):  # a chain that replaces another is longer
            self.test.advance(3)

    def replace_blocks(self, depth: int, *again: tuple[bytes, int]) -> None:
        """The last blocks are others (`anvil_reorg`): what was in them is forgotten, but for signed
        transactions that are given with the number of the new block, from 0, that has them.
        """
        pairs = [["0x" + raw.hex(), at] for raw, at in again]
        self.test._rpc("anvil_reorg", depth, pairs)

    def waiting(self) -> Waiting:
        return Waiting(clock=lambda: self.test.now, sleep=self.sleep)

    def clock(self, step_s: float = DAY / 2, bound_s: float = 10 * DAY) -> Clock:
        """A gate's: whenever it waits, the chain is later."""
        return Clock(
            time=lambda: float(self.test.now), sleep=self.sleep, poll_s=step_s, bound_s=bound_s
        )

    def sender(
        self, number: int, confirmations: int = 1, journal: JournalThread | None = None
    ) -> Sender:
        """Of one of anvil's accounts, on the one journal, or one that stands before it."""
        return Sender(
            self.chain,
            journal or self.journal,
            chain_id=CHAIN_ID,
            key=account(number),
            policy=Policy(confirmations=confirmations),
            waiting=self.waiting(),
        )

    def certificate(self, rows: int = 1, lasts_s: int = 15 * DAY) -> VerifiedCertificate:
        expires_at = self.test.now + lasts_s
        signed = attested(COMMITTEE, 0, 1, 2, of=header_of(rows), expires_at=expires_at)
        return certify(header_of(rows), signed)

    def proposal(self, height: int = 0, rows: int = 1, **changes: Any) -> Proposal:
        fields: dict[str, Any] = {
            "height": height,
            "previous_root": GENESIS if height == 0 else root(height),
            "state_root": root(height + 1),
            "withdrawals_root": root(1000 + height),
            "certificate": self.certificate(rows),
        }
        return Proposal(**fields | changes)

    def verdict(self, sampler: int, rows: int = 1, **changes: Any) -> SignedVerdict:
        """A sampler's, of now."""
        return sign(self.settled.verdict(rows, **changes), CHAIN_ID, SAMPLERS[sampler])


@asynccontextmanager
async def stage(
    l1: tuple[str, EvmChain], directory: Path, settled: Settled | None = None
) -> AsyncIterator[Stage]:
    """On a settlement that is there, or on a new one."""
    url, chain = l1
    settled = settled or Settled.on(chain)
    async with AsyncExitStack() as others:
        endpoint = await others.enter_async_context(Endpoint(url))
        client = Chain(endpoint.ask, endpoint.name)
        journal = await opened(directory, client, CHAIN_ID)
        others.push_async_callback(journal.close)
        settlement = await Settlement.at(client, Address.from_hex(settled.settlement.address))
        yield Stage(settled, settlement, client, journal, directory, others)


class HeldBlob:
    """A DA layer that serves points of some columns of one blob."""

    def __init__(self, blob: EncodedBlob, columns: Sequence[int] = range(COLUMNS)) -> None:
        self._blob = blob
        self._columns = set(columns)
        self.asked: list[int] = []

    async def points(
        self, header: Header, indices: Sequence[int], *, custody: Any = None
    ) -> list[VerifiedPoint]:
        assert header == self._blob.header
        lacking = [index for index in indices if index // 64 not in self._columns]
        if lacking:
            raise NotEnoughReached(
                unit="points", held=len(indices) - len(lacking), needed=len(indices), failures={}
            )
        self.asked += indices
        points = [(header, committed_point(self._blob, index)) for index in indices]
        return list(verify_points(header, [point for _, point in points]))


def held(rows: int, columns: Sequence[int] = range(COLUMNS)) -> HeldBlob:
    return HeldBlob(blob_of(rows), columns)
