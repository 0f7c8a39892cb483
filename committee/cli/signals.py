"""What a process is told by signals, as events of its loop."""

from __future__ import annotations

import asyncio
from signal import Signals


def set_by(*signals: Signals) -> asyncio.Event:
    """An event that each of these signals sets from now on. Call within the event loop."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, event.set)
    return event
