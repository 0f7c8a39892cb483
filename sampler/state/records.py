"""What stands in the state, as types. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from da_node.coding import BlobId

AVAILABLE: Final = 1
"""As verdicts are numbered here: `Stored.verdict`."""


class Lane(enum.IntEnum):
    """In which order waiting blobs are sampled; inside a lane the newest comes first."""

    PROPOSED = 4
    """Certified, and looked at anew, since a batch with it was proposed on L1."""
    NEW = 0
    """Certified, and announced just now."""
    RETRY = 1
    """Sampled before, without *available*."""
    CATCH_UP = 2
    """Announced while nobody was listening."""
    UNCERTIFIED = 3
    """Announced without a valid certificate: anybody could have made it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A blob of a feed; its header hashes to its id, its certificate is as it came."""

    blob_id: BlobId
    header: bytes
    """90 bytes."""
    expires_at: int
    """Unix seconds."""
    label: str
    certificate: bytes | None
    lane: Lane
    due_at: float
    """Not to be sampled before then, unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What fixes a blob's sample, written before its first question: the same makes the same."""

    secret: bytes
    """Of the random order, 32 bytes."""
    terms: bytes
    """JSON: keyset, certificate, rule, unit, wanted error, members expected to be silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A blob that is to be sampled."""

    blob_id: BlobId
    header: bytes
    expires_at: int
    label: str
    certificate: bytes | None
    """With the latest expiry seen so far, not verified."""
    seen_at: float
    """When it was first announced here, unix seconds."""
    lane: Lane
    tries: int
    """Sessions that ended with a verdict."""
    fixed: Fixed | None
    """None before the first session of a sample that nobody has been shown."""
    is_strict: bool = False
    """Whether a look wants the rule that leans on no committee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A verdict, with its place among this sampler's verdicts."""

    cursor: int
    """Grows by 1 or more with every verdict, and survives restart and pruning."""
    blob_id: BlobId
    verdict: int
    """0 inconclusive, 1 available, 2 withheld."""
    document: bytes
    """JSON: the verdict as it was signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidenced:
    """A verdict to be written, with what it rests on."""

    blob_id: BlobId
    verdict: int
    expires_at: int
    document: bytes
    """JSON, as `Stored` has it; the cursor is not in it."""
    evidence: bytes
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A verified column or point as it travels."""

    unit: int
    """0 column, 1 point."""
    index: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A blob that was found available."""

    blob_id: BlobId
    header: bytes
    expires_at: int
    evidence: bytes
    """JSON of what the verdict rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A verdict that the webhook has not taken yet."""

    cursor: int
    document: bytes
    tries: int
    """Times it was tried."""
