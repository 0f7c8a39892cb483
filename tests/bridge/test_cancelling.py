"""What is stuck is cancelled under its own nonce; which of the two was mined is known."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from blob_calls import with_blobs
from failing_journal import FailingJournal, Killed
from sender_under_test import sender
from small_chain import GWEI, KEY, TARGET, SmallChain, Transaction

from bridge_client.errors import (
    Cancelled,
    FeeTooHigh,
    JournalFault,
    L1TooSlow,
    NothingToCancel,
)
from bridge_client.journal.schema import SCHEMA
from bridge_client.life import Policy, State
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call

CALL = Call(to=TARGET, data=b"something", value=5)
NOTHING = (bytes(KEY.address), b"")


@pytest.fixture
def small() -> SmallChain:
    return SmallChain()


async def stuck(
    small: SmallChain,
    directory: Path,
    call: Call = CALL,
    sidecar: Sidecar | None = None,
    **policy: int,
) -> None:
    """Something that no block takes, and that was given up on for now."""

    def act(wait: int) -> None:
        small.mine(empty=True)
        small.now += 400

    async with sender(small, directory, act, policy=Policy(**policy)) as one:
        with pytest.raises(L1TooSlow):
            await one.send(call, "pay", sidecar=sidecar)


def done_by(one: Transaction) -> tuple[bytes, bytes]:
    return one.to, one.data


@pytest.mark.parametrize("which", ["pay", 0])
async def test_what_is_stuck_is_replaced_by_nothing_under_its_nonce(
    small: SmallChain, tmp_path: Path, which: str | int
) -> None:
    await stuck(small, tmp_path)
    async with sender(small, tmp_path) as one:
        ended = await one.cancel(which)
        assert ended.state is State.CANCELLED
        assert await one.journalled("pay") is None, "its purpose is free"
        receipt = await one.send(CALL, "pay")
    first, second = small.mined()
    assert (done_by(first), first.nonce) == (NOTHING, 0)
    assert (second.hash, second.nonce) == (receipt.transaction, 1)


@pytest.mark.parametrize("data", [b"something", b"revert"])
async def test_what_was_meant_may_be_mined_all_the_same(
    small: SmallChain, tmp_path: Path, data: bytes
) -> None:
    call = Call(to=TARGET, data=data)
    await stuck(small, tmp_path, call)
    kept = dict(small.pool)

    def act(wait: int) -> None:
        if wait == 0:  # whoever mines has the first one still
            small.pool = dict(kept)
        small.mine()

    async with sender(small, tmp_path, act) as one:
        ended = await one.cancel("pay")
    assert ended.state is (State.DONE if data == b"something" else State.FAILED)
    assert [one.data for one in small.mined()] == [data]


@pytest.mark.parametrize("first_is_meant", [False, True])
async def test_a_reorganisation_may_decide_otherwise(
    small: SmallChain, tmp_path: Path, first_is_meant: bool
) -> None:
    await stuck(small, tmp_path)
    pools: list[dict[bytes, Transaction]] = [dict(small.pool)]

    def act(wait: int) -> None:
        if wait == 0:
            pools.append(dict(small.pool))
            small.pool = dict(pools[0 if first_is_meant else 1])
            small.mine()
        elif wait == 1:
            small.reorganise(1, forget=True)
            small.pool = dict(pools[1 if first_is_meant else 0])
            small.mine()
        else:
            small.mine()

    async with sender(small, tmp_path, act) as one:
        ended = await one.cancel("pay")
    (mined,) = small.mined()
    is_nothing = done_by(mined) == NOTHING
    assert is_nothing == first_is_meant
    assert ended.state is (State.CANCELLED if is_nothing else State.DONE)


async def test_one_that_is_mined_already_is_only_waited_for(
    small: SmallChain, tmp_path: Path
) -> None:
    await stuck(small, tmp_path)
    small.mine()
    async with sender(small, tmp_path) as one:
        ended = await one.cancel("pay")
    assert ended.state is State.DONE
    assert not ended.is_cancelling


async def test_once_it_is_being_cancelled_what_was_meant_is_not_sent_again(
    small: SmallChain, tmp_path: Path
) -> None:
    await stuck(small, tmp_path)

    def act(wait: int) -> None:
        small.base_fee = 9 * GWEI  # the attempt that cancels is too cheap as well
        small.now += 400
        small.mine()

    async with sender(small, tmp_path, act) as one:
        with pytest.raises(L1TooSlow):
            await one.cancel("pay")
    async with sender(small, tmp_path) as one:
        await one.resume()
        with pytest.raises(Cancelled, match="pay was cancelled: nonce 0 did nothing"):
            await one.send(CALL, "pay")
        assert await one.send(CALL, "pay")
    assert [done_by(one) for one in small.mined()] == [NOTHING, (bytes(TARGET), b"something")]


async def test_a_creation_is_cancelled_without_creating(small: SmallChain, tmp_path: Path) -> None:
    await stuck(small, tmp_path, Call(to=None, data=b"code"))
    async with sender(small, tmp_path) as one:
        assert (await one.cancel("pay")).state is State.CANCELLED
    assert [done_by(one) for one in small.mined()] == [NOTHING]


async def test_one_with_blobs_gives_way_only_to_one_with_blobs(
    small: SmallChain, tmp_path: Path
) -> None:
    await stuck(small, tmp_path, *with_blobs(2))
    async with sender(small, tmp_path) as one:
        assert (await one.cancel("pay")).state is State.CANCELLED
    (mined,) = small.mined()
    assert done_by(mined) == NOTHING
    assert mined.blob_fee


async def test_what_is_not_under_way_is_not_cancelled(small: SmallChain, tmp_path: Path) -> None:
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
        for which in ("pay", 0, "other", 7):
            with pytest.raises(NothingToCancel, match=str(which)):
                await one.cancel(which)
    assert len(small.mined()) == 1


async def test_cancelling_keeps_to_the_cap_on_the_fee(small: SmallChain, tmp_path: Path) -> None:
    await stuck(small, tmp_path, most_fee=3 * GWEI)
    async with sender(small, tmp_path, policy=Policy(most_fee=3 * GWEI)) as one:
        with pytest.raises(FeeTooHigh):
            await one.cancel("pay")
    small.tip = 50 * GWEI
    async with sender(small, tmp_path, policy=Policy(most_fee=4 * GWEI)) as one:
        await one.cancel("pay")
    (mined,) = small.mined()
    assert mined.most_fee == mined.tip == 4 * GWEI


async def test_what_no_pool_takes_for_its_fee_pays_more(small: SmallChain, tmp_path: Path) -> None:
    """An endpoint that wants more than its market says, and forgets what pays less."""
    least = 5 * GWEI

    def act(wait: int) -> None:
        small.pool = {key: one for key, one in small.pool.items() if one.most_fee >= least}
        small.mine()

    async with sender(small, tmp_path, act) as one:
        await one.send(CALL, "pay")
    (mined,) = small.mined()
    assert mined.most_fee >= least


# ---------------------------------------------------------------- crashes


async def cancelled(
    small: SmallChain, directory: Path, wrap: Callable[[FailingJournal], FailingJournal]
) -> State | None:
    async with sender(small, directory, wrap=wrap) as one:  # type: ignore[arg-type]
        try:
            return (await one.cancel("pay")).state
        except JournalFault:
            return None
        except NothingToCancel:  # it came to its end, and nobody was told
            return State.CANCELLED


STEPS = 6
"""Durable steps of a cancelling where nobody is killed; a test of its own counts them."""


async def test_a_cancelling_has_as_many_durable_steps_as_are_killed(tmp_path: Path) -> None:
    for step, ended in ((STEPS, None), (STEPS + 1, State.CANCELLED)):
        small, directory = SmallChain(), tmp_path / str(step)
        await stuck(small, directory)
        dying = functools.partial(FailingJournal, step=step, how=Killed.LOST)
        assert await cancelled(small, directory, dying) is ended


@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_killed_at_any_durable_step_a_cancelling_goes_on(
    small: SmallChain, tmp_path: Path, step: int, how: Killed
) -> None:
    await stuck(small, tmp_path)
    dying = functools.partial(FailingJournal, step=step, how=how)
    assert await cancelled(small, tmp_path, dying) is None
    ended = await cancelled(small, tmp_path, lambda inner: inner)
    assert ended is State.CANCELLED
    assert [done_by(one) for one in small.mined()] == [NOTHING]
    assert not small.pool


async def test_a_journal_of_before_is_brought_on(small: SmallChain, tmp_path: Path) -> None:
    await stuck(small, tmp_path)
    with sqlite3.connect(tmp_path / SCHEMA.file) as sql:
        sql.execute("ALTER TABLE attempts DROP COLUMN cancels")
        sql.execute("PRAGMA user_version = 2")
    sql.close()
    async with sender(small, tmp_path) as one:
        assert (await one.cancel("pay")).state is State.CANCELLED
