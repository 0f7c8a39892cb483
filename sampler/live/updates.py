"""What travels from a sampler to whoever looks at it: what has changed since it looked last.

The place in a stream is `BOOT-VERSION`: a number that grows with every change, of one process. A
reader that comes back with a place gets the present state of what has changed since, never each
step in between, so a slow reader costs no more than a quick one. A place of another process, or one
from before what is still known to be gone, gets everything anew. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from da_node.service import MalformedRequest
from sampler.confidence import Rule, Unit
from sampler.live.picture import SessionPicture
from sampler.verdict import ERROR_UNIT

MOST_FEEDS: Final = 64
MOST_SEEN: Final = 512
"""Members whose health is remembered: four committees of the largest size."""

_PLACE: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Up to where a reader has seen everything."""

    boot: str
    """8 hex digits, another for each process."""
    version: int

    def __str__(self) -> str:
        return f"{self.boot}-{self.version}"

    @classmethod
    def parse(cls, text: str, field: str) -> Place:
        """From `str` of one. Raises MalformedRequest."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise MalformedRequest(field=field, value=text[:64], expected="8 hex digits-number")
        return cls(boot=found[1], version=int(found[2]))


class VerdictLine(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict in a list."""

    cursor: int
    blob_id: str
    label: str
    finding: str
    reason: str
    error: float
    """Chance that it says what is not so."""
    unit: str
    rule: str
    asked: int
    held: int
    failed: int
    silent: list[int]
    time: int
    """Unix seconds."""
    expires_at: int
    is_signed: bool

    @classmethod
    def of(cls, cursor: int, document: bytes) -> VerdictLine:
        """Of a verdict as it stands in the state, whose JSON is our own."""
        said = msgspec.json.decode(document, type=_Said)
        message = said.message
        return cls(
            cursor=cursor,
            blob_id=said.blob_id,
            label=said.label,
            finding=said.finding,
            reason=said.reason,
            error=message.error_bound_1e18 / ERROR_UNIT,
            unit=Unit(message.unit).name.lower(),
            rule=Rule(message.rule).name.lower(),
            asked=message.asked,
            held=message.held,
            failed=message.failed,
            silent=said.silent,
            time=message.time,
            expires_at=said.expires_at,
            is_signed=said.signature is not None,
        )


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    unit: int
    rule: int
    asked: int
    held: int
    failed: int
    error_bound_1e18: int = msgspec.field(name="errorBound1e18")
    time: int


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What of a verdict's document is shown in a list."""

    blob_id: str
    label: str
    finding: str
    reason: str
    silent: list[int]
    expires_at: int
    signature: str | None
    message: _Message


class SeenMember(msgspec.Struct, frozen=True, kw_only=True):
    """How a member was in the sessions of this process."""

    name: str
    url: str
    sessions: int
    """In which it was asked something."""
    asked: int
    """What it was late with to the end counted in."""
    held: int
    silent_in_a_row: int
    """Of its last sessions, those in which it gave nothing."""
    health: str
    """In its last session."""
    seen_at: float
    """When that ended, unix seconds."""


class FeedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that is followed."""

    url: str
    is_followed: bool
    """Whether it could be read when it was last tried."""
    clock_offset_s: float | None
    """Its node's clock less ours; None before it was heard."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How the sampler as a whole is."""

    signer: str | None
    """Whose verdicts these are."""
    version: str
    wanted: float
    deadline_s: float
    running: int
    """Sessions under way, those that are not shown counted in."""
    waiting: dict[str, int]
    """Blobs that wait, by lane."""
    lag_s: float
    """For how long the blob that has been due longest has waited, 0 with none."""
    feeds: Annotated[list[FeedLine], Meta(max_length=MOST_FEEDS)]
    members: Annotated[list[SeenMember], Meta(max_length=MOST_SEEN)]


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader does not know yet."""

    reset: bool
    """Whether it is everything, and what is not in it is gone."""
    time: float
    """Unix seconds by the sampler's clock."""
    is_whole: bool
    """Whether sessions under way are shown to this reader."""
    overview: Overview
    sessions: list[SessionPicture]
    """Each replaces the one of the same key."""
    gone: list[int]
    """Keys of sessions that are shown no more."""
    verdicts: list[VerdictLine]
    """Newer ones than all before, in order."""


class Mirror:
    """What a reader has put together from updates."""

    def __init__(self, *, most_verdicts: int = 100) -> None:
        self.overview: Overview | None = None
        self.time = 0.0
        """Of the last update."""
        self.is_whole = True
        """Whether sessions under way are shown to us."""
        self.sessions: dict[int, SessionPicture] = {}
        self.verdicts: list[VerdictLine] = []
        """The last ones, oldest first."""
        self._most_verdicts = most_verdicts

    def apply(self, update: Update) -> None:
        """Take an update in."""
        if update.reset:
            self.sessions, self.verdicts = {}, []
        self.overview, self.time = update.overview, update.time
        self.is_whole = update.is_whole
        for key in update.gone:
            self.sessions.pop(key, None)
        for one in update.sessions:
            self.sessions[one.key] = one
        self.verdicts = [*self.verdicts, *update.verdicts][-self._most_verdicts :]

    @property
    def foremost(self) -> SessionPicture | None:
        """The session to look at: the newest that is under way, else the last that ended."""
        under_way = [one for one in self.sessions.values() if not one.is_over]
        if under_way:
            return max(under_way, key=lambda one: one.key)
        return max(
            self.sessions.values(), key=lambda one: (one.ended_at or 0.0, one.key), default=None
        )
