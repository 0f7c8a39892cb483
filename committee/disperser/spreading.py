"""One blob on its way to the members: whom to ask, again or twice, and when it is over. Pure.

    member     WAITING ──begin──▶ ASKED ──sign──▶ SIGNED
                  ▲  ▲             │ │ ╲
                  │  └────pause────┘ │  begin (a hedge), lose (one of two attempts)
                  └── the start      └──fail──▶ FAILED        a WAITING member fails too

    blob       PENDING ──▶ CERTIFIED   the threshold is met
                       ──▶ FAILED      it cannot be met any more, or not in time

Time comes in as seconds of any clock that never goes back. Whoever does the sending tells what
became of each attempt, and asks what is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from committee.attestation import VerifiedAttestation
from committee.errors import BadAttestation, DispersalFailed, ReplayedRequest
from committee.keyset import VerifiedKeyset
from da_node.client.retry import Failure, RetryPolicy
from da_node.service import Bug, FalseAnswer

ATTEMPTS_AT_ONCE: Final = 2
"""Attempts of one member under way together: one, and its hedge."""
OVERDUE: Final = "no signature in time"
OPEN: Final = "had not signed yet"


class State(Enum):
    """Where one member stands."""

    WAITING = auto()
    """No attempt is under way; the next one begins at its time."""
    ASKED = auto()
    """One attempt is under way, or two."""
    SIGNED = auto()
    FAILED = auto()


class Move(Enum):
    """What happens to one member."""

    BEGIN = auto()
    """An attempt begins."""
    LOSE = auto()
    """An attempt is lost while another one is under way."""
    PAUSE = auto()
    """The only attempt is lost, and another one will begin."""
    SIGN = auto()
    FAIL = auto()


TRANSITIONS: Final[Mapping[tuple[State, Move], State]] = {
    (State.WAITING, Move.BEGIN): State.ASKED,
    (State.WAITING, Move.FAIL): State.FAILED,
    (State.ASKED, Move.BEGIN): State.ASKED,
    (State.ASKED, Move.LOSE): State.ASKED,
    (State.ASKED, Move.PAUSE): State.WAITING,
    (State.ASKED, Move.SIGN): State.SIGNED,
    (State.ASKED, Move.FAIL): State.FAILED,
}
"""Every legal step of a member; any other is a `Bug` and changes nothing."""


class Outcome(Enum):
    """What became of the blob. Once it is not PENDING it stays."""

    PENDING = auto()
    CERTIFIED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long members are waited for."""

    hedge_s: float | None = 2.0
    """Time after which a silent member is asked a second time on another connection; None: never.
    """
    blob_s: float = 30.0
    """Time within which the threshold must be met."""
    member_s: float = 60.0
    """Time a member has to sign, also once the threshold is met without it."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """How often one member is asked, hedges counted in, and with what pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to one member."""

    member: int
    number: int
    """0, 1, … of this member's."""


@dataclass(slots=True)
class _Standing:
    """One member."""

    next_at: float | None
    """When its next attempt begins; None: not any more."""
    state: State = State.WAITING
    made: int = 0
    under_way: set[int] = field(default_factory=set)
    reason: str = ""
    """Why its last attempt was lost."""

    def step(self, move: Move) -> None:
        following = TRANSITIONS.get((self.state, move))
        if following is None:
            raise Bug(reason=f"a member that is {self.state.name} cannot {move.name}")
        self.state = following

    @property
    def is_open(self) -> bool:
        return self.state in (State.WAITING, State.ASKED)


