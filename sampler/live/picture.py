"""One session as it looks now, and what else a person sees, as values that travel as JSON. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from da_node.coding import BlobId
from sampler.live.curve import Step, curve, held_at
from sampler.plan import Rung
from sampler.question import State
from sampler.session import Session
from sampler.suspicion import Outcome

MOST_MEMBERS: Final = 128
COLUMNS: Final = 128


class Health(enum.StrEnum):
    """How a member looks in one session, the worst that holds."""

    UNASKED = "unasked"
    WAITED_FOR = "waited for"
    """Nothing has come back yet, and nothing is late."""
    ANSWERS = "answers"
    FAILS_SOME = "fails some"
    """It gave something, and failed something or is late with it."""
    SILENT = "silent"
    """It gave nothing at all, and something was lost or is late."""
    DENIES = "denies"
    """It does not serve what it signed for, and says so or sends what does not verify."""


class MemberPicture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of what one member was asked in one session."""

    member: int
    """Its place in the keyset."""
    name: str
    url: str
    signed: bool
    health: Health
    under_way: int
    """Attempts that are out."""
    late: int
    """Items that were asked of another one as well, since it had not given them in time."""
    asked: int
    """Attempts about the blob that ended."""
    held: int
    """Of these, what came and verified."""
    outcomes: dict[str, int]
    """The others, by what became of them."""
    controls: int
    """Control questions that ended."""
    controls_held: int


class SessionPicture(msgspec.Struct, frozen=True, kw_only=True):
    """One session at one moment; times are unix seconds by the sampler's clock."""

    key: int
    """No two sessions of one process are alike."""
    blob_id: str
    label: str
    payload_bytes: int
    unit: str
    rule: str
    stage: str
    """asking, doubting; available, withheld or inconclusive once it is over."""
    seen_at: float
    """When the blob was announced here."""
    began_at: float
    deadline_at: float
    ended_at: float | None
    expires_at: int
    wanted: float
    """Chance of a wrong *available* that is accepted."""
    error: float
    """The bound reached so far, 1 before the first item."""
    curve: list[Step]
    """How it came to that."""
    needed: int
    """Items of the rung that is nearest to being reached."""
    needed_held: int
    """Of these, held."""
    left_out: list[int]
    """Members without whom that rung does."""
    asked: int
    """Different items asked for."""
    held: int
    failed: int
    """Items that look lost, and are not held."""
    rounds: int
    """Rounds among control questions."""
    columns: list[tuple[int, int, int, int]]
    """Column, and of its items how many are asked, held, and look lost; only columns asked of."""
    members: Annotated[list[MemberPicture], Meta(max_length=MOST_MEMBERS)]

    @property
    def is_over(self) -> bool:
        """Whether there is a verdict."""
        return self.ended_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a session is about, as far as it does not know itself."""

    blob_id: BlobId
    label: str
    payload_bytes: int
    expires_at: int
    seen_at: float
    """When the blob was announced here, unix seconds, like the next."""
    began_at: float
    wanted: float
    names: Sequence[str]
    """Of the members, in the keyset's order."""
    urls: Sequence[str]


def picture(key: int, subject: Subject, session: Session, now_s: float) -> SessionPicture:
    """How the session looks; `now_s` is unix seconds. Takes some 0.4 ms with 4 members."""
    plan = session.plan
    rungs = [rung for silent in session.tried if (rung := plan.without(silent)) is not None]
    steps = curve(plan, rungs, held_at(session))
    nearest = min(rungs, key=lambda rung: sum(item not in session.held for item in rung.items))
    if session.conclusion is not None and session.conclusion.rung is not None:
        nearest = session.conclusion.rung
    return SessionPicture(
        key=key,
        blob_id=subject.blob_id.hex0x,
        label=subject.label,
        payload_bytes=subject.payload_bytes,
        unit=plan.unit.name.lower(),
        rule=plan.rule.name.lower(),
        stage=session.stage.name.lower(),
        seen_at=subject.seen_at,
        began_at=subject.began_at,
        deadline_at=subject.began_at + session.deadline_s - session.began_s,
        # The session's own clock never goes back, which the other may.
        ended_at=max(now_s, subject.began_at + steps[-1][0] / 1000) if session.is_over else None,
        expires_at=subject.expires_at,
        wanted=subject.wanted,
        error=steps[-1][1],
        curve=steps,
        needed=len(nearest.items),
        needed_held=sum(item in session.held for item in nearest.items),
        left_out=_left_out(nearest),
        asked=session.asked,
        held=len(session.held),
        failed=session.failed,
        rounds=session.doubts.rounds,
        columns=_columns(session),
        members=_members(subject, session),
    )


def _left_out(rung: Rung) -> list[int]:
    return sorted(rung.silent)


def _columns(session: Session) -> list[tuple[int, int, int, int]]:
    asked: Counter[int] = Counter()
    held: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    plan = session.plan
    for question in session.questions:
        column = plan.custody.code.column_of(plan.unit, question.item)
        asked[column] += 1
        if question.state is State.HELD:
            held[column] += 1
        elif question.doubted:
            lost[column] += 1
    return [(column, asked[column], held[column], lost[column]) for column in sorted(asked)]


def _members(subject: Subject, session: Session) -> list[MemberPicture]:
    out: Counter[int] = Counter()
    for question in session.questions:
        out.update(question.under_way.values())
    return [
        _member(subject, session, member, out[member])
        for member in range(min(len(subject.urls), MOST_MEMBERS))
    ]


def _member(subject: Subject, session: Session, member: int, under_way: int) -> MemberPicture:
    record = session.members[member]
    return MemberPicture(
        member=member,
        name=subject.names[member],
        url=subject.urls[member],
        signed=member in session.doubts.promised,
        health=_health(session, member, under_way),
        under_way=under_way,
        late=len(record.overdue),
        asked=record.items.total(),
        held=record.items[Outcome.HELD],
        outcomes={
            outcome.value: count
            for outcome, count in record.items.items()
            if outcome is not Outcome.HELD and count
        },
        controls=record.controls.total(),
        controls_held=record.controls[Outcome.HELD],
    )


def _health(session: Session, member: int, under_way: int) -> Health:
    record = session.members[member]
    found = session.doubts.found
    if found is not None and member in found.denying:
        return Health.DENIES
    if record.is_silent:
        return Health.SILENT
    if record.failing > 0:
        return Health.FAILS_SOME
    if record.items.total() or record.controls.total():
        return Health.ANSWERS
    return Health.WAITED_FOR if under_way else Health.UNASKED
