"""Transactions with blobs happen once as well, and never without their blobs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import rlp
from blob_calls import with_blobs
from failing_journal import FailingJournal, Killed
from sender_under_test import sender
from small_chain import GWEI, TARGET, SmallChain

from bridge_client.errors import FeeTooHigh, JournalFault, OtherIntent
from bridge_client.journal import Journal, JournalThread
from bridge_client.journal.schema import SCHEMA
from bridge_client.life import Policy, State
from bridge_client.transactions import Call
from da_node.service import Bug

CALL, SIDECAR = with_blobs(2)
STEPS = 10
"""Durable steps of the flow that is killed; a test of its own counts them."""


@pytest.fixture
def small() -> SmallChain:
    return SmallChain()


async def test_the_blobs_go_along_and_are_kept_until_it_is_buried(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path, lambda wait: small.mine()) as one:
        await one.send(CALL, "post", sidecar=SIDECAR)
        again = await one.go_on("post")
        intent = await one.journalled("post")
    (mined,) = small.mined()
    assert again is not None
    assert (mined.hash, mined.blob_fee) == (again.transaction, 10)
    _, blobs, *_ = rlp.decode(mined.sidecar)
    assert blobs == list(SIDECAR.blobs)
    assert intent is not None
    assert (intent.call, intent.state) == (CALL, State.DONE)
    with pytest.raises(Bug, match="no sidecar of intent 1"):
        Journal.open(tmp_path).sidecar(1)


@pytest.mark.parametrize("forget", [False, True])
async def test_a_reorganisation_takes_it_out_and_it_comes_in_again_with_its_blobs(
    small: SmallChain, tmp_path: Path, forget: bool
) -> None:
    def act(wait: int) -> None:
        small.mine()
        if wait == 1:
            small.reorganise(2, forget=forget)

    async with sender(small, tmp_path, act) as one:
        receipt = await one.send(CALL, "post", sidecar=SIDECAR)
    (mined,) = small.mined()
    assert mined.hash == receipt.transaction
    assert len(small.sent) == (2 if forget else 1)


@pytest.mark.parametrize("dear", ["base_fee", "blob_base_fee"])
async def test_a_replacement_pays_twice_each_fee(
    small: SmallChain, tmp_path: Path, dear: str
) -> None:
    def act(wait: int) -> None:
        if wait == 0:
            setattr(small, dear, 4 * getattr(small, dear))
        small.mine()

    async with sender(small, tmp_path, act) as one:
        await one.send(CALL, "post", sidecar=SIDECAR)
        intent = await one.journalled("post")
    assert intent is not None
    first, second = (attempt.signed.fee for attempt in intent.attempts)
    assert second.most >= 2 * first.most
    assert second.tip >= 2 * first.tip
    assert second.blob >= 2 * first.blob
    assert len(small.mined()) == 1


async def test_blob_space_has_a_bound_of_its_own(small: SmallChain, tmp_path: Path) -> None:
    policy = Policy(most_blob_fee=8)
    async with sender(small, tmp_path, policy=policy) as one:
        await one.send(CALL, "post", sidecar=SIDECAR)
        small.blob_base_fee = 9
        with pytest.raises(FeeTooHigh, match="9 wei a blob gas now; the bound is 8"):
            await one.send(CALL, "post more", sidecar=SIDECAR)
        assert await one.journalled("post more") is None
        await one.send(Call(to=TARGET, data=b"plain"), "pay")
    assert [one.blob_fee for one in small.mined()] == [8, 0], "within the bound, and without blobs"


async def test_a_bump_stays_within_the_bound_of_blob_space(
    small: SmallChain, tmp_path: Path
) -> None:
    def act(wait: int) -> None:
        small.base_fee = 5 * GWEI if wait < 20 else GWEI
        small.mine()

    async with sender(small, tmp_path, act, policy=Policy(most_blob_fee=12)) as one:
        await one.send(CALL, "post", sidecar=SIDECAR)
    (mined,) = small.mined()
    assert mined.blob_fee == 10


async def test_other_blobs_under_one_purpose_are_refused(small: SmallChain, tmp_path: Path) -> None:
    other, others = with_blobs(1)
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "post", sidecar=SIDECAR)
        with pytest.raises(OtherIntent):
            await one.send(other, "post", sidecar=others)
        for call, sidecar in ((CALL, others), (CALL, None), (Call(to=TARGET, data=b""), SIDECAR)):
            with pytest.raises(Bug, match="other blobs than the call names"):
                await one.send(call, "more", sidecar=sidecar)
    assert len(small.mined()) == 1


async def flow(small: SmallChain, directory: Path, step: int, how: Killed) -> bool:
    """Fees rise, so that the attempt is replaced; whether the flow came to its end."""

    def act(wait: int) -> None:
        small.blob_base_fee = 50 if len(small.blocks) < 6 else 5
        small.mine()

    def wrap(journal: JournalThread) -> JournalThread:
        return FailingJournal(journal, step, how)

    async with sender(small, directory, act, wrap=wrap) as one:
        try:
            await one.resume()
            await one.send(CALL, "post", sidecar=SIDECAR)
        except JournalFault:
            return False
    return True


async def test_as_many_durable_steps_are_killed_as_there_are(tmp_path: Path) -> None:
    small = SmallChain()
    assert await flow(small, tmp_path / "whole", STEPS + 1, Killed.LOST)
    assert len(small.sent) > 1, "an attempt is replaced on the way"
    assert not await flow(SmallChain(), tmp_path / "killed", STEPS, Killed.LOST)


@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_killed_after_any_durable_step_the_blobs_are_posted_once(
    tmp_path: Path, step: int, how: Killed
) -> None:
    small = SmallChain()
    assert not await flow(small, tmp_path, step, how)
    assert await flow(small, tmp_path, 10**6, how), "a restart comes to the end"
    (mined,) = small.mined()
    assert rlp.decode(mined.sidecar)[1] == list(SIDECAR.blobs)
    assert not small.pool


async def test_a_journal_of_version_one_is_brought_on(small: SmallChain, tmp_path: Path) -> None:
    """As one of before is: with an intent in it that was not sent."""
    old = sqlite3.connect(tmp_path / SCHEMA.file)
    old.executescript(SCHEMA.steps[0] + "; PRAGMA user_version = 1")
    old.execute("INSERT INTO chain VALUES (1, 31337, ?, 0)", (small.blocks[0].hash,))
    old.execute(
        "INSERT INTO intents (purpose, account, nonce, target, data, value, gas, state) "
        "VALUES ('pay', ?, 0, ?, x'01', '5', 60000, 2)",
        (bytes(20), bytes(TARGET)),
    )
    old.execute("INSERT INTO attempts VALUES (1, 0, x'11', x'02', '7', '3', 4)")
    old.commit()
    old.close()
    async with sender(small, tmp_path) as one:
        intent = await one._journal.run(one._journal.steps.intent, "pay")
        await one.send(CALL, "post", sidecar=SIDECAR)
    assert intent is not None
    assert (intent.call.versioned_hashes, intent.last.signed.fee.blob) == ((), 0)
    assert intent.last.made_at == 4
    assert len(small.mined()) == 1
