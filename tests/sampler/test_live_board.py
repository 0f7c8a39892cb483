"""What a reader has put together is what there is, whenever it looked and whatever it missed."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from committee_shapes import custody
from link_simulation import run, start
from live_specimens import BEGAN_AT, BOOT, honest, line, one_silent, overview, subject, withholding

from da_node.service import MalformedRequest
from sampler.live.board import (
    MOST_ENDED,
    MOST_GONE,
    MOST_PICTURES,
    MOST_SHOWN,
    MOST_VERDICTS,
    Board,
)
from sampler.live.updates import Mirror, Place, Update
from sampler.session import Session


class Reader:
    """One that looks now and then, and checks each update's journey."""

    def __init__(self, board: Board, *, is_whole: bool = True) -> None:
        self.board, self.is_whole = board, is_whole
        self.place: Place | None = None
        self.mirror = Mirror()
        self.updates = 0

    def look(self, now_s: float = BEGAN_AT) -> Update | None:
        self.board.refresh(overview(members=self.board.members), now_s)
        update = self.board.update(self.place, now_s, is_whole=self.is_whole)
        if update is not None:
            self.place = Place.parse(str(self.board.place), "place")
            self.mirror.apply(msgspec.json.decode(msgspec.json.encode(update), type=Update))
            self.updates += 1
        return update


def sample(board: Board, number: int, *readers: Reader, chance: random.Random) -> Session:
    """A session on the board, at which readers look now and then."""
    session = start(custody(), number)
    with board.sampling(subject(number)) as shown:

        def watch(now_s: float) -> None:
            shown.watch(session)
            for reader in readers:
                if chance.random() < 0.3:
                    reader.look(BEGAN_AT + now_s)

        end_s = run(session, one_silent(number), watch)
        board.ended(shown, session, BEGAN_AT + end_s)
    board.said([line(number)])
    return session


def test_readers_that_look_at_different_times_see_the_same() -> None:
    board, chance = Board(boot=BOOT), random.Random(1)
    often, seldom = Reader(board), Reader(board)
    for number in range(1, MOST_ENDED + 9):
        sample(board, number, often, chance=chance)
        if number % 7 == 0:
            seldom.look()
    late = Reader(board)
    for reader in (often, seldom, late):
        reader.look()
    assert often.mirror.sessions == seldom.mirror.sessions == late.mirror.sessions
    assert often.mirror.verdicts == seldom.mirror.verdicts == late.mirror.verdicts
    assert len(late.mirror.sessions) == MOST_ENDED
    assert late.updates == 1
    assert often.updates > seldom.updates


def test_nothing_is_sent_where_nothing_changed() -> None:
    board = Board(boot=BOOT)
    reader = Reader(board)
    assert reader.look() is not None
    assert reader.look(BEGAN_AT + 5) is None
    board.said([line(1)])
    update = reader.look()
    assert update is not None
    assert not update.reset
    assert (update.sessions, [one.cursor for one in update.verdicts]) == ([], [1])


def test_a_session_that_is_under_way_is_shown_to_those_alone_who_may_see_it() -> None:
    board = Board(boot=BOOT)
    inside, outside = Reader(board), Reader(board, is_whole=False)
    session = start(custody(), 5)
    with board.sampling(subject(5)) as shown:
        session.begin_due(0.0)
        shown.watch(session)
        for reader in (inside, outside):
            reader.look()
        assert [one.stage for one in inside.mirror.sessions.values()] == ["asking"]
        assert outside.mirror.sessions == {}
        other = start(custody(), 5)
        run(other, honest())
        board.ended(shown, other, BEGAN_AT + 1)
    for reader in (inside, outside):
        reader.look()
        assert [one.stage for one in reader.mirror.sessions.values()] == ["available"]


def test_a_session_whose_sample_is_asked_for_again_is_shown_to_the_same_alone() -> None:
    board = Board(boot=BOOT)
    inside, outside = Reader(board), Reader(board, is_whole=False)
    session = start(custody(), 5)
    run(session, withholding())
    with board.sampling(subject(5)) as shown:
        board.ended(shown, session, BEGAN_AT + 1)
    for reader in (inside, outside):
        reader.look()
    assert [one.stage for one in inside.mirror.sessions.values()] == ["withheld"]
    assert outside.mirror.sessions == {}


