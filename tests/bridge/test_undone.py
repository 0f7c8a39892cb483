"""What a reorganisation deeper than `confirmations` undid is said, and its nonce can be used."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from blob_calls import with_blobs
from failing_journal import FailingJournal, Killed
from sender_under_test import sender
from small_chain import KEY, TARGET, SmallChain

from bridge_client.errors import JournalFault, L1FalseAnswer, NothingToCancel, Reverted, Undone
from bridge_client.life import State
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call

CALL = Call(to=TARGET, data=b"something", value=5)
NOTHING = (bytes(KEY.address), b"")


@pytest.fixture
def small() -> SmallChain:
    return SmallChain()


def done(small: SmallChain) -> list[tuple[int, tuple[bytes, bytes]]]:
    return [(one.nonce, (one.to, one.data)) for one in small.mined()]


async def undone(
    small: SmallChain,
    directory: Path,
    call: Call = CALL,
    sidecar: Sidecar | None = None,
    *,
    forget: bool = True,
) -> None:
    """It was confirmed, and no block has it any more."""
    small.mine(5)
    async with sender(small, directory) as one:
        try:
            await one.send(call, "pay", sidecar=sidecar)
        except Reverted:
            assert call.data == b"revert"
    small.reorganise(5, forget=forget)
    small.mine(3, empty=True)


async def test_it_is_said_of_it_and_of_what_would_wait_for_its_nonce(
    small: SmallChain, tmp_path: Path
) -> None:
    await undone(small, tmp_path)
    async with sender(small, tmp_path) as one:
        for purpose in ("pay", "later"):
            with pytest.raises(Undone, match="pay was confirmed in block") as found:
                await one.send(CALL, purpose)
            assert found.value.nonce == 0
        assert await one.unfinished() == [], "nothing is journalled that could only wait"


@pytest.mark.parametrize("which", ["pay", 0])
async def test_cancelled_it_does_nothing_and_the_same_call_can_be_made_again(
    small: SmallChain, tmp_path: Path, which: str | int
) -> None:
    await undone(small, tmp_path)
    async with sender(small, tmp_path) as one:
        assert (await one.cancel(which)).state is State.CANCELLED
        await one.send(CALL, "pay")
    assert done(small) == [(0, NOTHING), (1, (bytes(TARGET), b"something"))]


@pytest.mark.parametrize("call", [Call(to=TARGET, data=b"revert"), None])
async def test_the_nonce_of_what_failed_or_had_blobs_is_used_as_well(
    small: SmallChain, tmp_path: Path, call: Call | None
) -> None:
    given = with_blobs(1) if call is None else (call, None)
    await undone(small, tmp_path, *given)
    async with sender(small, tmp_path) as one:
        with pytest.raises(Undone):
            await one.send(CALL, "later")
        assert (await one.cancel(0)).state is State.CANCELLED
        await one.send(CALL, "later")
    assert done(small) == [(0, NOTHING), (1, (bytes(TARGET), b"something"))]


async def test_what_a_block_has_again_is_done_and_not_cancelled(
    small: SmallChain, tmp_path: Path
) -> None:
    await undone(small, tmp_path, forget=False)
    small.mine(4)
    async with sender(small, tmp_path) as one:
        with pytest.raises(NothingToCancel):
            await one.cancel("pay")
        await one.send(CALL, "pay")
    assert done(small) == [(0, (bytes(TARGET), b"something"))]


async def test_blobs_that_a_block_has_again_are_the_same_intent(
    small: SmallChain, tmp_path: Path
) -> None:
    call, sidecar = with_blobs(1)
    await undone(small, tmp_path, call, sidecar, forget=False)
    kept = dict(small.pool)

    def act(wait: int) -> None:
        small.pool = dict(kept)  # whoever mines has the first one still
        small.mine()

    async with sender(small, tmp_path, act) as one:
        assert (await one.cancel("pay")).state is State.DONE
        assert await one.send(call, "pay", sidecar=sidecar)
    assert len(small.mined()) == 1


async def test_an_endpoint_that_forgot_it_undoes_nothing(small: SmallChain, tmp_path: Path) -> None:
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
        small.lies["eth_getTransactionReceipt"] = lambda answer: None
        small.lies["eth_getTransactionCount"] = lambda answer: "0x0"
        with pytest.raises(L1FalseAnswer, match="was confirmed, and now no block has it"):
            await one.send(CALL, "pay")
        with pytest.raises(NothingToCancel):
            await one.cancel("pay")


@pytest.mark.parametrize("how", Killed)
@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_killed_at_any_durable_step_it_ends_with_the_nonce_used_once(
    small: SmallChain, tmp_path: Path, step: int, how: Killed
) -> None:
    await undone(small, tmp_path)
    dying = functools.partial(FailingJournal, step=step, how=how)
    async with sender(small, tmp_path, wrap=dying) as one:
        with pytest.raises(JournalFault):
            await one.cancel(0)
    async with sender(small, tmp_path) as one:
        try:
            await one.cancel(0)
        except NothingToCancel:  # it came to its end, and nobody was told
            assert step == 4
    assert done(small) == [(0, NOTHING)]
