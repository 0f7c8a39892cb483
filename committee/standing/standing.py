"""What follows from what the members say: who can sign, how much may still fail, what to see to.

Pure. A member's word is taken for it here: nothing is at stake but what a person is shown.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from committee.arcs import fewest_columns_of
from committee.documents import Committee
from committee.parameters import COLUMNS_NEEDED, MAX_MEMBERS
from committee.standing.heard import Heard
from committee.standing.members import CLOCK_WARNING_S, Row, State, row_of


class Verdict(Enum):
    """What it comes down to."""

    HEALTHY = "healthy"
    THIN = "no margin"
    """All works; one more failure would end that."""
    BROKEN = "broken"
    """No certificates, or blobs that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How far the committee is from not certifying."""

    able: int
    """Members that can sign now."""
    threshold: int

    @property
    def spare(self) -> int:
        """Members that may fail yet; negative where too few can sign."""
        return self.able - self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far it is from not giving blobs back, the worst of the members failing."""

    serving: int
    """Members that give out what they keep."""
    columns: int
    """Different columns that these keep."""
    spare: int
    """Members that may fail yet, for blobs that all members hold; −1 where these cannot be read."""
    spare_of_signers: int
    """The same for a blob of which just the threshold signed and nobody else holds anything;
    negative where such a blob may be out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How far it is from losing blobs, silent members' disks taken to be whole."""

    complete: int
    """Members of which nobody knows that they lack more than what is on its way to them."""
    spare: int
    """Disks of these that may be lost for good; −1 where already too many lack something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the committee stands."""

    rows: tuple[Row, ...]
    signing: Signing
    reading: Reading
    recovery: Recovery
    warnings: tuple[str, ...]
    """The gravest first; names and reasons are other machines' words."""

    @property
    def is_whole(self) -> bool:
        """Whether every member has been asked."""
        return all(row.state is not State.UNASKED for row in self.rows)

    @property
    def verdict(self) -> Verdict:
        spare = min(self.signing.spare, self.reading.spare)
        if spare < 0:
            return Verdict.BROKEN
        return Verdict.HEALTHY if spare else Verdict.THIN


def stand(
    committee: Committee,
    heard: Sequence[Heard | None],
    rates: Sequence[float | None],
    *,
    now: int,
) -> Standing:
    """From what every member said last, None where it has not been asked, how often it signs, and
    unix seconds. All in the order of the keyset.
    """
    reference_s = _reference(heard)
    most = max((one.figures.get("store_blobs", 0) for one in heard if one is not None), default=0)
    rows = tuple(
        row_of(committee, index, one, rate, reference_s=reference_s, most_blobs=most)
        for index, (one, rate) in enumerate(zip(heard, rates, strict=True))
    )
    keyset = committee.keyset
    serving = tuple(row.index for row in rows if row.serves)
    complete = tuple(row.index for row in rows if not row.is_behind)
    signing = Signing(
        able=sum(row.state is State.SIGNS for row in rows), threshold=keyset.threshold
    )
    reading = _reading(keyset.size, keyset.columns_per_member, keyset.threshold, serving)
    recovery = Recovery(
        complete=len(complete), spare=_spare(complete, keyset.size, keyset.columns_per_member)
    )
    standing = Standing(rows=rows, signing=signing, reading=reading, recovery=recovery, warnings=())
    warnings = [*_of_committee(committee, standing, reference_s, now), *_of_members(rows)]
    return Standing(
        rows=rows, signing=signing, reading=reading, recovery=recovery, warnings=tuple(warnings)
    )


# ---------------------------------------------------------------- all of them


def _reading(members: int, length: int, threshold: int, serving: tuple[int, ...]) -> Reading:
    enough = _enough(serving, members, length)
    silent = members - len(serving)
    return Reading(
        serving=len(serving),
        columns=_fewest(serving, members, length)[-1],
        spare=_spare(serving, members, length),
        spare_of_signers=-1 if enough is None else threshold - silent - enough,
    )


def _spare(holders: tuple[int, ...], members: int, length: int) -> int:
    """Members of these that may go, whichever, and the rest still holds 64 columns; or −1."""
    enough = _enough(holders, members, length)
    return -1 if enough is None else len(holders) - enough


def _enough(holders: tuple[int, ...], members: int, length: int) -> int | None:
    fewest = _fewest(holders, members, length)
    return next((count for count, held in enumerate(fewest) if held >= COLUMNS_NEEDED), None)


@functools.lru_cache(maxsize=MAX_MEMBERS)
def _fewest(holders: tuple[int, ...], members: int, length: int) -> tuple[int, ...]:
    """Cached: the same members answer from poll to poll, and it takes up to a tenth of a second."""
    return fewest_columns_of(holders, members, length)


def _reference(heard: Sequence[Heard | None]) -> float:
    """What to hold clocks against: ours, 0, unless most of three or more agree on another time."""
    offsets = [
        one.identity.offset_s for one in heard if one is not None and one.identity is not None
    ]
    if len(offsets) < 3:
        return 0.0
    median_s = statistics.median(offsets)
    agreeing = sum(abs(offset_s - median_s) <= CLOCK_WARNING_S for offset_s in offsets)
    is_ours = abs(median_s) <= CLOCK_WARNING_S or 2 * agreeing <= len(offsets)
    return 0.0 if is_ours else median_s


def _of_committee(
    committee: Committee, standing: Standing, reference_s: float, now: int
) -> list[str]:
    signing, reading, recovery = standing.signing, standing.reading, standing.recovery
    found = []
    if not standing.is_whole:
        return []  # nothing is known yet of those that have not been asked
    if signing.spare < 0:
        found.append(f"no certificates: {signing.able} can sign, {signing.threshold} are needed")
    elif signing.spare == 0:
        found.append("one more member that cannot sign ends certificates")
    if reading.spare < 0:
        found.append(
            f"blobs cannot be read: {reading.columns} columns can be had, "
            f"{COLUMNS_NEEDED} are needed"
        )
    elif reading.spare == 0:
        found.append("one more silent member may end reading")
    if reading.spare_of_signers < 0 <= reading.spare:
        found.append("blobs that only their signers hold may be out of reach")
    if recovery.spare < 0:
        found.append("so many members lack blobs that some may be lost")
    elif recovery.spare == 0:
        found.append("one more lost disk may lose blobs")
    if reference_s:
        found.append(f"this machine's clock seems wrong: the members' are {reference_s:+.0f} s off")
    if now < committee.keyset.not_before:
        found.append(f"the keyset is in force from {committee.keyset.not_before} on, not yet")
    return found


def _of_members(rows: Sequence[Row]) -> list[str]:
    unable = [f"{row.name}: {reason}" for row in rows for reason in row.reasons]
    return unable + [f"{row.name}: {remark}" for row in rows for remark in row.remarks]
