"""A disperser is trusted with nothing but effort: whatever it sends whom, a certificate that it
gets is honoured, and every reader gets the same payload from any threshold − faults of its signers.

A column that verifies is no void one (CODING.md §8), so of what does not lie on one codeword, or
is another blob's, each member refuses what reaches it; the others sign for the columns they have.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
from disperser_specimens import DISPERSER, EXPIRES_AT, OTHER_PAYLOAD, PAYLOAD, blob, keyset, kzg
from fake_member import ManualPace
from network_under_test import PATIENCE
from real_network import RealNetwork

from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender, Spread
from committee.disperser.terms import Terms
from committee.errors import DispersalFailed
from committee.keyset import VerifiedKeyset
from da_node.client import Client, Limits, RetryPolicy
from da_node.client.transport import Transport
from da_node.coding import BlobId, EncodedBlob, VerifiedColumn
from da_node.coding.column import CHECKED
from da_node.coding.vectors import blob_from


@functools.cache
def partly_void(*columns: int) -> EncodedBlob:
    """Commits to garbage in these columns, and to one codeword in all others."""
    entry = {
        "payload": {"length": 200_000, "seed": "void"},
        "void_columns": set(columns),
        "void_leaf": "02" * 32,
    }
    # What an honest process knows of its own void columns, this one does not care for.
    return replace(blob_from(entry, kzg()), void_columns=frozenset(), check=CHECKED)


@functools.cache
def payload_meant() -> bytes:
    return bytes(partly_void().payload())


class TwoFaced(EncodedBlob):
    """One blob's header, and for some members another blob's columns."""

    def column(self, index: int) -> VerifiedColumn:
        return (blob(OTHER_PAYLOAD) if index in range(32) else blob()).column(index)


def two_faced() -> EncodedBlob:
    honest = blob()
    own = {one.name: getattr(honest, one.name) for one in fields(honest)}
    return TwoFaced(**own, check=CHECKED)


@dataclass
class Crooked:
    """A disperser that sends whatever it is told to."""

    network: RealNetwork
    sender: Sender

    async def spread(self, what: EncodedBlob, under: VerifiedKeyset) -> Spread:
        terms = Terms(committee=self.network.committee(under), expires_at=EXPIRES_AT)
        return await self.sender.spread(what, terms=terms, label="")


@pytest.fixture
async def crooked(tmp_path: Path) -> AsyncIterator[Crooked]:
    async with AsyncExitStack() as stack:
        network = RealNetwork(tmp_path, stack)
        for seed in range(4):
            await network.start_member(seed, keyset())
        time = ManualPace()
        transport = Transport(limits=Limits(), policy=PATIENCE.retry, pace=time.pace)
        await transport.open()
        stack.push_async_callback(transport.close)
        sender = Sender(
            key=DISPERSER,
            transport=transport,
            executor=stack.enter_context(ThreadPoolExecutor(4)),
            patience=PATIENCE,
            clock=network.clock,
            pace=time.pace,
            metrics=DisperserMetrics(),
        )
        yield Crooked(network, sender)
        await sender.drain(20)


async def require_honoured(
    network: RealNetwork, blob_id: BlobId, signers: tuple[int, ...], payload: bytes
) -> None:
    """Any threshold − faults signers give the payload back, whole and in part, to whoever asks."""
    for few in itertools.combinations(signers, keyset().honest):
        async with Client(network.urls(*few), kzg=kzg(), policy=RetryPolicy(attempts=1)) as reader:
            assert await reader.get(blob_id) == payload
            assert await reader.get(blob_id, certified=True) == payload
            assert await reader.get_range(blob_id, 0, 5000) == payload[:5000]
            end = len(payload)
            assert await reader.get_range(blob_id, end - 5000, end) == payload[-5000:]
    _, url = await network.start_disperser(keyset())
    async with Client(url, kzg=kzg()) as reader:
        assert await reader.get(blob_id) == payload


@pytest.mark.parametrize(
    ("void", "refuses"),
    [({127}, 3), ({64}, 2), ({5}, 0), ({32, 40, 63}, 1)],
    ids=["the last parity column", "the first one", "a data column", "three of one arc"],
)
async def test_a_member_whose_arc_has_garbage_refuses_and_the_others_certificate_is_honoured(
    crooked: Crooked, void: set[int], refuses: int
) -> None:
    what = partly_void(*sorted(void))
    spread = await crooked.spread(what, keyset())
    signers = tuple(seed for seed in range(4) if seed != refuses)
    assert spread.certificate.signers == signers
    store = crooked.network.members[refuses].member.node.store
    assert store.usage().blobs == 0
    assert store.pledges(what.blob_id, EXPIRES_AT) == []
    await require_honoured(crooked.network, what.blob_id, signers, payload_meant())


async def test_garbage_in_more_arcs_than_there_are_faults_is_not_certified(
    crooked: Crooked,
) -> None:
    with pytest.raises(DispersalFailed) as caught:
        await crooked.spread(partly_void(5, 127), keyset())
    assert caught.value.signed <= 2


async def test_another_blobs_columns_under_this_ones_header_are_refused_where_they_come(
    crooked: Crooked,
) -> None:
    spread = await crooked.spread(two_faced(), keyset())
    assert spread.certificate.signers == (1, 2, 3)
    assert crooked.network.members[0].member.node.store.usage().blobs == 0
    await require_honoured(crooked.network, blob().blob_id, (1, 2, 3), PAYLOAD)
