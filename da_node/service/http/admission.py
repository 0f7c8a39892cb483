"""How much may be under way at once: a number of requests and the memory they hold. Pure."""

from __future__ import annotations

from types import TracebackType

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

    def hold(self, size_bytes: int) -> Place:
        """A place for one request that needs so much memory, to be entered as a context.

        Entering raises TooManyRequests. One that is larger than the whole bound is let in when
        nothing else holds memory, or it would never be served.
        """
        return Place(self, size_bytes)

    def enter(self, size_bytes: int) -> None:
        """Count one in. Raises TooManyRequests."""
        if self.count >= self._max_count:
            raise TooManyRequests(what=self._what, bound=self._max_count)
        if self.held_bytes and self.held_bytes + size_bytes > self._max_bytes:
            raise TooManyRequests(what=f"bytes of {self._what}", bound=self._max_bytes)
        self.count += 1
        self.held_bytes += size_bytes

    def leave(self, size_bytes: int) -> None:
        """Count one out."""
        self.count -= 1
        self.held_bytes -= size_bytes


class Place:
    """One request's place."""

    __slots__ = ("_admission", "_size_bytes")

    def __init__(self, admission: Admission, size_bytes: int) -> None:
        self._admission = admission
        self._size_bytes = size_bytes

    def __enter__(self) -> None:
        self._admission.enter(self._size_bytes)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._admission.leave(self._size_bytes)
