"""What a sampler remembers: durable, without gaps, bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from da_node.coding import BlobId
from sampler.errors import StateFault, StateInUse
from sampler.intervals import Interval
from sampler.state import (
    Announcement,
    Evidenced,
    Fixed,
    Lane,
    Sample,
    State,
    stretches,
)
from sampler.state import state as state_module

NOW = 1_800_000_000.0
DAY = 86_400


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.open(tmp_path)
    yield state
    state.close()


def blob(number: int) -> BlobId:
    return BlobId(number.to_bytes(32, "big"))


def announced(
    number: int,
    *,
    lane: Lane = Lane.NEW,
    certificate: bytes | None = b"c",
    expires_at: int = int(NOW) + 1000,
    due_at: float = NOW,
) -> Announcement:
    return Announcement(
        blob_id=blob(number),
        header=bytes(90),
        expires_at=expires_at,
        label="mine",
        certificate=certificate,
        lane=lane,
        due_at=due_at,
    )


def verdict(number: int, finding: int = 1, expires_at: int = int(NOW) + 1000) -> Evidenced:
    return Evidenced(
        blob_id=blob(number),
        verdict=finding,
        expires_at=expires_at,
        document=b'{"n":%d}' % number,
        evidence=b'{"why":%d}' % number,
    )


def waiting(state: State, **more: object) -> list[int]:
    lanes = list(Lane)
    found = state.waiting(lanes, now=NOW, limit=100, **more)  # type: ignore[arg-type]
    return [int.from_bytes(one.blob_id, "big") for one in found]


def test_a_stretch_and_its_blobs_are_remembered_over_a_restart(
    tmp_path: Path, state: State
) -> None:
    assert state.announce("node", Interval(4, 7), [announced(1), announced(2)], now=NOW)
    assert state.announce("node", Interval(7, 9), [], now=NOW)
    state.close()
    again = State.open(tmp_path)
    assert again.covered("node").parts == (Interval(4, 9),)
    assert again.covered("another").parts == ()
    assert waiting(again) == [2, 1]
    one = again.blob(blob(1))
    assert one is not None
    assert (one.header, one.label, one.certificate, one.tries) == (bytes(90), "mine", b"c", 0)
    again.close()


def test_a_feed_that_breaks_off_at_each_event_does_not_fill_the_disk(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it is passed over: what is forgotten is a gap again."""
    monkeypatch.setattr(stretches, "MOST_STRETCHES", 8)
    assert state.announce("node", Interval(0, 100), [], now=NOW)
    for cursor in range(200, 300, 2):
        state.announce("node", Interval(cursor, cursor + 1), [announced(cursor)], now=NOW)
    found = state.covered("node")
    assert (len(found.parts), found.upto) == (8, 299)
    assert found.parts[0] == Interval(0, 100)
    state.close()
    again = State.open(tmp_path)
    assert again.covered("node") == found
    for gap in found.gaps():
        again.announce("node", gap, [], now=NOW)
    assert again.covered("node").parts == (Interval(0, 299),)
    again.close()


