"""The node's pure parts: admission, rates, pace, deadlines, the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.errors import NotReady, TooManyRequests
from da_node.node.bounds import CLOCK_JUMP_S
from da_node.node.clock_watch import ClockWatch
from da_node.service.http.admission import Admission
from da_node.service.http.pacing import Pace
from da_node.service.http.rate_limit import TokenBuckets

# ---------------------------------------------------------------- admission


def test_what_is_admitted_is_given_back_however_it_ends() -> None:
    admission = Admission("uploads", max_count=2, max_bytes=100)
    with admission.hold(60):
        assert (admission.count, admission.held_bytes) == (1, 60)
    with pytest.raises(ZeroDivisionError), admission.hold(60):
        raise ZeroDivisionError
    assert (admission.count, admission.held_bytes) == (0, 0)


def test_no_more_than_so_many_at_once() -> None:
    admission = Admission("uploads", max_count=1, max_bytes=100)
    with admission.hold(0), pytest.raises(TooManyRequests) as refused, admission.hold(0):
        pass
    assert (refused.value.what, refused.value.bound) == ("uploads", 1)


def test_no_more_memory_than_the_bound() -> None:
    admission = Admission("uploads", max_count=9, max_bytes=100)
    with admission.hold(60), admission.hold(40):
        with pytest.raises(TooManyRequests) as refused, admission.hold(1):
            pass
        assert (refused.value.what, refused.value.bound) == ("bytes of uploads", 100)


def test_one_larger_than_the_bound_is_served_alone() -> None:
    admission = Admission("reads", max_count=9, max_bytes=100)
    with admission.hold(500), pytest.raises(TooManyRequests), admission.hold(1):
        pass
    with admission.hold(0), admission.hold(500):
        assert admission.held_bytes == 500


# ---------------------------------------------------------------- rates


def test_a_client_has_its_burst_and_then_its_rate() -> None:
    buckets = TokenBuckets(per_second=2, burst=3, max_clients=10)
    for _ in range(3):
        buckets.take("a", 0.0)
    with pytest.raises(TooManyRequests):
        buckets.take("a", 0.0)
    with pytest.raises(TooManyRequests):
        buckets.take("a", 0.4)
    buckets.take("a", 0.5)
    buckets.take("b", 0.5)


def test_only_the_clients_seen_last_are_remembered() -> None:
    buckets = TokenBuckets(per_second=1, burst=1, max_clients=2)
    for client in "abc":
        buckets.take(client, 0.0)
    assert len(buckets) == 2
    buckets.take("a", 0.0)
    with pytest.raises(TooManyRequests):
        buckets.take("c", 0.0)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=100))
def test_no_client_gets_more_than_burst_and_rate(pauses_s: list[float]) -> None:
    buckets = TokenBuckets(per_second=2, burst=5, max_clients=10)
    now_s, taken = 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        try:
            buckets.take("a", now_s)
            taken += 1
        except TooManyRequests:
            pass
        assert taken <= 5 + 2 * now_s + 1e-6


# ---------------------------------------------------------------- pace


def test_a_transfer_has_its_allowance_and_what_its_bytes_earn() -> None:
    pace = Pace(started_s=100, allowance_s=10, min_bytes_per_s=50, longest_s=60)
    assert pace.deadline_s(0) == 110
    assert pace.deadline_s(500) == 120
    assert pace.deadline_s(10**9) == 160


# ---------------------------------------------------------------- the clock


def test_a_clock_that_runs_evenly_is_well() -> None:
    watch = ClockWatch(wall_s=5000, monotonic_s=10)
    watch.check(wall_s=5100, monotonic_s=110, newest_stored_at=5050)
    watch.check(wall_s=5100 + CLOCK_JUMP_S, monotonic_s=110, newest_stored_at=0)


@pytest.mark.parametrize("jump_s", [CLOCK_JUMP_S + 1, -CLOCK_JUMP_S - 1])
def test_a_jump_is_told_once(jump_s: int) -> None:
    watch = ClockWatch(wall_s=5000, monotonic_s=10)
    with pytest.raises(NotReady, match="jumped"):
        watch.check(wall_s=5000 + jump_s, monotonic_s=10, newest_stored_at=0)
    watch.check(wall_s=5000 + jump_s, monotonic_s=10, newest_stored_at=0)


def test_a_clock_behind_what_was_stored_is_told() -> None:
    watch = ClockWatch(wall_s=5000, monotonic_s=10)
    watch.check(wall_s=5000, monotonic_s=10, newest_stored_at=5000 + CLOCK_JUMP_S)
    with pytest.raises(NotReady, match="behind"):
        watch.check(wall_s=5000, monotonic_s=10, newest_stored_at=5001 + CLOCK_JUMP_S)
