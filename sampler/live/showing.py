"""What a running sampler shows of itself: it tells what it does, and readers look at the board."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from committee.documents import Committee
from da_node.coding import Header
from da_node.service import VERSION
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace
from sampler.feeds import Feed
from sampler.live.board import MOST_VERDICTS, Board
from sampler.live.picture import Subject
from sampler.live.streaming import Live
from sampler.live.updates import MOST_FEEDS, FeedLine, Overview, VerdictLine
from sampler.sampling import Watch
from sampler.session import Session
from sampler.settings import SamplerSettings
from sampler.state import Lane, Stored, Waiting
from sampler.terms import Terms


class Showing:
    """The board of one sampler, and what it shows beside sessions. Used from one event loop."""

    def __init__(
        self,
        settings: SamplerSettings,
        *,
        signer: str | None,
        clock: Callable[[], float],
        timers: Timers,
        transfer_pace: Callable[[], Pace],
    ) -> None:
        """`clock` gives unix seconds; `signer` is whose verdicts these are."""
        self.board: Final = Board(boot=secrets.token_hex(4))
        self.live: Final = Live(
            self.board,
            overview=self.overview,
            clock=clock,
            timers=timers,
            transfer_pace=transfer_pace,
            shows_all=settings.show_to_all,
        )
        self.feeds: list[Feed] = []
        self.offsets_s: dict[str, float] = {}
        """A node's clock less ours, by address."""
        self.running = 0
        self.waiting: dict[Lane, int] = {}
        self.lag_s = 0.0
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._nodes = settings.feed_urls

    @contextmanager
    def sampling(
        self,
        waiting: Waiting,
        header: Header,
        terms: Terms,
        committee: Committee | None,
        *,
        beside: Watch,
    ) -> Iterator[Watch]:
        """A session is shown as long as the body takes, and afterwards for a while if the body
        brings it to its end; what is given is told of every change, and tells `beside`.
        """
        members = () if committee is None else committee.members
        subject = Subject(
            blob_id=waiting.blob_id,
            label=waiting.label,
            payload_bytes=header.payload_length,
            expires_at=terms.expires_at,
            seen_at=waiting.seen_at,
            began_at=self._clock(),
            wanted=float(terms.wanted),
            names=[member.name for member in members] or [""],
            urls=[member.url for member in members] or list(self._nodes[:1]),
        )
        over: list[tuple[Session, float]] = []
        with self.board.sampling(subject) as shown:

            def watch(session: Session) -> None:
                shown.watch(session)
                if session.is_over and not over:
                    over.append((session, self._clock()))
                beside(session)

            yield watch
            for session, now_s in over:
                self.board.ended(shown, session, now_s)

    def said(self, stored: Iterable[Stored]) -> None:
        """Verdicts were given, the newest last."""
        self.board.said([VerdictLine.of(one.cursor, one.document) for one in stored])

    @property
    def most_verdicts(self) -> int:
        """How many are shown."""
        return MOST_VERDICTS

    def overview(self) -> Overview:
        """How the sampler as a whole is."""
        return Overview(
            signer=self._signer,
            version=VERSION,
            wanted=float(self._settings.wanted),
            deadline_s=self._settings.deadline_s,
            running=self.running,
            waiting={lane.name.lower(): count for lane, count in self.waiting.items()},
            lag_s=round(self.lag_s, 1),
            feeds=[
                FeedLine(
                    url=feed.url,
                    is_followed=feed.is_followed,
                    clock_offset_s=self.offsets_s.get(feed.url),
                )
                for feed in self.feeds[:MOST_FEEDS]
            ],
            members=self.board.members,
        )
