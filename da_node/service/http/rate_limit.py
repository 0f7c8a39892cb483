"""Token buckets, one per client, within a bound. Pure: the clock is handed in."""

from __future__ import annotations

from collections import OrderedDict

from da_node.errors import TooManyRequests


class TokenBuckets:
    """Lets each client take `per_second` requests a second, and `burst` at once after a pause.

    Remembers the `max_clients` seen last; one that was forgotten starts with a full bucket.
    """

    def __init__(self, *, per_second: float, burst: float, max_clients: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._max_clients = max_clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._buckets)

    def take(self, client: str, now_s: float) -> None:
        """Take one token of the client's. Raises TooManyRequests."""
        tokens, filled_s = self._buckets.pop(client, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - filled_s) * self._per_second)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now_s)
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooManyRequests(what="reads a second", bound=int(self._per_second))
