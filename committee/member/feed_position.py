"""How far another member's feed has been read: runs of cursors, so that the newest entries can be
read first and what lies before them later. Pure.

    1 ······ read ······ gap ······ read ······ top ──▶ (not there yet)

A run says that every entry in it was taken, whatever the feed holds there: what is pruned leaves
holes. Forgetting a run costs reading it again; nothing is ever skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_RUNS: Final = 64
"""Each time that reading begins anew at the top there may be one run more, until its gap has been
read. Beyond so many the lowest is forgotten."""

_NUMBER_BYTES: Final = 8


class Run(NamedTuple):
    """Cursors from `first` on, before `stop`."""

    first: int
    stop: int


class Gap(NamedTuple):
    """Cursors above `after` and below `before` that have not been read."""

    after: int
    before: int

    @property
    def size(self) -> int:
        """How many cursors; there may be fewer entries."""
        return self.before - self.after - 1


@dataclass(frozen=True, slots=True)
class Position:
    """The runs that have been read, ascending; none touches the next."""

    runs: tuple[Run, ...] = ()

    @property
    def top(self) -> int:
        """Everything new is above this cursor."""
        return self.runs[-1].stop - 1 if self.runs else 0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What lies below the top and is not read yet, the newest first."""
        stops = (1, *(run.stop for run in self.runs))
        gaps = (Gap(stop - 1, run.first) for stop, run in zip(stops, self.runs, strict=False))
        return tuple(gap for gap in gaps if gap.size)[::-1]

    @property
    def behind(self) -> int:
        """How many cursors below the top are not read."""
        return sum(gap.size for gap in self.gaps)

    def with_read(self, first: int, stop: int) -> Position:
        """With the cursors from `first` on, before `stop`, read as well."""
        if stop <= first:
            return self
        apart = [run for run in self.runs if run.stop < first or run.first > stop]
        touching = [run for run in self.runs if run not in apart]
        merged = Run(
            min([first, *(run.first for run in touching)]),
            max([stop, *(run.stop for run in touching)]),
        )
        return Position(tuple(sorted([*apart, merged]))[-MOST_RUNS:])

    def serialize(self) -> bytes:
        """16 bytes for each run."""
        numbers = (number for run in self.runs for number in run)
        return b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in numbers)

    @classmethod
    def parse(cls, data: bytes | None) -> Position:
        """What was serialized; nothing was read where there is none, or it makes no sense."""
        data = data or b""
        starts = range(0, len(data), _NUMBER_BYTES)
        numbers = [int.from_bytes(data[i : i + _NUMBER_BYTES], "big") for i in starts]
        if len(data) % (2 * _NUMBER_BYTES) or sorted(set(numbers)) != numbers or 0 in numbers:
            return cls()
        return cls(tuple(Run(*numbers[i : i + 2]) for i in range(0, len(numbers), 2)))