def test_a_node_that_is_called_otherwise_each_time_does_not_fill_the_disk(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose feeds were read of late are remembered."""
    monkeypatch.setattr(stretches, "MOST_NODES", 4)
    for number in range(100):
        state.announce("honest", Interval(number, number + 1), [], now=NOW)
        state.announce(f"liar-{number}", Interval(0, 1 << 62), [], now=NOW)
    assert state.covered("honest").parts == (Interval(0, 100),)
    known = [number for number in range(100) if state.covered(f"liar-{number}").parts]
    assert known == [97, 98, 99]


def test_a_state_from_before_nodes_were_counted_knows_those_it_has_read(
    tmp_path: Path, state: State
) -> None:
    state.announce("node", Interval(4, 7), [], now=NOW)
    with state._database.transaction() as sql:
        sql.execute("DROP TABLE nodes")
        sql.execute("PRAGMA user_version = 2")
    state.close()
    again = State.open(tmp_path)
    again.announce("another", Interval(0, 1), [], now=NOW)
    assert again.covered("node").parts == (Interval(4, 7),)
    again.close()


def test_one_process_owns_the_state_and_others_may_look(tmp_path: Path, state: State) -> None:
    with pytest.raises(StateInUse):
        State.open(tmp_path)
    state.announce("node", Interval(0, 1), [announced(1)], now=NOW)
    view = State.view(tmp_path)
    assert waiting(view) == [1]
    view.close()
    with pytest.raises(StateFault):
        State.view(tmp_path / "nowhere")


def test_a_state_of_another_version_is_refused(tmp_path: Path, state: State) -> None:
    state.close()
    with sqlite3.connect(tmp_path / "sampler.sqlite") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StateFault, match="version is 7"):
        State.open(tmp_path)


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "sampler.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StateFault):
        State.open(tmp_path)


def test_commits_are_synced(tmp_path: Path, state: State) -> None:
    with state._database.reading() as sql:
        assert sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert sql.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_newest_first_then_retries_then_catch_up_then_what_anybody_could_make_up(
    state: State,
) -> None:
    lanes = {1: Lane.CATCH_UP, 2: Lane.NEW, 3: Lane.UNCERTIFIED, 4: Lane.NEW, 5: Lane.CATCH_UP}
    for number, lane in lanes.items():
        state.announce("node", Interval(number, number + 1), [announced(number, lane=lane)], now=1)
    state.conclude(verdict(2, 0), [], certificate=b"c", retry_at=NOW, deliver_at=None)
    assert waiting(state) == [4, 2, 5, 1, 3]
    assert waiting(state, besides={blob(4), blob(5)}) == [2, 1, 3]
    assert state.counts() == {
        Lane.PROPOSED: 0,
        Lane.NEW: 1,
        Lane.RETRY: 1,
        Lane.CATCH_UP: 2,
        Lane.UNCERTIFIED: 1,
    }


def test_what_is_not_due_does_not_wait(state: State) -> None:
    state.announce("node", Interval(0, 1), [announced(1, due_at=NOW + 5)], now=NOW)
    assert waiting(state) == []
    assert state.next_due() == NOW + 5
    state.put_off(blob(1), NOW)
    assert waiting(state) == [1]
    state.give_up(blob(1), certificate=b"c")
    assert waiting(state) == []
    assert state.next_due() is None


def test_a_blob_is_sampled_once_however_often_it_is_announced(state: State) -> None:
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    state.announce("b", Interval(8, 9), [announced(1)], now=NOW)
    assert waiting(state) == [1]
    state.conclude(verdict(1), [], certificate=b"c", retry_at=None, deliver_at=None)
    state.announce("c", Interval(0, 1), [announced(1)], now=NOW)
    state.announce("d", Interval(0, 1), [announced(1, certificate=None)], now=NOW)
    assert waiting(state) == []


def test_its_first_certificate_or_a_later_expiry_has_it_sampled_again(state: State) -> None:
    first = announced(1, certificate=None, lane=Lane.UNCERTIFIED, due_at=NOW + 60)
    state.announce("a", Interval(0, 1), [first], now=NOW)
    assert waiting(state) == []
    state.announce("a", Interval(1, 2), [announced(1)], now=NOW)
    assert waiting(state) == [1]
    state.conclude(verdict(1), [], certificate=b"c", retry_at=None, deliver_at=None)
    state.announce(
        "a", Interval(2, 3), [announced(1, certificate=b"d", expires_at=int(NOW) + 5000)], now=NOW
    )
    assert waiting(state) == [1]
    one = state.blob(blob(1))
    assert one is not None
    assert (one.certificate, one.expires_at) == (b"d", int(NOW) + 5000)


@pytest.mark.parametrize("is_found", [False, True])
def test_what_is_announced_without_a_certificate_postpones_no_promise(
    state: State, is_found: bool
) -> None:
    """Whoever announces may say any expiry; the certificate's is the one that counts."""
    false = announced(1, certificate=None, lane=Lane.UNCERTIFIED, expires_at=int(NOW) + 9000)
    state.announce("a", Interval(0, 1), [false], now=NOW)
    if is_found:
        state.certify(blob(1), b"c", int(NOW) + 1000)
    else:
        state.announce("a", Interval(1, 2), [announced(1)], now=NOW)
    one = state.blob(blob(1))
    assert one is not None
    assert (one.certificate, one.expires_at) == (b"c", int(NOW) + 1000)
    state.conclude(verdict(1), [], certificate=b"c", retry_at=None, deliver_at=None)
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(2, 3), [later], now=NOW)
    assert waiting(state) == [1]


def test_a_certificate_that_was_found_is_no_reason_to_sample_again(state: State) -> None:
    first = announced(1, certificate=None, lane=Lane.UNCERTIFIED)
    state.announce("a", Interval(0, 1), [first], now=NOW)
    state.certify(blob(1), b"c", int(NOW) + 1000)
    state.conclude(verdict(1), [], certificate=b"c", retry_at=None, deliver_at=None)
    state.announce("a", Interval(1, 2), [announced(1)], now=NOW)
    assert waiting(state) == []
    state.certify(blob(1), b"d", int(NOW) + 1)
    one = state.blob(blob(1))
    assert one is not None
    assert one.certificate == b"c"


