"""What may be tried again, and when. Pure.

Only what is nobody's fault (503, 507, a lost connection) or a matter of pace (429) is tried
again; a refusal of what was asked never is, nor is an answer that was false. POST is idempotent
by content, so it is tried again like any other request.
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.errors import FalseAnswer, HoldfastError, NotEnough, TooManyRequests, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that did not succeed."""

    error: HoldfastError
    """What the answer stands for, or what became of the connection."""
    retry_after_s: float | None = None
    """What the node asked for in Retry-After."""

    @property
    def may_retry(self) -> bool:
        """Whether the same request may succeed later at the same node."""
        # What a node lacks now it lacks a moment later; another one may have it.
        final = FalseAnswer | NotEnough
        return isinstance(self.error, Unavailable | TooManyRequests) and not isinstance(
            self.error, final
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and with what pauses. Worst case of all pauses together: `deadline_s`."""

    attempts: int = 5
    """Most requests made, the first one included."""
    first_s: float = 0.2
    """Pause after the first failure; doubles from there."""
    longest_s: float = 10.0
    """Longest pause of our own choosing."""
    deadline_s: float = 60.0
    """No pause goes past this many seconds after the first request."""

    def delay_s(
        self, failure: Failure, *, made: int, elapsed_s: float, draw: float
    ) -> float | None:
        """Seconds to wait before the next try, None to give up.

        `made` requests have failed so far, `elapsed_s` after the first began; `draw` is random in
        [0, 1), so that clients turned away together do not come back together. Never earlier than
        the node asked for.
        """
        if not failure.may_retry or made >= self.attempts:
            return None
        backoff = min(self.longest_s, self.first_s * 2 ** (made - 1)) * (0.5 + draw / 2)
        delay = (failure.retry_after_s or 0.0) + backoff
        return delay if elapsed_s + delay <= self.deadline_s else None


def parse_retry_after(text: str | None) -> float | None:
    """Seconds out of a Retry-After field; None if absent or not a number of seconds."""
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    return float(text[:9])
