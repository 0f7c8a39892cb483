"""Does the wall clock run as it should? Expiry, pruning and attestation go by it. Pure."""

from __future__ import annotations

from da_node.errors import NotReady
from da_node.node.bounds import CLOCK_JUMP_S


class ClockWatch:
    """Compares the wall clock with the monotonic one, since the start and between checks."""

    def __init__(self, *, wall_s: float, monotonic_s: float) -> None:
        self._offset_s = wall_s - monotonic_s

    def check(self, *, wall_s: float, monotonic_s: float, newest_stored_at: int) -> None:
        """Raises NotReady if the clock has jumped, or lies behind what was stored last.

        A jump is reported once; the clock is then taken as it stands, since it may have been put
        right.
        """
        offset_s = wall_s - monotonic_s
        jump_s = offset_s - self._offset_s
        self._offset_s = offset_s
        if abs(jump_s) > CLOCK_JUMP_S:
            raise NotReady(reason=f"the clock has jumped by {jump_s:.0f} s")
        behind_s = newest_stored_at - wall_s
        if behind_s > CLOCK_JUMP_S:
            raise NotReady(
                reason=f"the clock is {behind_s:.0f} s behind the blob that was stored last"
            )
