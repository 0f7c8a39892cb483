"""How long a transfer may take: an allowance, plus what its bytes have earned. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The slowest transfer that is put up with."""

    started_s: float
    """When it began."""
    allowance_s: float
    """Time it has whatever its speed."""
    min_bytes_per_s: float
    """What it must keep up beyond that, on average."""
    longest_s: float
    """Time it has at most, however fast."""

    def deadline_s(self, transferred_bytes: int) -> float:
        """Until when more must have come than the bytes transferred so far."""
        earned_s = self.allowance_s + transferred_bytes / self.min_bytes_per_s
        return self.started_s + min(earned_s, self.longest_s)
