"""Posting a payload to L1: its parts in order, each one transaction that happens once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge_client.fallback.costs import Cost, Prices, cheapest, costs
from bridge_client.fallback.framing import Form, Part, parts_of, rows_of
from bridge_client.fallback.inbox import Inbox
from bridge_client.l1 import Chain, Receipt
from bridge_client.sending import Sender
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call
from da_node.coding import BlobId, EncodedBlob, Kzg, encode
from da_node.service import Bug

THREADS: Final = 2
"""That encoding takes."""
UNDER_WAY: Final = 4
"""Parts that are sent before the first of them is buried: 24 blobs, more than a block has room for.
Nodes keep 16 transactions with blobs of one account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A payload that is on L1, buried."""

    blob_id: BlobId
    form: Form
    receipts: tuple[Receipt, ...]
    """Of its parts, in order."""


async def prices(chain: Chain) -> Prices:
    """Of L1 now. Raises what asking the chain raises."""
    head = await chain.head()
    return Prices(gas=head.base_fee + await chain.tip(), blob_gas=await chain.blob_base_fee())


async def quote(chain: Chain, payload: bytes) -> Mapping[Form, Cost]:
    """What posting a payload costs now, in each form. Raises EmptyPayload, PayloadTooLarge, and
    what asking the chain raises.
    """
    return costs(payload, await prices(chain))


async def post(
    inbox: Inbox,
    sender: Sender,
    payload: bytes,
    kzg: Kzg,
    form: Form | None = None,
    *,
    label: str = "1",
) -> Posted:
    """Post a payload, in the form given or the one that costs least now. Called again after an
    error or a restart it goes on where it was, in the form in which it began, and posts nothing
    twice: one posting for a payload and a label. L1 drops blobs after 18 days, and another label
    posts them once more.

    `kzg` makes 128 proofs a row, in a thread (0.2 s). Raises EmptyPayload, PayloadTooLarge,
    NoContract, Reverted, and what sending raises.
    """
    await inbox.contract.require_there()
    blob = await asyncio.to_thread(encode, payload, kzg, threads=THREADS)
    name = f"{inbox.contract.address.hex0x} {blob.blob_id.hex0x} {label}"
    chosen = form or await _begun(sender, name, len(payload))
    if chosen is None:
        chosen = cheapest(await quote(sender.chain, payload))
    receipts = []
    parts = parts_of(len(payload), chosen)
    for at, part in enumerate(parts):
        for ahead in parts[at : at + UNDER_WAY]:
            purpose = _purpose(name, ahead)
            if await sender.journalled(purpose) is None:
                call, sidecar = await asyncio.to_thread(_call, inbox, blob, ahead, payload, kzg)
                await inbox.contract.begin(sender, purpose, call, f"post {chosen.value}", sidecar)
        receipt = await sender.go_on(_purpose(name, part))
        if receipt is None:
            raise Bug(reason=f"{_purpose(name, part)} is under way, and not in the journal")
        inbox.require_announced(receipt.logs)
        receipts.append(receipt)
    return Posted(blob_id=blob.blob_id, form=chosen, receipts=tuple(receipts))


async def _begun(sender: Sender, name: str, payload_length: int) -> Form | None:
    """The form in which the journal has the payload's first part."""
    for form in Form:
        first = parts_of(payload_length, form)[0]
        if await sender.journalled(_purpose(name, first)) is not None:
            return form
    return None


def _call(
    inbox: Inbox, blob: EncodedBlob, part: Part, payload: bytes, kzg: Kzg
) -> tuple[Call, Sidecar | None]:
    if part.form is Form.CALL_DATA:
        return inbox.bytes_call(blob.header, part, payload), None
    sidecar = Sidecar.of(rows_of(blob, part), kzg)
    return inbox.rows_call(blob.header, part, sidecar), sidecar


def _purpose(name: str, part: Part) -> str:
    return f"post {part.form.value} {name} {part.first} {part.count}"
