"""Letting others have the interpreter lock in the middle of long work."""

from __future__ import annotations

import time
from typing import Final

PAUSE_S: Final = 1e-6
"""Any pause lets go of the lock; the shortest there is takes about 60 µs."""


def give_way() -> None:
    """Hand the interpreter lock to whoever waits for it.

    Python takes it from a thread every 5 ms, but not from one that keeps letting go of it for
    moments, as hashing does: each moment restarts the clock of those who wait, and none is long
    enough for them to wake. Without this the event loop stood still for 50 ms while 34 MB of
    columns were written; with it, for 11 ms at worst on two cores.
    """
    time.sleep(PAUSE_S)
