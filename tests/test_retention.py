"""Expiry, buckets and windows, by their bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node import retention
from da_node.retention import (
    GRACE_S,
    HOUR_S,
    LAST_EXPIRY_S,
    PERIOD_S,
    RETENTION_S,
    TOMBSTONE_S,
    Bucket,
    bucket_of,
    disk_needed,
    expires_at_for,
    expiry_of,
    first_remembered_period,
    is_prunable,
    is_served,
    low_water,
    period_of,
)

times = st.integers(0, 10**11)


def test_retention_is_the_4096_epochs_of_eip_4844() -> None:
    assert RETENTION_S == 1_572_864
    assert round(RETENTION_S / retention.DAY_S, 1) == 18.2


@given(times)
def test_expiry_is_the_first_whole_hour_not_before_the_retention_is_over(accepted_at: int) -> None:
    expires_at = expires_at_for(accepted_at)
    assert expires_at % HOUR_S == 0
    assert 0 <= expires_at - (accepted_at + RETENTION_S) < HOUR_S


def test_an_expiry_that_is_already_whole_is_not_rounded_further() -> None:
    accepted_at = 500 * HOUR_S - RETENTION_S
    assert expires_at_for(accepted_at) == 500 * HOUR_S
    assert expires_at_for(accepted_at + 1) == 501 * HOUR_S


@given(st.integers(0, LAST_EXPIRY_S // HOUR_S))
def test_a_bucket_is_the_hour_of_its_expiry(hour: int) -> None:
    assert bucket_of(hour * HOUR_S) == hour
    assert expiry_of(Bucket(hour)) == hour * HOUR_S


@pytest.mark.parametrize("expires_at", [-HOUR_S, 1, HOUR_S - 1, LAST_EXPIRY_S + HOUR_S])
def test_an_expiry_that_is_not_a_whole_hour_in_range_has_no_bucket(expires_at: int) -> None:
    with pytest.raises(ValueError, match="whole hour"):
        bucket_of(expires_at)


def test_a_blob_is_served_up_to_its_expiry_and_deleted_only_after_the_grace() -> None:
    expires_at = 1000 * HOUR_S
    bucket = bucket_of(expires_at)
    assert is_served(expires_at, expires_at - 1)
    assert not is_served(expires_at, expires_at)
    assert not is_prunable(bucket, expires_at + GRACE_S)
    assert is_prunable(bucket, expires_at + GRACE_S + 1)


@given(times)
def test_the_low_water_mark_lies_between_the_prunable_and_the_rest(now: int) -> None:
    mark = low_water(now)
    assert not is_prunable(mark, now)
    assert mark == 0 or is_prunable(Bucket(mark - 1), now)


@given(times)
def test_a_tombstone_is_remembered_for_a_year_and_at_most_a_period_more(now: int) -> None:
    first = first_remembered_period(now)
    youngest_forgotten = first * PERIOD_S - 1
    assert youngest_forgotten < 0 or now - youngest_forgotten > TOMBSTONE_S
    assert period_of(max(0, now - TOMBSTONE_S)) == first


def test_a_look_up_tries_few_periods() -> None:
    now = 10**9
    newest = period_of(expires_at_for(now) + HOUR_S)
    assert newest - first_remembered_period(now) + 1 <= 15


def test_the_disk_needed_grows_with_the_rate_and_with_the_smallness_of_blobs() -> None:
    assert disk_needed(2_000_000) == pytest.approx(2 * disk_needed(1_000_000))
    assert disk_needed(1_000_000, blob_bytes=10_000) > disk_needed(1_000_000, blob_bytes=10**7)
    # Twice the payload, and 32 bytes for each 31 of it; large blobs come close to that.
    large = disk_needed(1_000_000, blob_bytes=100 * 4096 * 31) / (1_000_000 * retention.HELD_S)
    assert 64 / 31 < large < 1.03 * 64 / 31


@pytest.mark.parametrize(("rate", "blob_bytes"), [(0, 1), (1, 0)])
def test_no_rate_and_no_blob_need_no_answer(rate: int, blob_bytes: int) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        disk_needed(rate, blob_bytes=blob_bytes)
