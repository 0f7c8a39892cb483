"""What the gas of a batch is that goes to L1 itself, by the client that posts it; see `gas`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Final

from bridge_client.fallback.framing import Form, parts_of
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.posting import post
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.sending import Sender, Waiting, opened
from committee.secp256k1 import EthereumKey
from da_node.coding import local_prover, row_count_of

BATCH_BYTES: Final = 615_000
"""Of a rollup's batch."""
POSTER: Final = EthereumKey(bytes(31) + b"\x33")
BALANCE_WEI: Final = 10**20


async def posted(url: str, chain_id: int) -> list[tuple[str, int]]:
    """What posting a batch costs in each form, on a development chain."""
    payload = Random(BATCH_BYTES).randbytes(BATCH_BYTES)
    found = []
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        await endpoint.ask("anvil_setBalance", [POSTER.address.hex0x, hex(BALANCE_WEI)])
        with tempfile.TemporaryDirectory() as directory:
            journal = await opened(Path(directory), chain, chain_id)
            sender = Sender(
                chain,
                journal,
                chain_id=chain_id,
                key=POSTER,
                policy=Policy(confirmations=1),
                waiting=Waiting(poll_s=0.01),
            )
            inbox = await Inbox.deployed(sender, "bench")
            for form in Form:
                made = await post(inbox, sender, payload, local_prover(), form)
                gas = sum(receipt.gas_used for receipt in made.receipts)
                found.append((_what(form), gas))
            await journal.close()
    return found


def _what(form: Form) -> str:
    count = len(parts_of(BATCH_BYTES, form))
    noun = "transaction" if count == 1 else "transactions"
    size = f"{BATCH_BYTES // 1000} KB"
    if form is Form.BLOBS:
        blobs = row_count_of(BATCH_BYTES)
        return f"post a batch of {size} to L1 as {blobs} blobs, {count} {noun}, blob space aside"
    return f"the same as call data, {count} {noun}"
