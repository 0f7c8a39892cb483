"""The group commit, on the double: who waits for whom, and what a failure does to whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from lossy_disk import LossyDatabase, LossyDisk

from da_node.errors import NotReady, StoreFault
from da_node.store.door import Put
from da_node.store.writer import BATCH_BYTES, GROUP_BYTES, Log, Writer


class Counting(LossyDatabase):
    """Notes the bytes of each write."""

    def __init__(self, disk: LossyDisk) -> None:
        super().__init__(disk)
        self.writes: list[int] = []

    def write(self, steps):  # type: ignore[no-untyped-def]
        self.writes.append(sum(len(step.value) for step in steps))
        super().write(steps)


class Owner:
    """Notes what it is told."""

    def __init__(self, database: LossyDatabase) -> None:
        self.database = database
        self.groups: list[int] = []
        self.recoveries = 0

    def durable(self, jobs: int, written_bytes: int) -> None:
        self.groups.append(jobs)

    def recover(self) -> None:
        self.recoveries += 1
        self.database.reopen()


@pytest.fixture
def database(disk: LossyDisk) -> Counting:
    return Counting(disk)


@pytest.fixture
def owner(database: Counting) -> Owner:
    return Owner(database)


@pytest.fixture
def writer(database: Counting, owner: Owner) -> Iterator[Writer]:
    writer = Writer(database, owner)
    yield writer
    writer.close()


@pytest.fixture
def hold(writer: Writer) -> Iterator[Callable[[], None]]:
    """Keeps the writer's thread busy until what this returns is called."""
    started, let_go = threading.Event(), threading.Event()

    def wait(log: Log) -> None:
        started.set()
        let_go.wait()

    def start() -> Callable[[], None]:
        writer.hand_in(wait)
        started.wait()
        return let_go.set

    yield start
    let_go.set()


def putting(key: bytes, value: bytes = b"value") -> Callable[[Log], bytes]:
    def job(log: Log) -> bytes:
        log.put(key, value)
        log.commit([Put(b"record " + key, b"")])
        return key

    return job


def answers(futures: list[Future[bytes]]) -> list[bytes | type[BaseException]]:
    """What each future was answered, or the class of its error."""
    errors = [future.exception() for future in futures]
    return [
        future.result() if error is None else type(error)
        for future, error in zip(futures, errors, strict=True)
    ]


def test_jobs_that_wait_together_share_one_sync(
    writer: Writer, owner: Owner, disk: LossyDisk, hold: Callable[[], Callable[[], None]]
) -> None:
    let_go = hold()
    futures = [writer.hand_in(putting(b"%d" % number)) for number in range(8)]
    let_go()
    assert answers(futures) == [b"%d" % number for number in range(8)]
    # The job that held the thread was of the group too, and wrote nothing.
    assert owner.groups == [9]
    assert disk.steps == 8 * 2 + 1
    assert disk.unsynced == []


def test_nobody_is_answered_before_the_sync(writer: Writer, disk: LossyDisk) -> None:
    assert writer.submit(putting(b"a")) == b"a"
    assert b"record a" in disk.synced


def test_bulk_goes_in_batches_and_the_record_after_it(writer: Writer, database: Counting) -> None:
    piece = bytes(BATCH_BYTES // 4)

    def job(log: Log) -> None:
        for number in range(9):
            log.put(b"%d" % number, piece)
        log.commit([Put(b"record", b"r")])

    writer.submit(job)
    assert database.writes == [4 * len(piece), 4 * len(piece), len(piece), 1]


def test_no_job_joins_a_group_that_is_large_enough(
    writer: Writer, owner: Owner, hold: Callable[[], Callable[[], None]]
) -> None:
    let_go = hold()
    large = writer.hand_in(putting(b"large", bytes(GROUP_BYTES)))
    small = writer.hand_in(putting(b"small"))
    let_go()
    assert answers([large, small]) == [b"large", b"small"]
    assert owner.groups == [2, 1]


def test_a_job_that_refuses_is_alone_in_it_and_leaves_nothing_waiting(
    writer: Writer, disk: LossyDisk, hold: Callable[[], Callable[[], None]]
) -> None:
    def refusing(log: Log) -> bytes:
        log.put(b"never", b"")
        raise ValueError

    let_go = hold()
    futures = [writer.hand_in(job) for job in (putting(b"a"), refusing, putting(b"b"))]
    let_go()
    assert answers(futures) == [b"a", ValueError, b"b"]
    assert b"never" not in disk.synced


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # Two writes a job, then the sync. What comes behind a failed write is not of its group.
        (1, [StoreFault, b"b", b"c"]),
        (4, [StoreFault, StoreFault, b"c"]),
        (7, [StoreFault, StoreFault, StoreFault]),
    ],
)
def test_a_failed_step_fails_its_group_and_the_next_starts_from_what_is_on_disk(
    writer: Writer,
    owner: Owner,
    disk: LossyDisk,
    hold: Callable[[], Callable[[], None]],
    step: int,
    expected: list[bytes | type[BaseException]],
) -> None:
    let_go = hold()
    futures = [writer.hand_in(putting(key)) for key in (b"a", b"b", b"c")]
    disk.fail_at = step
    let_go()
    assert answers(futures) == expected
    assert writer.submit(putting(b"d")) == b"d"
    assert owner.recoveries == 1
    acknowledged = {key for key in (b"a", b"b", b"c") if key in expected} | {b"d"}
    assert acknowledged == {key for key in disk.synced if not key.startswith(b"record")}


def test_until_it_recovers_every_job_gets_the_reason(
    writer: Writer, owner: Owner, disk: LossyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fail_at = 1
    with pytest.raises(StoreFault, match="injected"):
        writer.submit(putting(b"a"))

    def still_broken() -> None:
        raise StoreFault(reason="still broken")

    with monkeypatch.context() as patch:
        patch.setattr(owner, "recover", still_broken)
        for _ in range(2):
            with pytest.raises(StoreFault, match="still broken"):
                writer.submit(putting(b"a"))
    assert writer.submit(putting(b"a")) == b"a"


def test_closing_finishes_what_was_handed_in_and_takes_nothing_more(
    writer: Writer, hold: Callable[[], Callable[[], None]]
) -> None:
    let_go = hold()
    future = writer.hand_in(putting(b"a"))
    closing = threading.Thread(target=writer.close)
    closing.start()
    let_go()
    closing.join()
    assert answers([future]) == [b"a"]
    with pytest.raises(NotReady):
        writer.hand_in(putting(b"b"))
    writer.close()