def test_a_session_that_breaks_off_is_shown_no_more() -> None:
    board = Board(boot=BOOT)
    reader = Reader(board)
    session = start(custody(), 5)

    def breaks_off() -> None:
        with board.sampling(subject(5)) as shown:
            session.begin_due(0.0)
            shown.watch(session)
            reader.look()
            assert len(reader.mirror.sessions) == 1
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        breaks_off()
    reader.look()
    assert reader.mirror.sessions == {}


def test_a_place_of_another_process_or_long_ago_gets_everything_anew() -> None:
    board = Board(boot=BOOT)
    board.said([line(1)])
    reader, other = Reader(board), Reader(board)
    reader.look()
    other.place = Place(boot="00000000", version=board.version)
    update = other.look()
    assert update is not None
    assert update.reset
    ended = start(custody(), 1)
    run(ended, honest())
    for number in range(MOST_ENDED + MOST_GONE + 2):
        with board.sampling(subject(number)) as shown:
            board.ended(shown, ended, BEGAN_AT)
    update = reader.look()
    assert update is not None
    assert update.reset
    assert len(update.sessions) == MOST_ENDED


def test_what_is_kept_has_bounds() -> None:
    board = Board(boot=BOOT)
    reader = Reader(board)
    session = start(custody(), 1)
    session.begin_due(0.0)
    shown = [board.sampling(subject(number)) for number in range(MOST_SHOWN + 10)]
    for one in shown:
        one.__enter__().watch(session)
    board.said([line(number) for number in range(1, MOST_VERDICTS + 10)])
    for looks in range(1, MOST_SHOWN // MOST_PICTURES + 1):
        reader.look()
        assert len(reader.mirror.sessions) == looks * MOST_PICTURES
    reader.look()
    assert len(reader.mirror.sessions) == MOST_SHOWN
    assert [one.cursor for one in reader.mirror.verdicts] == list(range(10, MOST_VERDICTS + 10))
    for one in shown:
        one.__exit__(None, None, None)
    reader.look()
    assert reader.mirror.sessions == {}


def test_the_newest_session_is_seen_at_every_look_and_no_other_is_forgotten() -> None:
    board = Board(boot=BOOT)
    reader = Reader(board)
    session = start(custody(), 1)
    session.begin_due(0.0)
    kept = [board.sampling(subject(number)) for number in range(20)]
    shown = [one.__enter__() for one in kept]
    seen: Counter[int] = Counter()
    for _ in range(40):
        for one in shown:
            one.watch(session)
        update = reader.look()
        assert update is not None
        assert len(update.sessions) == MOST_PICTURES
        seen.update(one.key for one in update.sessions)
    assert seen[20] == 40
    assert min(seen.values()) >= 40 * (MOST_PICTURES - 1) // 19 - 1


def test_a_member_that_goes_on_being_silent_is_counted_until_it_answers() -> None:
    board, chance = Board(boot=BOOT), random.Random(1)
    for number in (3, 4, 5):
        sample(board, number, chance=chance)
    (silent,) = [one for one in board.members if one.health == "silent"]
    assert (silent.name, silent.silent_in_a_row, silent.sessions) == ("member-2", 3, 3)
    answers = start(custody(), 6)
    run(answers, honest())
    with board.sampling(subject(6)) as shown:
        board.ended(shown, answers, BEGAN_AT)
    (again,) = [one for one in board.members if one.name == "member-2"]
    assert (again.health, again.silent_in_a_row, again.sessions) == ("answers", 0, 4)


def test_what_is_under_way_is_looked_at_first_then_what_ended_last() -> None:
    board = Board(boot=BOOT)
    reader = Reader(board)
    session = start(custody(), 3)
    run(session, honest())
    for number, ended_s in ((3, 10.0), (4, 20.0), (5, 20.0)):  # at the same moment: the newer
        with board.sampling(subject(number)) as shown:
            board.ended(shown, session, BEGAN_AT + ended_s)
    reader.look()
    assert reader.mirror.foremost is not None
    assert reader.mirror.foremost.blob_id == subject(5).blob_id.hex0x
    under_way = start(custody(), 6)
    under_way.begin_due(0.0)
    with board.sampling(subject(6)) as shown, board.sampling(subject(7)):
        shown.watch(under_way)
        reader.look()
        assert reader.mirror.foremost.blob_id == subject(6).blob_id.hex0x


@pytest.mark.parametrize("text", ["", "1", "0badcafe", "0badcafe-", "0BADCAFE-1", "0badcafe-1 "])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest, match="Last-Event-ID"):
        Place.parse(text, "Last-Event-ID")
