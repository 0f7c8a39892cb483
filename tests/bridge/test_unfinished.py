"""What a watcher forgets changes nothing for whoever acts on what it has seen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_client.bringing import Bringer
from bridge_client.proposals import Proposals
from bridge_client.unfinished import unfinished
from bridge_client.watching import Seen


def seen(event: str, **fields: Any) -> Seen:
    return Seen(contract="BatchSettlement", event=event, fields=fields, block=1, transaction="0x01")


def proposed(number: int, height: int) -> Seen:
    return seen("BatchProposed", batchId=number, height=height, header="0x", expiresAt=9)


def over(number: int, *, is_final: bool) -> Seen:
    return seen("BatchFinal" if is_final else "BatchVoid", batchId=number, height=0)


def opened(number: int, deadline: int) -> Seen:
    return seen("ChallengeOpened", challengeId=number, batchId=1, deadline=deadline)


def waiting(past: list[Seen]) -> tuple[int, ...]:
    """What the one that has verdicts brought has still to see to."""
    bringer = cast(Bringer, SimpleNamespace(forget=lambda number: None))
    nothing = cast(Any, None)
    one = Proposals(settlement=nothing, samplers=[], bringer=bringer, key=nothing, chain_id=1)
    one.begin(past)
    return one.waiting


EVENTS = st.one_of(
    st.builds(proposed, st.integers(0, 5), st.integers(0, 3)),
    st.builds(over, st.integers(0, 5), is_final=st.booleans()),
    st.builds(seen, st.sampled_from(["VerdictCounted", "SequencerSet"])),
)


@given(st.lists(EVENTS, max_size=14), st.integers(0, 14))
def test_with_what_followed_it_is_as_good_as_all(past: list[Seen], deep: int) -> None:
    left = [past[place] for place in unfinished(past[:deep], now=0)]
    assert waiting(left + past[deep:]) == waiting(past)
    assert len(left) == len(waiting(past[:deep])), "and there is nothing more"


def test_a_challenge_stays_until_its_time_is_over() -> None:
    past = [opened(1, deadline=99), proposed(1, 0), opened(2, deadline=100)]
    assert unfinished(past, now=100) == [1, 2]
    assert unfinished(past, now=101) == [1]


@pytest.mark.parametrize("event", ["PointAnswered", "DepositInitiated", "RowsPosted", "Unheard"])
def test_of_other_events_nothing_follows(event: str) -> None:
    assert unfinished([seen(event)], now=0) == []