@pytest.mark.parametrize("retry_at", [None, NOW + 30])
def test_a_promise_that_came_during_a_session_is_sampled_too(
    state: State, retry_at: float | None
) -> None:
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(1, 2), [later], now=NOW)
    state.conclude(verdict(1), [], certificate=b"c", retry_at=retry_at, deliver_at=None)
    assert waiting(state) == [1]
    state.give_up(blob(1), certificate=b"c")
    assert waiting(state) == [1]
    state.conclude(verdict(1), [], certificate=b"d", retry_at=retry_at, deliver_at=None)
    assert waiting(state) == []


def test_a_certificate_that_came_during_a_session_without_is_sampled_too(state: State) -> None:
    first = announced(1, certificate=None, lane=Lane.UNCERTIFIED)
    state.announce("a", Interval(0, 1), [first], now=NOW)
    state.announce("a", Interval(1, 2), [announced(1)], now=NOW)
    state.conclude(verdict(1), [], certificate=None, retry_at=None, deliver_at=None)
    assert waiting(state) == [1]


def test_a_flood_of_uncertified_blobs_is_read_on_later(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "MOST_UNCERTIFIED", 2)
    flood = [announced(n, certificate=None, lane=Lane.UNCERTIFIED) for n in (1, 2, 3)]
    assert not state.announce("node", Interval(0, 3), flood, now=NOW)
    assert state.covered("node").parts == ()
    assert state.announce("node", Interval(0, 2), flood[:2], now=NOW)
    assert not state.announce("node", Interval(2, 3), flood[2:], now=NOW)
    assert state.announce("node", Interval(3, 4), [announced(4)], now=NOW)
    state.conclude(verdict(1, 0), [], certificate=None, retry_at=None, deliver_at=None)
    assert state.announce("node", Interval(2, 3), flood[2:], now=NOW)
    assert state.covered("node").parts == (Interval(0, 4),)


def test_a_sample_once_fixed_stays(tmp_path: Path, state: State) -> None:
    state.announce("node", Interval(0, 1), [announced(1)], now=NOW)
    fixed = Fixed(secret=b"s" * 32, terms=b"{}")
    assert state.fix(blob(1), fixed) == fixed
    assert state.fix(blob(1), Fixed(secret=b"t" * 32, terms=b"{}")) == fixed
    state.close()
    again = State.open(tmp_path)
    one = again.blob(blob(1))
    assert one is not None
    assert one.fixed == fixed
    # Other terms make another plan of the same random order.
    other = again.fix(blob(1), Fixed(secret=b"u" * 32, terms=b"[]"))
    assert other == Fixed(secret=b"s" * 32, terms=b"[]")
    again.close()


def fixed(state: State, number: int, secret: bytes) -> bytes:
    """The secret of the sample that a session would go by which draws this one."""
    return state.fix(blob(number), Fixed(secret=secret * 32, terms=b"{}")).secret[:1]


@pytest.mark.parametrize("finding", [0, 2])
def test_a_sample_that_is_due_again_is_the_same_whatever_was_found(
    state: State, finding: int
) -> None:
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    assert fixed(state, 1, b"s") == b"s"
    state.conclude(verdict(1, finding), [], certificate=b"c", retry_at=NOW, deliver_at=None)
    assert fixed(state, 1, b"t") == b"s"
    state.put_off(blob(1), NOW + 30)
    assert fixed(state, 1, b"t") == b"s"
    # A promise that comes in between is asked by the same order, which nobody has been shown.
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(1, 2), [later], now=NOW)
    assert fixed(state, 1, b"t") == b"s"


@pytest.mark.parametrize("finding", [0, 1, 2, None])
def test_a_sample_that_all_may_see_serves_no_later_promise(
    state: State, finding: int | None
) -> None:
    """Members could hold what they were asked for, and nothing else."""
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    assert fixed(state, 1, b"s") == b"s"
    if finding is None:
        state.give_up(blob(1), certificate=b"c")
    else:
        state.conclude(verdict(1, finding), [], certificate=b"c", retry_at=None, deliver_at=None)
    assert not state.is_due(blob(1))
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(1, 2), [later], now=NOW)
    one = state.blob(blob(1))
    assert one is not None
    assert one.fixed is None
    assert fixed(state, 1, b"t") == b"t"
    assert fixed(state, 1, b"u") == b"t"


