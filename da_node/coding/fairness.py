"""Letting others have the interpreter lock in the middle of long work."""

from __future__ import annotations

import threading
import time
from typing import Final

PAUSE_S: Final = 1e-6
"""Any pause lets go of the lock; the shortest there is takes about 60 µs."""

TURN_BYTES: Final = 2 << 20
"""What a thread hashes through hashlib before it gives way: 1 to 2 ms of work."""

_turn = threading.local()


def give_way() -> None:
    """Hand the interpreter lock to whoever waits for it.

    Python takes it from a thread every 5 ms, but not from one that keeps letting go of it for
    moments, as hashlib and the database do: each moment restarts the clock of those who wait, and
    none is long enough for them to wake. Without this the event loop stood still for 50 ms while
    34 MB of columns were written.
    """
    time.sleep(PAUSE_S)


def worked(count: int) -> None:
    """Note that this thread has hashed `count` bytes; gives way once a turn is over."""
    done = getattr(_turn, "done", 0) + count
    if done >= TURN_BYTES:
        give_way()
        done = 0
    _turn.done = done
