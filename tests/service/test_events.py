"""Every subscriber gets every event in order or is told that it missed some; nobody blocks."""

import asyncio

import pytest

from da_node.errors import TooManyRequests
from da_node.service import Broadcast, Closed, Lagged


def broadcast(max_subscribers=2, backlog=3):
    return Broadcast(max_subscribers=max_subscribers, backlog=backlog)


async def test_every_subscriber_gets_every_event_in_order():
    source = broadcast()
    with source.subscribe() as first, source.subscribe() as second:
        for event in range(3):
            source.publish(event)
        source.close()
        assert [event async for event in first] == [0, 1, 2]
        assert [event async for event in second] == [0, 1, 2]


async def test_a_waiting_subscriber_is_woken_by_an_event_and_by_the_end():
    source = broadcast()
    with source.subscribe() as subscription:
        waiting = asyncio.create_task(subscription.get())
        await asyncio.sleep(0)
        source.publish("event")
        assert await waiting == "event"
        waiting = asyncio.create_task(subscription.get())
        await asyncio.sleep(0)
        source.close()
        with pytest.raises(Closed):
            await waiting


async def test_a_cancelled_wait_loses_nothing():
    source = broadcast()
    with source.subscribe() as subscription:
        waiting = asyncio.create_task(subscription.get())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        source.publish("event")
        assert await subscription.get() == "event"


async def test_one_that_falls_behind_reads_what_is_queued_and_then_learns_of_the_gap():
    source = broadcast(backlog=2)
    with source.subscribe() as subscription:
        for event in range(5):
            source.publish(event)
        assert await subscription.get() == 0
        # There is room again, but a later event would hide the gap.
        source.publish(5)
        assert await subscription.get() == 1
        with pytest.raises(Lagged):
            await subscription.get()


async def test_subscribers_are_bounded_and_leaving_makes_room():
    source = broadcast(max_subscribers=1)
    with source.subscribe():
        with pytest.raises(TooManyRequests):
            source.subscribe()
        assert source.subscribers == 1
    assert source.subscribers == 0
    with source.subscribe():
        pass


async def test_a_subscription_to_a_closed_broadcast_ends_at_once():
    source = broadcast()
    source.close()
    with source.subscribe() as subscription:
        assert [event async for event in subscription] == []
