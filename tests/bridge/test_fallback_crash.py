"""A poster that is killed at any durable step goes on, and posts every part once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import rlp
from failing_journal import FailingJournal, Killed
from flat_kzg import FlatKzg
from sender_under_test import sender
from small_chain import TARGET, MinedBlock, SmallChain, Transaction

from bridge_client.errors import JournalFault, L1TooSlow, NoContract
from bridge_client.fallback import framing, posting
from bridge_client.fallback.framing import Form, payload_of_rows
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.posting import post
from bridge_client.journal import JournalThread
from da_node.coding import encode

PAYLOAD = random.Random(7).randbytes(2 * 4096 * 31 + 1)
"""Three rows, three parts."""
SHORT = PAYLOAD[:2500]
"""Three parts of call data."""
KZG = FlatKzg()
STEPS = 15
"""Durable steps of a flow where nobody is killed; a test of its own counts them."""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MOST_BLOBS", 1)
    monkeypatch.setattr(framing, "PART_BYTES", 1000)
    monkeypatch.setattr(posting, "UNDER_WAY", 2)


class InboxChain(SmallChain):
    """With an inbox that announces whatever calls it."""

    def _eth_getCode(self, account: str, place: str) -> str:
        return "0x01" if account == TARGET.hex0x else "0x"

    def _receipt(self, block: MinedBlock, one: Transaction) -> dict[str, Any]:
        log = {
            "address": TARGET.hex0x,
            "topics": [],
            "data": "0x",
            "blockNumber": hex(block.number),
            "blockHash": "0x" + block.hash.hex(),
            "transactionHash": "0x" + one.hash.hex(),
            "logIndex": "0x0",
        }
        return super()._receipt(block, one) | {"logs": [log]}


async def flow(small: SmallChain, directory: Path, step: int, how: Killed, form: Form) -> bool:
    """Post from a start; whether it came to its end."""

    def wrap(journal: JournalThread) -> JournalThread:
        return FailingJournal(journal, step, how)

    payload = PAYLOAD if form is Form.BLOBS else SHORT
    async with sender(small, directory, wrap=wrap) as one:
        try:
            await one.resume()
            await post(Inbox(one.chain, TARGET), one, payload, KZG, form)
        except JournalFault:
            return False
    return True


@pytest.mark.parametrize("form", Form)
async def test_as_many_steps_are_killed_as_there_are(tmp_path: Path, form: Form) -> None:
    assert await flow(InboxChain(), tmp_path / "whole", STEPS + 1, Killed.LOST, form)
    assert not await flow(InboxChain(), tmp_path / "killed", STEPS, Killed.LOST, form)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_killed_after_any_durable_step_every_part_is_posted_once(
    tmp_path: Path, step: int, how: Killed, form: Form
) -> None:
    small = InboxChain()
    assert not await flow(small, tmp_path, step, how, form)
    assert await flow(small, tmp_path, 10**6, how, form), "a restart comes to the end"
    mined = small.mined()
    assert [one.nonce for one in mined] == [0, 1, 2]
    assert not small.pool
    if form is Form.BLOBS:
        rows = [row for one in mined for row in rlp.decode(one.sidecar)[1]]
        assert payload_of_rows(rows, len(PAYLOAD)) == PAYLOAD
    else:
        for at, one in enumerate(mined):
            assert SHORT[1000 * at : 1000 * (at + 1)] in one.data


async def test_some_parts_are_under_way_before_the_first_is_buried(tmp_path: Path) -> None:
    small = InboxChain()
    waiting: list[int] = []

    def act(wait: int) -> None:
        waiting.append(len(small.pool))
        small.mine(empty=wait < 2)

    async with sender(small, tmp_path, act) as one:
        await post(Inbox(one.chain, TARGET), one, PAYLOAD, KZG, Form.BLOBS)
    assert waiting[:3] == [2, 2, 2]
    assert max(waiting) == 2, "and no more than that"
    assert len(small.mined()) == 3


async def test_the_form_is_that_in_which_it_was_begun(tmp_path: Path) -> None:
    """Whatever is cheapest by now: a payload does not lie there twice."""
    small = InboxChain()
    small.blob_base_fee = 10**13
    with pytest.raises(L1TooSlow):
        async with sender(small, tmp_path, lambda wait: _pass_time(small)) as one:
            await post(Inbox(one.chain, TARGET), one, SHORT, KZG)
    small.blob_base_fee = 1
    async with sender(small, tmp_path) as one:
        made = await post(Inbox(one.chain, TARGET), one, SHORT, KZG)
    assert made.form is Form.CALL_DATA
    assert made.blob_id == encode(SHORT, KZG).blob_id
    assert len(small.mined()) == len(made.receipts) == 3


def _pass_time(small: SmallChain) -> None:
    small.mine(empty=True)
    small.now += 100


async def test_a_transaction_that_nothing_answered_is_no_posting(tmp_path: Path) -> None:
    """The inbox's own block was reorganised away: a call of nothing succeeds."""

    class Vanishing(InboxChain):
        _receipt = SmallChain._receipt

    small = Vanishing()
    async with sender(small, tmp_path) as one:
        with pytest.raises(NoContract, match="FallbackInbox"):
            await post(Inbox(one.chain, TARGET), one, b"x", KZG, Form.CALL_DATA)
