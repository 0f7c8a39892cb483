"""How much may be under way at once: a number of requests and the memory they hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from da_node.errors import TooManyRequests


class Admission:
    """Counts what is under way, and refuses what would be too much."""

    def __init__(self, what: str, *, max_count: int, max_bytes: int) -> None:
        """`what` is named in the refusal."""
        self._what = what
        self._max_count = max_count
        self._max_bytes = max_bytes
        self.count = 0
        """Requests under way."""
        self.held_bytes = 0
        """Memory they were admitted for."""

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """A place for one request that needs so much memory. Raises TooManyRequests.

        One that is larger than the whole bound is let in when nothing else holds memory, or it
        would never be served.
        """
        if self.count >= self._max_count:
            raise TooManyRequests(what=self._what, bound=self._max_count)
        if self.held_bytes and self.held_bytes + size_bytes > self._max_bytes:
            raise TooManyRequests(what=f"bytes of {self._what}", bound=self._max_bytes)
        self.count += 1
        self.held_bytes += size_bytes
        try:
            yield
        finally:
            self.count -= 1
            self.held_bytes -= size_bytes
