"""An endpoint that goes away at any question, lags at any, or contradicts itself: an error that
names it, never a lost intent, never a second transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sender_under_test import sender
from small_chain import CHAIN_ID, GWEI, KEY, TARGET, SmallChain

from bridge_client.errors import Displaced, L1FalseAnswer, L1Lags, L1Unreachable
from bridge_client.life import Policy, State
from bridge_client.transactions import Call, Fee, created_by, signed

CALLS = {name: Call(to=TARGET, data=name.encode()) for name in ("first", "second")}
Ask = Callable[[str, list[Any]], Any]
MOST_QUESTIONS = 500


def gone(method: str) -> L1Unreachable:
    return L1Unreachable(url="small chain", method=method, reason="it is gone")


class Failing:
    """Fails at the n-th question: before it reaches the chain, or on the answer's way back."""

    def __init__(self, small: SmallChain, number: int, is_after: bool) -> None:
        self._ask: Ask = SmallChain.ask.__get__(small)
        self._left = number
        self._is_after = is_after

    async def ask(self, method: str, parameters: list[Any]) -> Any:
        self._left -= 1
        if self._left == 0 and not self._is_after:
            raise gone(method)
        try:
            answer = await self._ask(method, parameters)
        finally:
            if self._left == 0:
                raise gone(method)
        return answer


async def both(small: SmallChain, directory: Path) -> bool:
    """Send both; whether the endpoint lasted to the end."""
    try:
        async with sender(small, directory, policy=Policy(confirmations=1)) as one:
            await one.resume()
            for purpose, call in CALLS.items():
                await one.send(call, purpose)
    except L1Unreachable:
        return False
    return True


@pytest.mark.parametrize("is_after", [False, True])
async def test_gone_at_any_question_nothing_is_lost_or_sent_twice(
    tmp_path: Path, is_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, MOST_QUESTIONS):
        small, directory = SmallChain(), tmp_path / str(number)
        with monkeypatch.context() as patched:
            patched.setattr(small, "ask", Failing(small, number, is_after).ask)
            is_whole = await both(small, directory)
        if is_whole:
            break
        assert await both(small, directory)
        assert [(one.nonce, one.data) for one in small.mined()] == [(0, b"first"), (1, b"second")]
        assert not small.pool
    assert 20 < number < MOST_QUESTIONS, "each question was the one"


async def left_open(small: SmallChain, directory: Path) -> None:
    """Sent, and the endpoint gone."""

    def goes_away(wait: int) -> None:
        raise gone("any")

    async with sender(small, directory, goes_away) as one:
        with pytest.raises(L1Unreachable):
            await one.send(CALLS["first"], "first")


@pytest.mark.parametrize("is_mined", [False, True])
async def test_a_count_alone_does_not_displace_what_is_meant(
    tmp_path: Path, is_mined: bool
) -> None:
    """Behind one address: a machine that is up to date counts, one that is behind is asked next."""
    small = SmallChain()
    await left_open(small, tmp_path)
    small.mine(5, empty=not is_mined)
    small.lies |= {
        "eth_getTransactionReceipt": lambda answer: None,
        "eth_getTransactionByHash": lambda answer: None,
    }
    if not is_mined:
        small.lies["eth_getTransactionCount"] = lambda answer: "0x1"
    said = "a block has it" if is_mined else "has no such transaction"
    async with sender(small, tmp_path) as one:
        with pytest.raises(L1FalseAnswer, match=said):
            await one.send(CALLS["first"], "first")
    small.lies.clear()
    async with sender(small, tmp_path) as one:
        intent = await one.journalled("first")
        assert intent is not None
        assert intent.state is State.OPEN
        await one.send(CALLS["first"], "first")
    assert [one.data for one in small.mined()] == [b"first"]


async def test_what_displaced_it_is_found_however_long_ago_it_was(tmp_path: Path) -> None:
    small = SmallChain()
    await left_open(small, tmp_path)
    stray = signed(
        Call(to=TARGET, data=b"stray"),
        chain_id=CHAIN_ID,
        nonce=0,
        gas=60_000,
        fee=Fee(most=30 * GWEI, tip=10 * GWEI),
        key=KEY,
    )
    small._eth_sendRawTransaction("0x" + stray.raw.hex())
    small.mine(1000)
    asked = len(small.asked)
    async with sender(small, tmp_path) as one:
        with pytest.raises(Displaced):
            await one.send(CALLS["first"], "first")
    assert len(small.asked) - asked < 40, "by halves, not block by block"


async def test_a_creation_elsewhere_is_not_believed(tmp_path: Path) -> None:
    small = SmallChain()
    other = created_by(KEY.address, 7).hex0x
    small.lies["eth_getTransactionReceipt"] = lambda answer: (
        answer and answer | {"contractAddress": other}
    )
    async with sender(small, tmp_path) as one:
        with pytest.raises(L1FalseAnswer, match=f"to create {other}"):
            await one.send(Call(to=None, data=b"code"), "deploy")


async def test_one_that_falls_behind_while_it_is_waited_for_is_named(tmp_path: Path) -> None:
    small = SmallChain()
    small.mine(20)

    def act(wait: int) -> None:
        if wait == 1:
            del small.blocks[6:]
        small.mine()

    async with sender(small, tmp_path, act) as one:
        with pytest.raises(L1Lags, match="was seen before"):
            await one.send(CALLS["first"], "first")
        assert await one.journalled("first") is not None
