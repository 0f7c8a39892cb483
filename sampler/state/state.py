"""The steps of a sampler that must survive it, each one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from da_node.coding import BlobId
from da_node.service.database import Database, Sql
from sampler.intervals import Interval, Intervals
from sampler.look import LookName
from sampler.state import looks
from sampler.state.records import (
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
KEPT_AFTER_EXPIRY_S: Final = 86_400
"""Verdicts and their evidence stay so long after their blob has expired."""
PRUNED_AT_ONCE: Final = 1000
"""Rows of each table that one transaction deletes."""

AVAILABLE: Final = 1
"""As verdicts are numbered here: `Stored.verdict`."""

_WAITING: Final = """blob_id, header, expires_at, label, certificate, seen_at, lane, tries, secret,
terms"""


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
            return _covered(sql, node_id)

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
            if fresh and _uncertified(sql) + fresh > MOST_UNCERTIFIED:
                return False
            for one in found:
                _announce(sql, one, now)
            parts = _covered(sql, node_id).adding(read).parts
            sql.execute("DELETE FROM intervals WHERE node_id = ?", (node_id,))
            sql.executemany(
                "INSERT INTO intervals VALUES (?, ?, ?)",
                [(node_id, part.after, part.upto) for part in parts],
            )
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
        found: list[Waiting] = []
        with self._database.reading() as sql:
            for lane in lanes:
                rows = sql.execute(
                    f"SELECT {_WAITING} FROM blobs WHERE lane = ? AND due_at <= ? "
                    "ORDER BY number DESC LIMIT ?",
                    (lane, now, limit + len(besides)),
                )
                found += [one for one in map(_waiting, rows) if one.blob_id not in besides]
        return found[:limit]

    def next_due(self) -> float | None:
        """When the next blob becomes due, unix seconds; None if none waits."""
        with self._database.reading() as sql:
            (due,) = sql.execute(
                "SELECT min(due_at) FROM blobs WHERE due_at IS NOT NULL"
            ).fetchone()
            return None if due is None else float(due)

    def due_since(self, lane: Lane) -> float | None:
        """When the blob of a lane that waits longest became, or becomes, due; None if none does."""
        with self._database.reading() as sql:
            (due,) = sql.execute(
                "SELECT min(due_at) FROM blobs WHERE lane = ? AND due_at IS NOT NULL", (lane,)
            ).fetchone()
            return None if due is None else float(due)

    def blob(self, blob_id: BlobId) -> Waiting | None:
        """What is known of a blob, waiting or not."""
        with self._database.reading() as sql:
            row = sql.execute(
                f"SELECT {_WAITING} FROM blobs WHERE blob_id = ?", (blob_id,)
            ).fetchone()
            return None if row is None else _waiting(row)

    def is_due(self, blob_id: BlobId) -> bool:
        """Whether its sample is being asked for, or will be."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT 1 FROM blobs WHERE blob_id = ? AND due_at IS NOT NULL", (blob_id,)
            ).fetchone()
            return row is not None

    def counts(self) -> dict[Lane, int]:
        """How many blobs wait in each lane."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT lane, count(*) FROM blobs WHERE due_at IS NOT NULL GROUP BY lane"
            )
            return dict.fromkeys(Lane, 0) | {Lane(lane): count for lane, count in rows}

    def fix(self, blob_id: BlobId, fixed: Fixed) -> Fixed:
        """Fix a blob's sample; the one that holds is returned, the first that was fixed under
        these terms.

        Nothing has been asked yet. A crash here leaves no sample, and another one is drawn that
        nobody has seen anything of either, or this one.
        """
        with self._database.transaction() as sql:
            row = sql.execute(
                "SELECT secret, terms FROM blobs WHERE blob_id = ?", (blob_id,)
            ).fetchone()
            if row is not None and row[1] == fixed.terms:
                return Fixed(secret=row[0], terms=row[1])
            # Other terms, above all a certificate where there was none, make another plan; the
            # random order stays, so that nothing is drawn anew.
            secret = fixed.secret if row is None or row[0] is None else row[0]
            sql.execute(
                "UPDATE blobs SET secret = ?, terms = ? WHERE blob_id = ?",
                (secret, fixed.terms, blob_id),
            )
            return Fixed(secret=secret, terms=fixed.terms)

    def certify(self, blob_id: BlobId, certificate: bytes, expires_at: int) -> None:
        """A valid certificate was found for a blob that had none. A crash before this finds it
        again, and so does a machine's before the next durable step.
        """
        with self._database.transaction(is_durable=False) as sql:
            sql.execute(
                "UPDATE blobs SET certificate = ?, expires_at = ?, lane = ? "
                "WHERE blob_id = ? AND certificate IS NULL",
                (certificate, expires_at, Lane.NEW, blob_id),
            )

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
            sql.execute(
                "UPDATE blobs SET tries = tries + 1, "
                "due_at = CASE WHEN certificate IS ? THEN ? ELSE due_at END, "
                "lane = CASE lane WHEN ? THEN lane ELSE ? END WHERE blob_id = ?",
                (certificate, retry_at, Lane.UNCERTIFIED, Lane.RETRY, verdict.blob_id),
            )
            sql.execute(
                "UPDATE blobs SET secret = NULL, terms = NULL "
                "WHERE blob_id = ? AND (due_at IS NULL OR ?)",
                (verdict.blob_id, verdict.verdict == AVAILABLE),
            )
            if deliver_at is not None:
                sql.execute("INSERT INTO outbox VALUES (?, ?, 0)", (cursor, deliver_at))
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
            sql.execute(
                "UPDATE blobs SET due_at = NULL, secret = NULL, terms = NULL "
                "WHERE blob_id = ? AND certificate IS ?",
                (blob_id, certificate),
            )

    def put_off(self, blob_id: BlobId, due_at: float) -> None:
        """Not to be sampled before then."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE blobs SET due_at = ? WHERE blob_id = ?", (due_at, blob_id))

    # ------------------------------------------------------------ looks

    def look(self, name: LookName) -> looks.Asked | None:
        """A look, if it was asked for."""
        with self._database.reading() as sql:
            return looks.find(sql, name)

    def ask_look(self, name: LookName, one: Announcement, *, now: float) -> looks.Asked:
        """Have a blob looked at anew, from `one.due_at` on; what was asked for before stays as it
        is. Raises TooManyRequests, TooManyLooks.

        A crash here leaves it asked for, or not: whoever asked was not answered, and asks again.
        """
        with self._database.transaction() as sql:
            found = looks.find(sql, name)
            if found is not None:
                return found
            looks.add(sql, name, one.blob_id, due_at=one.due_at, expires_at=one.expires_at)
            _announce(sql, one, now)
            return looks.Asked(begun_after=None)

    def begin_looks(self, *, now: float, besides: Collection[BlobId]) -> int:
        """Make the blobs of looks due, `besides` those with a session under way; how many looks.

        The samples before are forgotten. A crash here leaves looks that wait, or blobs that are due
        and have no sample; nothing was asked by either.
        """
        with self._database.reading() as sql:
            if not looks.due(sql, now=now, besides=besides):
                return 0
        with self._database.transaction() as sql:
            found = looks.due(sql, now=now, besides=besides)
            for number, blob_id in found:
                looks.begin(sql, number, blob_id, now=now, after=_last_cursor(sql))
        return len(found)

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
        due = self.next_delivery()
        if due is None or due > now:
            return []
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT cursor, document, tries FROM outbox JOIN verdicts USING (cursor) "
                "ORDER BY cursor LIMIT ?",
                (limit,),
            )
            return [
                Delivery(cursor=cursor, document=document, tries=tries)
                for cursor, document, tries in rows
            ]

    def next_delivery(self) -> float | None:
        """When the first of them is due, unix seconds; None if there is none."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT due_at FROM outbox ORDER BY cursor LIMIT 1").fetchone()
            return None if row is None else float(row[0])

    def undelivered(self) -> int:
        """How many the webhook has not taken yet."""
        with self._database.reading() as sql:
            (count,) = sql.execute("SELECT count(*) FROM outbox").fetchone()
            return int(count)

    def delivered(self, cursor: int) -> None:
        """The webhook has taken it, or never will. A crash before this delivers it once more."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM outbox WHERE cursor = ?", (cursor,))

    def deliver_later(self, cursor: int, due_at: float) -> None:
        """The webhook did not take it."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE outbox SET due_at = ?, tries = tries + 1 WHERE cursor = ?",
                (due_at, cursor),
            )

    def forget_oldest_deliveries(self, most: int) -> int:
        """Keep at most so many, the newest ones; how many were forgotten."""
        with self._database.transaction() as sql:
            return sql.execute(
                "DELETE FROM outbox WHERE cursor <= "
                "(SELECT cursor FROM outbox ORDER BY cursor DESC LIMIT 1 OFFSET ?)",
                (most,),
            ).rowcount

    # ------------------------------------------------------------ samples

    def samples(self, blob_id: BlobId) -> list[Sample]:
        """What is kept of a blob; verified once, and not to be believed before it is again."""
        with self._database.reading() as sql:
            rows = sql.execute("SELECT unit, item, body FROM samples WHERE blob_id = ?", (blob_id,))
            return [Sample(unit=unit, index=item, body=body) for unit, item, body in rows]

    def sample_bytes(self) -> int:
        """Bytes of all samples together."""
        with self._database.reading() as sql:
            (total,) = sql.execute("SELECT total(length(body)) FROM samples").fetchone()
            return int(total)

    # ------------------------------------------------------------ pruning

    def prune(self, *, now: float, sample_bytes: int) -> int:
        """Delete what is over, a part of it at a time: samples of expired blobs, and of those that
        expire first where all together are more than `sample_bytes`; then verdicts and blobs.

        How many rows went; 0 once there is nothing left to delete. A crash leaves the rest for
        the next time.
        """
        over = int(now) - KEPT_AFTER_EXPIRY_S
        with self._database.transaction() as sql:
            gone = _delete(sql, "samples", "expires_at <= ?", int(now))
            if not gone:
                gone = _shrink(sql, sample_bytes)
            gone += _delete(sql, "verdicts", "expires_at <= ?", over)
            gone += _delete(sql, "blobs", "expires_at <= ?", over)
            gone += _delete(sql, "looks", "expires_at <= ?", over)
            sql.execute("DELETE FROM outbox WHERE cursor NOT IN (SELECT cursor FROM verdicts)")
        return gone


def _covered(sql: Sql, node_id: str) -> Intervals:
    rows = sql.execute("SELECT after, upto FROM intervals WHERE node_id = ?", (node_id,))
    return Intervals.of(Interval(after, upto) for after, upto in rows)


def _last_cursor(sql: Sql) -> int:
    row = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'verdicts'").fetchone()
    return 0 if row is None else int(row[0])


def _uncertified(sql: Sql) -> int:
    (count,) = sql.execute(
        "SELECT count(*) FROM blobs WHERE lane = ? AND due_at IS NOT NULL", (Lane.UNCERTIFIED,)
    ).fetchone()
    return int(count)


def _announce(sql: Sql, one: Announcement, now: float) -> None:
    row = sql.execute(
        "SELECT expires_at, certificate, tries, due_at FROM blobs WHERE blob_id = ?",
        (one.blob_id,),
    ).fetchone()
    if row is None:
        sql.execute(
            "INSERT INTO blobs (blob_id, header, expires_at, label, certificate, seen_at, lane, "
            "due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                one.blob_id,
                one.header,
                one.expires_at,
                one.label,
                one.certificate,
                now,
                one.lane,
                one.due_at,
            ),
        )
        return
    expires_at, certificate, _, due_at = row
    if one.certificate is None or (certificate is not None and one.expires_at <= expires_at):
        return
    # Its first certificate, or a later one: what is known of it now is of another promise.
    lane = one.lane if due_at is None or certificate is None else Lane.RETRY
    sql.execute(
        "UPDATE blobs SET certificate = ?, expires_at = ?, lane = ?, due_at = ? WHERE blob_id = ?",
        (one.certificate, one.expires_at, lane, one.due_at, one.blob_id),
    )
    sql.execute(
        "UPDATE samples SET expires_at = ? WHERE blob_id = ?", (one.expires_at, one.blob_id)
    )


def _delete(sql: Sql, table: str, condition: str, value: int) -> int:
    key = {"samples": "rowid", "verdicts": "cursor", "blobs": "number", "looks": "number"}[table]
    return sql.execute(
        f"DELETE FROM {table} WHERE {key} IN "
        f"(SELECT {key} FROM {table} WHERE {condition} LIMIT {PRUNED_AT_ONCE})",
        (value,),
    ).rowcount


def _shrink(sql: Sql, most_bytes: int) -> int:
    (total,) = sql.execute("SELECT total(length(body)) FROM samples").fetchone()
    excess = int(total) - most_bytes
    if excess <= 0:
        return 0
    rows = sql.execute(
        f"SELECT rowid, length(body) FROM samples ORDER BY expires_at LIMIT {PRUNED_AT_ONCE}"
    ).fetchall()
    doomed: list[tuple[int]] = []
    for rowid, size in rows:
        if excess <= 0:
            break
        doomed.append((rowid,))
        excess -= size
    sql.executemany("DELETE FROM samples WHERE rowid = ?", doomed)
    return len(doomed)


def _waiting(row: tuple[Any, ...]) -> Waiting:
    blob_id, header, expires_at, label, certificate, seen_at, lane, tries, secret, terms = row
    return Waiting(
        blob_id=BlobId(blob_id),
        header=header,
        expires_at=expires_at,
        label=label,
        certificate=certificate,
        seen_at=seen_at,
        lane=Lane(lane),
        tries=tries,
        fixed=None if secret is None else Fixed(secret=secret, terms=terms),
    )


def _stored(row: tuple[int, bytes, int, bytes]) -> Stored:
    cursor, blob_id, verdict, document = row
    return Stored(cursor=cursor, blob_id=BlobId(blob_id), verdict=verdict, document=document)