def test_a_promise_that_came_during_a_session_that_ended_available_has_its_own_sample(
    state: State,
) -> None:
    """What was found available is shown to all, though the blob is due."""
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    fixed(state, 1, b"s")
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(1, 2), [later], now=NOW)
    state.conclude(verdict(1), [], certificate=b"c", retry_at=None, deliver_at=None)
    assert state.is_due(blob(1))
    assert fixed(state, 1, b"t") == b"t"


def test_a_blob_given_up_that_got_another_promise_keeps_its_sample(state: State) -> None:
    state.announce("a", Interval(0, 1), [announced(1)], now=NOW)
    fixed(state, 1, b"s")
    later = announced(1, certificate=b"d", expires_at=int(NOW) + 5000)
    state.announce("a", Interval(1, 2), [later], now=NOW)
    state.give_up(blob(1), certificate=b"c")
    assert fixed(state, 1, b"t") == b"s"


def test_verdicts_have_cursors_that_survive_pruning(tmp_path: Path, state: State) -> None:
    for number in (1, 2):
        state.announce("node", Interval(number, number + 1), [announced(number)], now=NOW)
    first = state.conclude(verdict(1, 0), [], certificate=b"c", retry_at=NOW + 9, deliver_at=None)
    second = state.conclude(verdict(2, 2), [], certificate=b"c", retry_at=None, deliver_at=None)
    third = state.conclude(verdict(1, 1), [], certificate=b"c", retry_at=None, deliver_at=None)
    assert [one.cursor for one in state.verdicts(0, 10)] == [1, 2, 3]
    assert state.verdicts(1, 1) == [second]
    assert state.verdict(blob(1)) == third != first
    assert state.evidence(blob(1)) == b'{"why":1}'
    assert state.verdict(blob(9)) is None
    assert state.evidence(blob(9)) is None
    one = state.blob(blob(1))
    assert one is not None
    assert (one.tries, one.lane) == (2, Lane.RETRY)
    while state.prune(now=NOW + 3 * DAY, sample_bytes=1):
        pass
    assert state.verdicts(0, 10) == []
    assert state.last_cursor() == 3
    state.close()
    again = State.open(tmp_path)
    assert again.last_cursor() == 3
    assert (
        again.conclude(verdict(4), [], certificate=b"c", retry_at=None, deliver_at=None).cursor == 4
    )
    again.close()


def test_the_webhooks_queue_survives_and_is_bounded(tmp_path: Path, state: State) -> None:
    for number in range(1, 6):
        state.conclude(verdict(number), [], certificate=b"c", retry_at=None, deliver_at=NOW)
    state.delivered(1)
    assert [one.cursor for one in state.deliveries(now=NOW, limit=2)] == [2, 3]
    state.deliver_later(2, NOW + 60)
    state.close()
    again = State.open(tmp_path)
    assert again.deliveries(now=NOW, limit=10) == []  # verdicts come in order
    (late,) = again.deliveries(now=NOW + 60, limit=1)
    assert (late.cursor, late.document, late.tries) == (2, b'{"n":2}', 1)
    assert again.next_delivery() == NOW + 60
    assert again.forget_oldest_deliveries(2) == 2
    assert again.undelivered() == 2
    assert [one.cursor for one in again.deliveries(now=NOW + 60, limit=10)] == [4, 5]
    assert again.forget_oldest_deliveries(2) == 0
    again.close()


def test_samples_are_kept_until_the_blob_expires_and_within_their_bound(state: State) -> None:
    for number in (1, 2, 3):
        samples = [Sample(unit=1, index=index, body=bytes(100)) for index in range(3)]
        late = verdict(number, expires_at=int(NOW) + 1000 * number)
        state.conclude(late, samples, certificate=b"c", retry_at=None, deliver_at=None)
    assert state.sample_bytes() == 900
    assert len(state.samples(blob(1))) == 3
    state.prune(now=NOW, sample_bytes=650)
    assert [len(state.samples(blob(number))) for number in (1, 2, 3)] == [0, 3, 3]
    while state.prune(now=NOW + 2000, sample_bytes=650):
        pass
    assert [len(state.samples(blob(number))) for number in (1, 2, 3)] == [0, 0, 3]


def test_a_step_that_fails_leaves_nothing(state: State) -> None:
    state.announce("node", Interval(0, 1), [announced(1)], now=NOW)
    broken = Sample(unit=1, index=0, body=None)  # type: ignore[arg-type]
    with pytest.raises(StateFault, match="NOT NULL"):
        state.conclude(verdict(1), [broken], certificate=b"c", retry_at=None, deliver_at=NOW)
    assert state.verdict(blob(1)) is None
    assert state.undelivered() == 0
    assert waiting(state) == [1]
