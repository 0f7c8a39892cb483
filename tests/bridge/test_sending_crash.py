"""A client that is killed at any durable step goes on as one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from failing_journal import FailingJournal, Killed
from sender_under_test import sender
from small_chain import GWEI, TARGET, SmallChain

from bridge_client.errors import JournalFault
from bridge_client.journal import JournalThread
from bridge_client.transactions import Call

CALLS = {name: Call(to=TARGET, data=name.encode()) for name in ("first", "second")}
STEPS_OF_BOTH = 20
"""Durable steps of the whole flow where nobody is killed; a test of its own counts them."""


def eventful(small: SmallChain, wait: int) -> None:
    """Fees rise, so that an attempt is replaced, and the chain is reorganised."""
    small.base_fee = 5 * GWEI if wait < 6 else 2 * GWEI
    small.mine()
    if wait == 8:
        small.reorganise(2)


async def both(small: SmallChain, directory: Path, step: int, how: Killed) -> bool:
    """Send both from a start; whether it came to its end."""

    def wrap(journal: JournalThread) -> JournalThread:
        return FailingJournal(journal, step, how)

    async with sender(
        small, directory, lambda wait: eventful(small, len(small.blocks)), wrap=wrap
    ) as one:
        try:
            await one.resume()
            for purpose, call in CALLS.items():
                await one.send(call, purpose)
        except JournalFault:
            return False
    return True


async def test_the_flow_has_as_many_durable_steps_as_are_killed(tmp_path: Path) -> None:
    small = SmallChain()
    assert await both(small, tmp_path / "whole", STEPS_OF_BOTH + 1, Killed.LOST)
    assert len(small.sent) > 2, "an attempt is replaced on the way"
    assert not await both(SmallChain(), tmp_path / "killed", STEPS_OF_BOTH, Killed.LOST)


@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", range(1, STEPS_OF_BOTH + 1))
async def test_killed_after_any_durable_step_nothing_is_sent_twice_or_forgotten(
    tmp_path: Path, step: int, how: Killed
) -> None:
    small = SmallChain()
    assert not await both(small, tmp_path, step, how)
    assert await both(small, tmp_path, 10**6, how), "a restart comes to the end"
    mined = small.mined()
    assert sorted(one.data for one in mined) == [b"first", b"second"]
    assert [one.nonce for one in mined] == [0, 1]
    assert not small.pool


@pytest.mark.parametrize("how", Killed)
async def test_killed_at_every_second_step_again_and_again_it_still_comes_to_an_end(
    tmp_path: Path, how: Killed
) -> None:
    small = SmallChain()
    starts = 0
    while not await both(small, tmp_path, 2, how):
        starts += 1
        assert starts < 100
    assert sorted(one.data for one in small.mined()) == [b"first", b"second"]
    assert starts > 5