class Spreading:
    """The dispersal of one blob."""

    def __init__(self, keyset: VerifiedKeyset, patience: Patience, *, now_s: float) -> None:
        self._threshold = keyset.threshold
        self._patience = patience
        self._began_s = now_s
        self._members = [_Standing(next_at=now_s) for _ in range(keyset.size)]
        self._attestations: dict[int, VerifiedAttestation] = {}
        self._outcome = Outcome.PENDING
        self.faults: dict[int, str] = {}
        """What members did that no honest one does, by member."""

    # ------------------------------------------------------------ what stands

    @property
    def outcome(self) -> Outcome:
        """What became of the blob so far."""
        return self._outcome

    @property
    def attestations(self) -> tuple[VerifiedAttestation, ...]:
        """Every member's own signature so far, in order of the keyset."""
        return tuple(self._attestations[member] for member in sorted(self._attestations))

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be expected of any member."""
        return self._outcome is Outcome.FAILED or not any(one.is_open for one in self._members)

    def is_open(self, member: int) -> bool:
        """Whether the member may still sign; its attempts are pointless otherwise."""
        return not self.is_settled and self._members[member].is_open

    def state(self, member: int) -> State:
        """Where a member stands."""
        return self._members[member].state

    def failures(self) -> dict[int, str]:
        """Why each member that has not signed has not."""
        return {
            member: one.reason or OPEN
            for member, one in enumerate(self._members)
            if one.state is not State.SIGNED
        }

    def error(self, blob_id: str, names: list[str]) -> DispersalFailed:
        """What to answer where the blob is not certified; `names` are the members'."""
        return DispersalFailed(
            blob_id=blob_id,
            signed=len(self._attestations),
            threshold=self._threshold,
            failures={names[member]: reason for member, reason in self.failures().items()},
        )

    # ------------------------------------------------------------ what is to be done

    def begin_due(self, now_s: float) -> list[Attempt]:
        """The attempts that begin now: first ones, repeats, and hedges."""
        if self.is_settled:
            return []
        return [
            self._begin(member, now_s)
            for member, one in enumerate(self._members)
            if self._may_begin(one) and one.next_at is not None and one.next_at <= now_s
        ]

    def wakes_at(self) -> float | None:
        """When something is due next by the clock alone; None once all is settled."""
        if self.is_settled:
            return None
        times = [
            one.next_at for one in self._members if one.next_at is not None and self._may_begin(one)
        ]
        return min([*times, self._deadline_s()])

    # ------------------------------------------------------------ what happened

    def signed(self, attempt: Attempt, attestation: VerifiedAttestation) -> None:
        """The member's signature is there, and holds."""
        one = self._of(attempt)
        if attestation.member != attempt.member:
            raise Bug(reason=f"member {attempt.member} is credited with another's signature")
        one.step(Move.SIGN)
        one.under_way.clear()
        self._attestations[attempt.member] = attestation
        self._judge()

    def lost(self, attempt: Attempt, failure: Failure, *, now_s: float, draw: float) -> None:
        """The attempt came to nothing; `draw` is random in [0, 1), for the pause."""
        one = self._of(attempt)
        error = failure.error
        one.reason = str(error)
        if isinstance(error, BadAttestation | FalseAnswer):
            self.faults[attempt.member] = one.reason
        one.under_way.remove(attempt.number)
        if isinstance(error, ReplayedRequest) and one.made < self._patience.retry.attempts:
            # Somebody signed this very second before, a predecessor of ours most likely.
            delay_s: float | None = 0.0
        else:
            delay_s = self._patience.retry.delay_s(
                failure, made=one.made, elapsed_s=now_s - self._began_s, draw=draw
            )
        if delay_s is not None:
            one.next_at = now_s + delay_s
            one.step(Move.LOSE if one.under_way else Move.PAUSE)
        elif one.under_way and failure.may_retry:
            one.next_at = None  # it was the last that may begin; the other one may succeed yet
            one.step(Move.LOSE)
        else:
            self._fail(one)
        self._judge()

    def expire(self, now_s: float) -> None:
        """Give up on whatever is overdue."""
        if self.is_settled or now_s < self._deadline_s():
            return
        for one in self._members:
            if one.is_open:
                one.reason = f"{OVERDUE} ({one.reason})" if one.reason else OVERDUE
                self._fail(one)
        self._judge()

    # ------------------------------------------------------------ inside

    def _deadline_s(self) -> float:
        """The blob's own until it is certified; then the members have what is left of theirs."""
        pending = self._outcome is Outcome.PENDING
        patience = self._patience
        return self._began_s + (patience.blob_s if pending else patience.member_s)

    def _may_begin(self, one: _Standing) -> bool:
        return (
            one.is_open
            and len(one.under_way) < ATTEMPTS_AT_ONCE
            and one.made < self._patience.retry.attempts
        )

    def _begin(self, member: int, now_s: float) -> Attempt:
        one = self._members[member]
        one.step(Move.BEGIN)
        attempt = Attempt(member=member, number=one.made)
        one.under_way.add(attempt.number)
        one.made += 1
        hedge_s = self._patience.hedge_s
        one.next_at = None if hedge_s is None else now_s + hedge_s
        return attempt

    def _of(self, attempt: Attempt) -> _Standing:
        one = self._members[attempt.member]
        if attempt.number not in one.under_way:
            raise Bug(reason=f"{attempt} is not under way")
        return one

    def _fail(self, one: _Standing) -> None:
        one.step(Move.FAIL)
        one.under_way.clear()
        one.next_at = None

    def _judge(self) -> None:
        if self._outcome is not Outcome.PENDING:
            return
        signed = len(self._attestations)
        if signed >= self._threshold:
            self._outcome = Outcome.CERTIFIED
        elif signed + sum(one.is_open for one in self._members) < self._threshold:
            self._outcome = Outcome.FAILED
