"""A blob's row: when it is sampled next, by which promise, and in which random order.

An order is drawn before the first question about its blob, and stays as long as the blob is due
without having been found available: whatever failed is asked for again, never something else in
its place. Once it may be shown to anybody it is forgotten, and serves no other promise.

Used inside the transactions of `State`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from da_node.coding import BlobId
from da_node.service.database import Sql
from sampler.state.records import AVAILABLE, Announcement, Fixed, Lane, Waiting

_IS_STRICT: Final = """EXISTS (SELECT 1 FROM looks WHERE looks.blob_id = blobs.blob_id
AND is_strict AND begun_after IS NOT NULL)"""
"""From a strict look on a blob is sampled by that rule, which counts everywhere."""
_COLUMNS: Final = f"""blob_id, header, expires_at, label, certificate, seen_at, lane, tries, secret,
terms, {_IS_STRICT}"""


def announce(sql: Sql, one: Announcement, now: float) -> None:
    """It was announced: new here, or with a promise that is new, or nothing new at all."""
    row = sql.execute(
        "SELECT expires_at, certificate, due_at FROM blobs WHERE blob_id = ?", (one.blob_id,)
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
    expires_at, certificate, due_at = row
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


def certify(sql: Sql, blob_id: BlobId, certificate: bytes, expires_at: int) -> None:
    """It has its first certificate, valid until then."""
    sql.execute(
        "UPDATE blobs SET certificate = ?, expires_at = ?, lane = ? "
        "WHERE blob_id = ? AND certificate IS NULL",
        (certificate, expires_at, Lane.NEW, blob_id),
    )


def fix(sql: Sql, blob_id: BlobId, fixed: Fixed) -> Fixed:
    """Its sample, the first that was fixed under these terms."""
    row = sql.execute("SELECT secret, terms FROM blobs WHERE blob_id = ?", (blob_id,)).fetchone()
    if row is not None and row[1] == fixed.terms:
        return Fixed(secret=row[0], terms=row[1])
    # Other terms, above all a certificate where there was none, make another plan; the random
    # order stays, so that nothing is drawn anew.
    secret = fixed.secret if row is None or row[0] is None else row[0]
    sql.execute(
        "UPDATE blobs SET secret = ?, terms = ? WHERE blob_id = ?",
        (secret, fixed.terms, blob_id),
    )
    return Fixed(secret=secret, terms=fixed.terms)


def concluded(
    sql: Sql, blob_id: BlobId, finding: int, *, certificate: bytes | None, retry_at: float | None
) -> None:
    """A session by this certificate found that; due again then, or as it was where it has got
    another certificate meanwhile.
    """
    sql.execute(
        "UPDATE blobs SET tries = tries + 1, "
        "due_at = CASE WHEN certificate IS ? THEN ? ELSE due_at END, "
        "lane = CASE lane WHEN ? THEN lane ELSE ? END WHERE blob_id = ?",
        (certificate, retry_at, Lane.UNCERTIFIED, Lane.RETRY, blob_id),
    )
    sql.execute(
        "UPDATE blobs SET secret = NULL, terms = NULL WHERE blob_id = ? AND (due_at IS NULL OR ?)",
        (blob_id, finding == AVAILABLE),
    )


def give_up(sql: Sql, blob_id: BlobId, *, certificate: bytes | None) -> None:
    """Not due any more, unless it has got another certificate than this one."""
    sql.execute(
        "UPDATE blobs SET due_at = NULL, secret = NULL, terms = NULL "
        "WHERE blob_id = ? AND certificate IS ?",
        (blob_id, certificate),
    )


def put_off(sql: Sql, blob_id: BlobId, due_at: float) -> None:
    """Due then."""
    sql.execute("UPDATE blobs SET due_at = ? WHERE blob_id = ?", (due_at, blob_id))


def begin_anew(sql: Sql, blob_id: BlobId, *, now: float) -> None:
    """Due now, since it was proposed, and with a sample that is yet to be drawn."""
    sql.execute(
        "UPDATE blobs SET secret = NULL, terms = NULL, due_at = ?, tries = 0, "
        "lane = CASE WHEN lane = ? AND certificate IS NULL THEN lane ELSE ? END WHERE blob_id = ?",
        (now, Lane.UNCERTIFIED, Lane.PROPOSED, blob_id),
    )


# ---------------------------------------------------------------- what stands


def find(sql: Sql, blob_id: BlobId) -> Waiting | None:
    """What is known of it, due or not."""
    row = sql.execute(f"SELECT {_COLUMNS} FROM blobs WHERE blob_id = ?", (blob_id,)).fetchone()
    return None if row is None else _waiting(row)


def due(
    sql: Sql, lanes: Iterable[Lane], *, now: float, limit: int, besides: Collection[BlobId]
) -> list[Waiting]:
    """At most so many that are due, `besides` these: by lane, the newest first."""
    found: list[Waiting] = []
    for lane in lanes:
        rows = sql.execute(
            f"SELECT {_COLUMNS} FROM blobs WHERE lane = ? AND due_at <= ? "
            "ORDER BY number DESC LIMIT ?",
            (lane, now, limit + len(besides)),
        )
        found += [one for one in map(_waiting, rows) if one.blob_id not in besides]
    return found[:limit]


def is_due(sql: Sql, blob_id: BlobId) -> bool:
    """Whether it is sampled now, or will be."""
    row = sql.execute(
        "SELECT 1 FROM blobs WHERE blob_id = ? AND due_at IS NOT NULL", (blob_id,)
    ).fetchone()
    return row is not None


def first_due(sql: Sql, lanes: Iterable[Lane]) -> float | None:
    """When the first of these lanes became or becomes due; None if none does."""
    statement = "SELECT min(due_at) FROM blobs WHERE lane = ? AND due_at IS NOT NULL"
    found = [sql.execute(statement, (lane,)).fetchone()[0] for lane in lanes]
    return min((float(first) for first in found if first is not None), default=None)


def counts(sql: Sql) -> dict[Lane, int]:
    """How many are due, now or later, in each lane."""
    rows = sql.execute("SELECT lane, count(*) FROM blobs WHERE due_at IS NOT NULL GROUP BY lane")
    return dict.fromkeys(Lane, 0) | {Lane(lane): count for lane, count in rows}


def count_uncertified(sql: Sql) -> int:
    """How many are due without a certificate."""
    (count,) = sql.execute(
        "SELECT count(*) FROM blobs WHERE lane = ? AND due_at IS NOT NULL", (Lane.UNCERTIFIED,)
    ).fetchone()
    return int(count)


def _waiting(row: tuple[Any, ...]) -> Waiting:
    blob_id, header, expires_at, label, certificate, seen_at, lane, tries, *more = row
    secret, terms, is_strict = more
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
        is_strict=bool(is_strict),
    )
