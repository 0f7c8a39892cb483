"""The state that is shown: sessions under way, the last that ended, the last verdicts. Pure.

A session that changes is only marked; its picture is taken when somebody looks, a few times a
second at most, so thousands of answers a second cost nothing more. When it ends its picture is
taken once, and the session let go.

At most MOST_SHOWN sessions under way and MOST_ENDED that ended are shown, of up to 25 KB each (128
members, 128 columns): 2 MB.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sampler.conclusion import Finding
from sampler.documents import finding_name
from sampler.live.picture import Health, MemberPicture, SessionPicture, Subject, picture
from sampler.live.updates import MOST_SEEN, Overview, Place, SeenMember, Update, VerdictLine
from sampler.session import Session

MOST_SHOWN: Final = 48
MOST_ENDED: Final = 32
MOST_VERDICTS: Final = 100
MOST_PICTURES: Final = 6
"""Taken at once, of half a millisecond each, 1 ms with 128 members; the rest has its turn next."""
MOST_GONE: Final = 1024
"""Keys of sessions that are gone, for readers that come back; one that lacks more starts anew."""


@dataclass(slots=True, eq=False)
class Shown:
    """One session on the board."""

    key: int
    subject: Subject
    session: Session | None = None
    """None before it has begun, and once its last picture is taken."""
    is_changed: bool = False
    version: int = 0
    """Of its picture."""
    picture: SessionPicture | None = None

    def watch(self, session: Session) -> None:
        """Something about it has changed."""
        self.session = session
        self.is_changed = True

    @property
    def is_told_to_all(self) -> bool:
        """Whether it has ended, and its sample is not asked for again."""
        last = self.picture if self.session is None else None
        return last is not None and last.stage == finding_name(Finding.AVAILABLE)


@dataclass(slots=True, kw_only=True)
class Board:
    """What there is to be seen of one sampler."""

    boot: str
    """8 hex digits that no other process has."""
    version: int = 0
    _keys: int = 0
    _under_way: dict[int, Shown] = field(default_factory=dict)
    _ended: deque[Shown] = field(default_factory=deque)
    _gone: deque[tuple[int, int]] = field(default_factory=deque)
    """Version and key."""
    _forgotten: int = 0
    """Up to this version, what has gone is not known any more."""
    _verdicts: deque[tuple[int, VerdictLine]] = field(default_factory=deque)
    _seen: OrderedDict[str, SeenMember] = field(default_factory=OrderedDict)
    _overview: Overview | None = None
    _overview_version: int = 0

    # ------------------------------------------------------------ what happens

    @contextmanager
    def sampling(self, subject: Subject) -> Iterator[Shown]:
        """A session, as long as the body takes; `ended` tells when it has a verdict. One that
        breaks off without is shown no more.
        """
        self._keys += 1
        shown = Shown(self._keys, subject)
        if len(self._under_way) < MOST_SHOWN:
            self._under_way[shown.key] = shown
        try:
            yield shown
        finally:
            if self._under_way.pop(shown.key, None) is not None and shown.picture is not None:
                self._goes(shown.key)

    def ended(self, shown: Shown, session: Session, now_s: float) -> None:
        """It has a verdict: this is how it looks for good."""
        last = picture(shown.key, shown.subject, session, now_s)
        for member in last.members:
            self._remember(member, now_s)
        shown.session, shown.is_changed = None, False
        if self._under_way.pop(shown.key, None) is None:
            return
        self.version += 1
        shown.picture, shown.version = last, self.version
        self._ended.append(shown)
        if len(self._ended) > MOST_ENDED:
            self._goes(self._ended.popleft().key)

    def said(self, verdicts: Sequence[VerdictLine]) -> None:
        """Verdicts were given, the newest last."""
        for line in verdicts:
            self.version += 1
            self._verdicts.append((self.version, line))
        while len(self._verdicts) > MOST_VERDICTS:
            self._verdicts.popleft()

    @property
    def members(self) -> list[SeenMember]:
        """Every member that was asked something lately."""
        return sorted(self._seen.values(), key=lambda one: (one.name, one.url))

    # ------------------------------------------------------------ what is seen

    def refresh(self, overview: Overview, now_s: float) -> None:
        """Take pictures of what has changed: of the newest session, and of those whose pictures are
        oldest.
        """
        if overview != self._overview:
            self.version += 1
            self._overview, self._overview_version = overview, self.version
        changed = [one for one in self._under_way.values() if one.is_changed]
        newest = max((one.key for one in changed), default=0)
        changed.sort(key=lambda one: (one.key != newest, one.version))
        for shown in changed[:MOST_PICTURES]:
            assert shown.session is not None  # it is what has changed
            self.version += 1
            shown.is_changed = False
            shown.picture = picture(shown.key, shown.subject, shown.session, now_s)
            shown.version = self.version

    def update(self, place: Place | None, now_s: float, *, is_whole: bool) -> Update | None:
        """What has changed since that place, everything without one; None if nothing has.

        To be asked after `refresh`. Sessions under way, and those not found available, are shown
        where `is_whole`: whoever sees what is asked, or asked again, could answer nothing else.
        """
        assert self._overview is not None
        after = -1
        if place is not None and place.boot == self.boot and place.version >= self._forgotten:
            after = place.version
        if after >= self.version:
            return None
        seen = [
            shown
            for shown in (*self._ended, *self._under_way.values())
            if is_whole or shown.is_told_to_all
        ]
        update = Update(
            reset=after < 0,
            time=now_s,
            is_whole=is_whole,
            overview=self._overview,
            sessions=[
                shown.picture
                for shown in seen
                if shown.picture is not None and shown.version > after
            ],
            gone=[key for version, key in self._gone if version > after >= 0],
            verdicts=[line for version, line in self._verdicts if version > after],
        )
        anything = update.sessions or update.gone or update.verdicts
        return update if anything or self._overview_version > after else None

    @property
    def place(self) -> Place:
        """Up to where an update that is made now goes."""
        return Place(boot=self.boot, version=self.version)

    # ------------------------------------------------------------ inside

    def _goes(self, key: int) -> None:
        self.version += 1
        self._gone.append((self.version, key))
        if len(self._gone) > MOST_GONE:
            self._forgotten, _ = self._gone.popleft()

    def _remember(self, member: MemberPicture, now_s: float) -> None:
        if member.health in (Health.UNASKED, Health.WAITED_FOR):
            return
        before = self._seen.pop(member.url, None)
        is_silent = member.health is Health.SILENT
        self._seen[member.url] = SeenMember(
            name=member.name,
            url=member.url,
            sessions=1 + (before.sessions if before else 0),
            asked=member.asked + member.late + (before.asked if before else 0),
            held=member.held + (before.held if before else 0),
            silent_in_a_row=(1 + (before.silent_in_a_row if before else 0)) if is_silent else 0,
            health=member.health.value,
            seen_at=now_s,
        )
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
