"""The steps of a sampler that must survive it, each one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from da_node.coding import BlobId
from da_node.service import TooManyRequests
from da_node.service.database import Database, Sql
from sampler.intervals import Interval, Intervals
from sampler.look import LookName
from sampler.state import blobs, looks, outbox, pruning, stretches
from sampler.state.records import (
    AVAILABLE,
    Announcement,
    Delivery,
    Evidenced,
    Fixed,
    Good,
    Lane,
    Sample,
    Stored,
    Waiting,
)
from sampler.state.schema import SCHEMA

MOST_UNCERTIFIED: Final = 100_000
"""Uncertified blobs that may wait: about 400 bytes each, 40 MB. A feed that announces more is read
on once some are done: the stretch is not marked as read."""


class State:
    """Not thread-safe: used from one thread, which waits for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, directory: Path) -> State:
        """The state in a directory, owned by this process. Raises StateInUse, StateFault."""
        return cls(Database.open(directory, SCHEMA))

    @classmethod
    def view(cls, directory: Path) -> State:
        """The state in a directory, for reading, whoever owns it. Raises StateFault."""
        return cls(Database.view(directory, SCHEMA))

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._database.close()

    # ------------------------------------------------------------ feeds

    def covered(self, node_id: str) -> Intervals:
        """What has been read of a node's feed."""
        with self._database.reading() as sql:
            return stretches.covered(sql, node_id)

    def announce(
        self, node_id: str, read: Interval, found: Sequence[Announcement], *, now: float
    ) -> bool:
        """A stretch of a feed was read, with these blobs in it. False, and nothing written, where
        too many uncertified ones wait already.

        A blob known before is sampled anew only where it got its first certificate, or a later
        expiry. A crash here leaves the stretch unread and its blobs unknown, or neither. So does a
        machine's that comes before the next durable step, without which nothing is asked: the feed
        has them still.
        """
        with self._database.transaction(is_durable=False) as sql:
            fresh = sum(one.lane is Lane.UNCERTIFIED for one in found)
            if fresh and blobs.count_uncertified(sql) + fresh > MOST_UNCERTIFIED:
                return False
            for one in found:
                blobs.announce(sql, one, now)
            stretches.add(sql, node_id, read)
        return True

    # ------------------------------------------------------------ blobs

    def waiting(
        self,
        lanes: Iterable[Lane],
        *,
        now: float,
        limit: int,
        besides: Collection[BlobId] = (),
    ) -> list[Waiting]:
        """At most `limit` blobs that are due, `besides` these: by lane, the newest first."""
        with self._database.reading() as sql:
            return blobs.due(sql, lanes, now=now, limit=limit, besides=besides)

    def next_due(self) -> float | None:
        """When the next blob becomes due, unix seconds; None if none waits."""
        with self._database.reading() as sql:
            return blobs.first_due(sql, Lane)

    def due_since(self, lane: Lane) -> float | None:
        """When the blob of a lane that waits longest became, or becomes, due; None if none does."""
        with self._database.reading() as sql:
            return blobs.first_due(sql, [lane])

    def blob(self, blob_id: BlobId) -> Waiting | None:
        """What is known of a blob, waiting or not."""
        with self._database.reading() as sql:
            return blobs.find(sql, blob_id)

    def is_due(self, blob_id: BlobId) -> bool:
        """Whether its sample is being asked for, or will be."""
        with self._database.reading() as sql:
            return blobs.is_due(sql, blob_id)

    def counts(self) -> dict[Lane, int]:
        """How many blobs wait in each lane."""
        with self._database.reading() as sql:
            return blobs.counts(sql)

    def fix(self, blob_id: BlobId, fixed: Fixed) -> Fixed:
        """Fix a blob's sample; the one that holds is returned, the first that was fixed under
        these terms.

        Nothing has been asked yet. A crash here leaves no sample, and another one is drawn that
        nobody has seen anything of either, or this one.
        """
        with self._database.transaction() as sql:
            return blobs.fix(sql, blob_id, fixed)

    def certify(self, blob_id: BlobId, certificate: bytes, expires_at: int) -> None:
        """A valid certificate was found for a blob that had none. A crash before this finds it
        again, and so does a machine's before the next durable step.
        """
        with self._database.transaction(is_durable=False) as sql:
            blobs.certify(sql, blob_id, certificate, expires_at)

    def conclude(
        self,
        verdict: Evidenced,
        samples: Sequence[Sample],
        *,
        certificate: bytes | None,
        retry_at: float | None,
        deliver_at: float | None,
    ) -> Stored:
        """A session's end: the verdict with its evidence, what was verified, when the blob is due
        again (None: not any more), and when the webhook is (None: there is none).

        `certificate` is the one that the session began with, or found: a blob that has got another
        one meanwhile stays due, for nothing has been asked by that promise yet.

        What ended *available*, or is not due any more, may be shown to anybody from now on. So its
        random order is forgotten: should the blob be promised anew, another one is drawn.

        A crash here leaves the blob as if the session had not been: it is asked again, for the
        same sample.
        """
        with self._database.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO verdicts (blob_id, verdict, expires_at, document, evidence) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    verdict.blob_id,
                    verdict.verdict,
                    verdict.expires_at,
                    verdict.document,
                    zlib.compress(verdict.evidence),
                ),
            ).lastrowid
            assert cursor is not None  # an INSERT always has one
            sql.executemany(
                "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)",
                [
                    (verdict.blob_id, one.unit, one.index, verdict.expires_at, one.body)
                    for one in samples
                ],
            )
            blobs.concluded(
                sql, verdict.blob_id, verdict.verdict, certificate=certificate, retry_at=retry_at
            )
            if deliver_at is not None:
                outbox.add(sql, cursor, deliver_at)
        return Stored(
            cursor=cursor,
            blob_id=verdict.blob_id,
            verdict=verdict.verdict,
            document=verdict.document,
        )

    def give_up(self, blob_id: BlobId, *, certificate: bytes | None) -> None:
        """Not to be sampled any more, without a verdict: its time is over, and its random order is
        forgotten. It stays due where it has another certificate than this one by now.
        """
        with self._database.transaction() as sql:
            blobs.give_up(sql, blob_id, certificate=certificate)

    def put_off(self, blob_id: BlobId, due_at: float) -> None:
        """Not to be sampled before then."""
        with self._database.transaction() as sql:
            blobs.put_off(sql, blob_id, due_at)

    # ------------------------------------------------------------ looks

    def look(self, name: LookName) -> looks.Asked | None:
        """A look, if it was asked for."""
        with self._database.reading() as sql:
            return looks.find(sql, name)

    def ask_look(
        self, name: LookName, one: Announcement, *, now: float, is_strict: bool = False
    ) -> looks.Asked:
        """Have a blob looked at anew, from `one.due_at` on, by the strict rule or whichever there
        is; what was asked for before stays as it is. Raises TooManyRequests, TooManyLooks.

        A crash here leaves it asked for, or not: whoever asked was not answered, and asks again.
        """
        with self._database.transaction() as sql:
            found = looks.find(sql, name)
            if found is not None:
                return found
            if one.lane is Lane.UNCERTIFIED and (blobs.count_uncertified(sql) >= MOST_UNCERTIFIED):
                raise TooManyRequests(what="uncertified blobs", bound=MOST_UNCERTIFIED)
            looks.add(
                sql,
                name,
                one.blob_id,
                due_at=one.due_at,
                expires_at=one.expires_at,
                is_strict=is_strict,
            )
            blobs.announce(sql, one, now)
            return looks.Asked(begun_after=None)

    def begin_looks(self, *, now: float, besides: Collection[BlobId]) -> int:
        """Make the blobs of looks due, `besides` those with a session under way; how many looks
        wait still.

        The samples before are forgotten. A crash here leaves looks that wait, or blobs that are due
        and have no sample; nothing was asked by either.
        """
        with self._database.reading() as sql:
            if not looks.due(sql, now=now, besides=besides):
                return looks.waiting(sql)
        with self._database.transaction() as sql:
            for number, blob_id in looks.due(sql, now=now, besides=besides):
                looks.begin(sql, number, blob_id, now=now, after=_last_cursor(sql))
            return looks.waiting(sql)

    # ------------------------------------------------------------ verdicts

    def verdict(self, blob_id: BlobId) -> Stored | None:
        """The latest one of a blob."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT cursor, blob_id, verdict, document FROM verdicts WHERE blob_id = ? "
                "ORDER BY cursor DESC LIMIT 1",
                (blob_id,),
            ).fetchone()
            return None if row is None else _stored(row)

    def verdicts(self, after: int, limit: int) -> list[Stored]:
        """At most so many after a cursor, in order."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT cursor, blob_id, verdict, document FROM verdicts WHERE cursor > ? "
                "ORDER BY cursor LIMIT ?",
                (after, limit),
            )
            return [_stored(row) for row in rows]

    def last_cursor(self) -> int:
        """Of the latest verdict, pruned ones counted in; 0 before the first."""
        with self._database.reading() as sql:
            return _last_cursor(sql)

    def evidence(self, blob_id: BlobId) -> bytes | None:
        """JSON of what the latest verdict of a blob rests on."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT evidence FROM verdicts WHERE blob_id = ? ORDER BY cursor DESC LIMIT 1",
                (blob_id,),
            ).fetchone()
            return None if row is None else zlib.decompress(row[0])

    def good_blobs(self, *, now: float, limit: int) -> list[Good]:
        """The latest ones that were found available and have not expired, newest first."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT blob_id, header, verdicts.expires_at, evidence FROM verdicts JOIN blobs "
                "USING (blob_id) WHERE verdict = ? AND verdicts.expires_at > ? "
                "ORDER BY cursor DESC LIMIT ?",
                (AVAILABLE, int(now), limit),
            )
            return [
                Good(
                    blob_id=BlobId(blob_id),
                    header=header,
                    expires_at=expires_at,
                    evidence=zlib.decompress(evidence),
                )
                for blob_id, header, expires_at, evidence in rows
            ]

    def touch(self) -> None:
        """Write something, for a probe."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE blobs SET tries = tries WHERE number = 0")

    # ------------------------------------------------------------ webhook

    def deliveries(self, *, now: float, limit: int) -> list[Delivery]:
        """Verdicts that the webhook is to get, in order; none as long as the first is not due."""
        with self._database.reading() as sql:
            return outbox.due(sql, now=now, limit=limit)

    def next_delivery(self) -> float | None:
        """When the first of them is due, unix seconds; None if there is none."""
        with self._database.reading() as sql:
            return outbox.next_due(sql)

    def undelivered(self) -> int:
        """How many the webhook has not taken yet."""
        with self._database.reading() as sql:
            return outbox.count(sql)

    def delivered(self, cursor: int) -> None:
        """The webhook has taken it, or never will. A crash before this delivers it once more."""
        with self._database.transaction() as sql:
            outbox.remove(sql, cursor)

    def deliver_later(self, cursor: int, due_at: float) -> None:
        """The webhook did not take it."""
        with self._database.transaction() as sql:
            outbox.put_off(sql, cursor, due_at)

    def forget_oldest_deliveries(self, most: int) -> int:
        """Keep at most so many, the newest ones; how many were forgotten."""
        with self._database.transaction() as sql:
            return outbox.forget_oldest(sql, most)

    # ------------------------------------------------------------ samples

    def samples(self, blob_id: BlobId) -> list[Sample]:
        """What is kept of a blob; verified once, and not to be believed before it is again."""
        with self._database.reading() as sql:
            rows = sql.execute("SELECT unit, item, body FROM samples WHERE blob_id = ?", (blob_id,))
            return [Sample(unit=unit, index=item, body=body) for unit, item, body in rows]

    def sample_bytes(self) -> int:
        """Bytes of all samples together."""
        with self._database.reading() as sql:
            return pruning.sample_bytes_of(sql)

    # ------------------------------------------------------------ pruning

    def prune(self, *, now: float, sample_bytes: int) -> int:
        """Delete what is over, a part of it at a time: samples of expired blobs, and of those that
        expire first where all together are more than `sample_bytes`; then verdicts and blobs.

        How many rows went; 0 once there is nothing left to delete. A crash leaves the rest for
        the next time.
        """
        with self._database.transaction() as sql:
            return pruning.prune(sql, now=now, sample_bytes=sample_bytes)


def _last_cursor(sql: Sql) -> int:
    row = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'verdicts'").fetchone()
    return 0 if row is None else int(row[0])


def _stored(row: tuple[int, bytes, int, bytes]) -> Stored:
    cursor, blob_id, verdict, document = row
    return Stored(cursor=cursor, blob_id=BlobId(blob_id), verdict=verdict, document=document)
