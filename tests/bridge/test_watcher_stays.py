"""What a watcher fails at once does not end it: it is tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bridge_client.cli import watching
from bridge_client.errors import FeeTooHigh, JournalFault, NoChallenge, NoContract, Reverted
from bridge_client.metrics import WatcherMetrics
from bridge_client.pulse import Pulse
from bridge_client.watching import News
from da_node.service import Bug, HoldfastError, Output

NEWS = News(lost=(), seen=(), upto=7, is_complete=True)
PASSING = [
    FeeTooHigh(value=2, bound=1),
    Reverted(what="BatchSettlement.chain", reason="unknown", operands_text=""),
    NoContract(name="BatchSettlement", address="0x" + "42" * 20),
]
LASTING = [JournalFault(reason="disk"), Bug(reason="none")]


class Duty:
    waiting = ()

    def __init__(self, fails: HoldfastError) -> None:
        self.fails: HoldfastError | None = fails

    def drop(self, lost: Any) -> bool:
        return False

    def take(self, seen: Any) -> None: ...

    async def do(self) -> None:
        if self.fails:
            raise self.fails


async def look(duty: Duty, *, once: bool = False, pulse: Pulse | None = None) -> bool:
    async def news() -> News:
        return NEWS

    watcher: Any = SimpleNamespace(look=news)
    duties: Any = {"answer": duty}
    one = watching.Looking(
        watcher=watcher,
        output=Output(),
        duties=duties,
        once=once,
        pulse=pulse or Pulse(lambda: 0.0),
        metrics=WatcherMetrics(),
    )
    return await one._look()


@pytest.mark.parametrize("error", PASSING, ids=lambda one: one.code)
async def test_a_refusal_is_told_and_tried_again(error: HoldfastError) -> None:
    duty, pulse = Duty(error), Pulse(lambda: 0.0)
    assert await look(duty, pulse=pulse)
    assert (pulse.is_ready, pulse.document()["reason"]) == (False, str(error))
    duty.fails = None
    assert await look(duty, pulse=pulse)
    assert pulse.is_ready


@pytest.mark.parametrize("error", LASTING, ids=lambda one: type(one).__name__)
async def test_what_trying_again_does_not_mend_ends_it(error: HoldfastError) -> None:
    with pytest.raises(type(error)):
        await look(Duty(error))


async def test_once_says_what_fails() -> None:
    with pytest.raises(FeeTooHigh):
        await look(Duty(PASSING[0]), once=True)


async def test_a_challenge_that_cannot_be_answered_now_is_for_later_and_no_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fee is above the bound; the machine that is asked is behind the one that told the event."""

    async def head() -> Any:
        return SimpleNamespace(time=100)

    async def challenge_of(number: int) -> Any:
        if number in unknown:
            raise NoChallenge(number=number, count=2)
        return SimpleNamespace(number=number, unanswered=(0,), deadline=200)

    async def answer(settlement: Any, sender: Any, challenge: Any, *with_: Any) -> int:
        if challenge.number in too_dear:
            raise FeeTooHigh(value=2, bound=1)
        return 1

    too_dear, unknown = {1}, {3}
    monkeypatch.setattr(watching, "answer", answer)
    chain = SimpleNamespace(head=head)
    settlement: Any = SimpleNamespace(
        contract=SimpleNamespace(chain=chain), challenge_of=challenge_of
    )
    nobody: Any = None
    duty = watching._Answers(settlement, nobody, nobody, kzg=nobody, waiting={1, 2, 3})
    await duty.do()
    assert duty.waiting == {1, 3}
    too_dear.clear()
    unknown.clear()
    await duty.do()
    assert not duty.waiting
