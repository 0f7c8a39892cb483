"""One member: what it does, and what keeps it from signing, by its own word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from committee.arcs import Arc
from committee.documents import Committee
from committee.standing.heard import Heard, Identity
from da_node.coding import column_bytes

CLOCK_WARNING_S: Final = 60.0
CLOCK_BOUND_S: Final = 300.0
"""PROTOCOL.md: a member refuses requests signed further from its clock than this."""
NEARLY_FULL: Final = 0.1
"""Share of the disk that is free, below which a person is told."""
SETTLING_S: Final = 120.0
"""A blob that was dispersed since then may still be on its way to a member."""
UNREAD: Final = 256
"""Places of each other member's feed, one page, that may be unread at any time."""
IN_FLIGHT: Final = 16
"""Blobs, or one in a hundred if that is more, by which members' counts differ at any time."""
MOST_SHOWN: Final = 200
"""Characters of a reason or a version that a member gives."""


class State(Enum):
    """What one member does."""

    SIGNS = "signs"
    """It answers, and nothing keeps it from signing under this keyset."""
    UNABLE = "unable"
    """It answers, and cannot sign."""
    SILENT = "silent"
    """It does not answer."""
    UNASKED = "asking"
    """Its first answer is still awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """How full a member is, in bytes."""

    used: int
    """What its blobs count against the budget."""
    budget: int | None
    """The most they may; None leaves it to the disk."""
    free: int
    """What may still be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One member."""

    index: int
    name: str
    url: str
    state: State
    serves: bool
    """Whether it gives out what it keeps: it is the member that the keyset names, and ready."""
    reasons: tuple[str, ...]
    """What keeps it from signing; empty if it signs or is still being asked."""
    remarks: tuple[str, ...]
    """What a person should know although it signs."""
    version: str
    """Empty where unheard, as the rest is None."""
    lacks: int | None
    """Blobs that others have and it has not, by its own word; else by which it is behind the
    member with the most."""
    is_behind: bool
    """Whether it lacks more than what may be on its way to it just now."""
    disk: Disk | None
    signed_per_minute: float | None
    offset_s: float | None
    """Its clock minus ours."""
    uncertainty_s: float | None


def row_of(
    committee: Committee,
    index: int,
    heard: Heard | None,
    rate: float | None,
    *,
    reference_s: float,
    most_blobs: float,
) -> Row:
    """One member's row: what it said last, None before that, and how often it signs.

    Its clock is held against ours plus `reference_s`; `most_blobs` is what the fullest member has.
    """
    member = committee.members[index]
    identity = None if heard is None else heard.identity
    disk = None if heard is None else _disk(heard)
    is_behind = heard is not None and _is_behind(heard, most_blobs, committee.keyset.size)
    strange: list[str] = []
    reasons: list[str] = []
    remarks: list[str] = []
    if heard is not None and identity is None:
        reasons = [heard.trouble]
    elif heard is not None and identity is not None:
        off_s = abs(identity.offset_s - reference_s) - identity.uncertainty_s
        strange = _strangeness(committee, index, heard, identity)
        reasons = [*strange, *_inability(committee, heard, disk)]
        if off_s > CLOCK_BOUND_S:
            reasons.append(f"its clock is {int(identity.offset_s):+d} s off")
        elif off_s > CLOCK_WARNING_S:
            bound = f"beyond {CLOCK_BOUND_S:.0f} s it signs nothing"
            remarks.append(f"its clock is {int(identity.offset_s):+d} s off; {bound}")
        if is_behind:
            remarks.append(f"it is catching up: it lacks {_lacks(heard, most_blobs)} blobs or more")
        if disk is not None and disk.free < NEARLY_FULL * (disk.used + disk.free):
            remarks.append("its disk is nearly full")
        if heard.unready is not None and heard.trouble:
            remarks.append(heard.trouble)
    return Row(
        index=index,
        name=member.name,
        url=member.url,
        state=_state(heard, reasons),
        serves=heard is not None and heard.unready == "" and not strange,
        reasons=tuple(reason[:MOST_SHOWN] for reason in reasons),
        remarks=tuple(remark[:MOST_SHOWN] for remark in remarks),
        version="" if identity is None else identity.version[:MOST_SHOWN],
        lacks=None if heard is None else _lacks(heard, most_blobs),
        is_behind=is_behind,
        disk=disk,
        signed_per_minute=None if identity is None else rate,
        offset_s=None if identity is None else identity.offset_s,
        uncertainty_s=None if identity is None else identity.uncertainty_s,
    )


def _state(heard: Heard | None, reasons: Sequence[str]) -> State:
    if heard is None:
        return State.UNASKED
    if heard.identity is None:
        return State.SILENT
    return State.UNABLE if reasons else State.SIGNS


def _strangeness(committee: Committee, index: int, heard: Heard, identity: Identity) -> list[str]:
    """How what answers is not the member that the keyset names."""
    keyset, expected = committee.keyset, committee.members[index].public_key
    if identity.keyset_hash is None:
        return ["it is a node without a committee"]
    found = []
    if keyset.hash.hex0x not in heard.follows | {identity.keyset_hash}:
        found.append(f"it follows keyset {identity.keyset_hash}, not this one")
    if identity.public_key != expected.hex0x:
        found.append(f"its key is {identity.public_key}, not that of the keyset")
    kept = Arc(identity.arc.start, identity.arc.count)
    if identity.keyset_hash == keyset.hash.hex0x and kept != keyset.arcs[index]:
        found.append(f"it keeps columns {kept}, not {keyset.arcs[index]}")
    return found


def _inability(committee: Committee, heard: Heard, disk: Disk | None) -> list[str]:
    """What keeps the member from signing, by its own word."""
    found = []
    if heard.unready is None:
        found.append(f"whether it is ready is unknown: {heard.trouble}")
    elif heard.unready:
        found.append(f"it is not ready: {heard.unready}")
    if heard.figures.get("signer_reachable") == 0:
        found.append("its signer does not answer")
    if disk is not None and disk.free < committee.keyset.columns_per_member * column_bytes(1):
        found.append("its disk is full")
    return found


def _disk(heard: Heard) -> Disk | None:
    used, free = heard.figures.get("store_reserved_bytes"), heard.figures.get("store_free_bytes")
    budget = heard.figures.get("store_budget_bytes")
    if used is None or free is None:
        return None
    return Disk(used=int(used), budget=None if budget is None else int(budget), free=int(free))


def _lacks(heard: Heard, most_blobs: float) -> int | None:
    wanted, blobs = heard.figures.get("wanted_blobs"), heard.figures.get("store_blobs")
    if wanted is not None:
        return int(wanted)
    return None if blobs is None else int(most_blobs - blobs)


def _is_behind(heard: Heard, most_blobs: float, members: int) -> bool:
    figures, lacks = heard.figures, _lacks(heard, most_blobs)
    if "wanted_blobs" not in figures:
        return lacks is not None and lacks > max(IN_FLIGHT, most_blobs // 100)
    unread = figures.get("catch_up_behind", 0.0)
    waited_s = figures.get("wanted_oldest_seconds", 0.0)
    return waited_s > SETTLING_S or unread > UNREAD * (members - 1)
