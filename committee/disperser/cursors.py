"""A disperser's cursors: which member's feed, and where in it. Pure.

    cursor = tag of the member's node id, 27 bits ‖ the member's own cursor, 36 bits

A disperser has no feed of its own and keeps none: it passes on a member's. Cursors belong to one
node, so one that a disperser gives says which; another member's are never taken for it. Two nodes
of one tag, one pair in 134 million, would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from da_node.service import FalseAnswer, MalformedRequest

OWN_BITS: Final = 36
"""Of a member's own cursor: at 100 events a second they last 21 years."""
TAG_BITS: Final = 27
"""What is left of a cursor's 63."""
OWN_BOUND: Final = 1 << OWN_BITS

_DOMAIN: Final = b"HOLDFAST-V1-CURSOR"


def tag_of(node_id: str) -> int:
    """The tag of a node, 1 … 2^27 − 1: none is zero, so that no member's own cursor is ours."""
    digest = sha256(_DOMAIN + node_id.encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % ((1 << TAG_BITS) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in the feed of one member."""

    tag: int
    """Which member's."""
    own: int
    """The member's own cursor."""

    @classmethod
    def parse(cls, value: int, field: str) -> Cursor | None:
        """From a number that a client names in `field`; None for 0, the beginning of whichever
        feed. Raises MalformedRequest for a number that no disperser gives.
        """
        if value == 0:
            return None
        if value < OWN_BOUND:
            expected = "a cursor that a disperser gave: a member's own is of use to that member"
            raise MalformedRequest(field=field, value=str(value), expected=expected)
        return cls(tag=value >> OWN_BITS, own=value % OWN_BOUND)

    @classmethod
    def at(cls, url: str, tag: int, own: int) -> Cursor:
        """What a member's cursor becomes here. Raises FalseAnswer for one that is beyond reason."""
        if not 0 <= own < OWN_BOUND:
            raise FalseAnswer(url=url, what="cursor", reason=f"{own} is not below {OWN_BOUND}")
        return cls(tag=tag, own=own)

    @property
    def value(self) -> int:
        """The number, below 2^63."""
        return self.tag << OWN_BITS | self.own
