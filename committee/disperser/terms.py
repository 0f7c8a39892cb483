"""Under which keyset a payload is kept, and until when: fixed at its acceptance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from committee.documents import Committee
from committee.parameters import HOUR_S
from committee.succession import Succession


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What members are asked to sign for a payload, whatever comes into force meanwhile."""

    committee: Committee
    """By whose arcs."""
    expires_at: int
    """Unix seconds, a whole hour."""

    @classmethod
    def at(cls, succession: Succession, now: int) -> Terms:
        """Those of a payload that is complete now: the newest keyset in force, and its retention
        rounded up to the hour.
        """
        committee = succession.current(now)
        expires_at = -(-(now + committee.keyset.retention_s) // HOUR_S) * HOUR_S
        return cls(committee=committee, expires_at=expires_at)
