"""Which blobs are sampled next, how many at once, and when again. Pure."""

from __future__ import annotations

from typing import Final

from da_node.coding import BlobId
from sampler.bounds import (
    PROPOSED_SHARE,
    RETRY_AFTER_S,
    UNCERTIFIED_SHARE,
    UNCERTIFIED_TRIES,
)
from sampler.conclusion import Finding
from sampler.state import Announcement, Lane, Waiting

Lanes = tuple[Lane, ...]

TURNS: Final[tuple[Lanes, ...]] = (
    (Lane.PROPOSED,),
    (Lane.NEW, Lane.RETRY, Lane.CATCH_UP),
    (Lane.UNCERTIFIED,),
)
"""Lanes in the order in which they are looked at: those that somebody vouches for come first, and
of these what a settlement waits for, which may have a part of the sessions only."""


class Schedule:
    """The sessions under way, and how many more there may be."""

    def __init__(self, *, sessions: int) -> None:
        """`sessions` is how many there are at once at most, 1 or more."""
        self._sessions = sessions
        self._running: set[BlobId] = set()
        self._proposed: set[BlobId] = set()
        self._uncertified: set[BlobId] = set()
        self._was_proposed = False
        """Whether the session that began last is of a proposal."""

    @property
    def turns(self) -> tuple[Lanes, ...]:
        """`TURNS`; after a proposal's session those of feeds have the first turn, or a sampler of
        one session would come to nothing else.
        """
        proposed, certified, uncertified = TURNS
        return (certified, proposed, uncertified) if self._was_proposed else TURNS

    @property
    def running(self) -> frozenset[BlobId]:
        """Blobs with a session under way."""
        return frozenset(self._running)

    def free(self, lanes: Lanes) -> int:
        """How many sessions may begin for these lanes of `TURNS`. Of blobs that nobody vouches for
        a part of all sessions at most, so that whoever makes them up holds up no other; likewise of
        those that were proposed on L1, as often as somebody likes.
        """
        free = self._sessions - len(self._running)
        if Lane.PROPOSED in lanes:
            most = max(1, self._sessions // PROPOSED_SHARE)
            free = min(free, most - len(self._proposed))
        if Lane.UNCERTIFIED in lanes:
            most = max(1, self._sessions // UNCERTIFIED_SHARE)
            free = min(free, most - len(self._uncertified))
        return max(0, free)

    def begun(self, waiting: Waiting) -> None:
        """Its session is under way."""
        self._running.add(waiting.blob_id)
        self._was_proposed = waiting.lane is Lane.PROPOSED
        if waiting.lane is Lane.PROPOSED:
            self._proposed.add(waiting.blob_id)
        if waiting.lane is Lane.UNCERTIFIED:
            self._uncertified.add(waiting.blob_id)

    def certified(self, blob_id: BlobId) -> None:
        """The session under way has found the certificate that its blob was announced without."""
        self._uncertified.discard(blob_id)

    def ended(self, blob_id: BlobId) -> None:
        """Its session is over, however it ended."""
        self._running.discard(blob_id)
        self._proposed.discard(blob_id)
        self._uncertified.discard(blob_id)

    def is_outdated_by(self, found: Announcement) -> bool:
        """Whether the session under way goes without the promise that has come now: it is to be
        begun again, with it.
        """
        return found.certificate is not None and found.blob_id in self._uncertified


def retry_at(
    waiting: Waiting, finding: Finding, *, is_vouched: bool, now: float, until: float
) -> float | None:
    """When the same sample is asked for again, unix seconds; None: not any more.

    `is_vouched` says whether the session went by a valid certificate; after `until` no session
    begins.
    """
    if finding is Finding.AVAILABLE:
        return None
    nobody_vouches = not is_vouched and waiting.lane is Lane.UNCERTIFIED
    if nobody_vouches and waiting.tries + 1 >= UNCERTIFIED_TRIES:
        return None
    again = now + RETRY_AFTER_S[min(waiting.tries, len(RETRY_AFTER_S) - 1)]
    return again if again <= until else None
