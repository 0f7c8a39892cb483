"""Certificates, and what they show is to be kept here and is not. Runs in the writer's thread.

A certificate of a blob whose columns never came, or only for an earlier expiry, makes it *wanted*:

    certificate ─▶ wanted ─▶ columns, record ─▶ (event, wanted no more)

Each arrow is a write in the one log, so a crash anywhere leaves a blob that is wanted still, or
one that is all here. What is wanted lies in the bucket of the certificate and is pruned with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from da_node.coding import BlobId, Header, VerifiedColumn
from da_node.errors import NotReady, Pruned
from da_node.retention import Bucket, bucket_of
from da_node.store import layout
from da_node.store.budget import Budget
from da_node.store.door import Database, Delete, Put, Step
from da_node.store.ledger import Ledger
from da_node.store.putting import Putting, announced
from da_node.store.reading import Reader
from da_node.store.records import (
    Record,
    Wanted,
    bits_of,
    certified_event,
    parse_wanted,
    wanted_value,
)
from da_node.store.writer import Log

MOST_WANTED: Final = 65_536
"""Blobs wanted at once: about 1 KiB each with their certificate, 64 MiB. Beyond it certificates of
what is not here are not taken; whoever reads a feed waits with the rest of it."""

WANTED_BYTES: Final = 1024
"""A wanted entry and its certificate with their keys, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A certificate that the caller has verified."""

    header: Header
    expires_at: int
    """Unix seconds, a whole hour: until when the blob is certified."""
    certificate: bytes
    stays: Callable[[bytes], bool]
    """Whether the certificate that is there for this expiry is to be kept instead."""
    columns: Collection[int] = ()
    """Those that are to be kept here until then."""
    label: str = ""
    """What the blob is called, where that is known and it is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a certificate. It is on disk when this is returned."""

    taken: bool
    """False if the one that was there stays."""
    cursor: int | None
    """Place in the feed of the event that the blob is certified until then; None where an earlier
    certificate has had it, or where it comes when the columns do."""
    wanted: bool
    """Whether columns of it are to be kept until then that are not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a wanted blob for which columns were brought."""

    wanted: bool
    """Whether some are lacking still."""
    cursor: int | None
    """The feed's last cursor, where this has added to it."""


class Certifying:
    """The jobs that keep certificates, and settle what they have made wanted."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        reader: Reader,
        budget: Budget,
        putting: Putting,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._reader = reader
        self._budget = budget
        self._putting = putting

    def keep(
        self, log: Log, offers: Sequence[Offer], position: tuple[bytes, bytes] | None
    ) -> list[Kept]:
        """Keep certificates; see `Store.put_certificates`."""
        kept = [self._keep(log, offer) for offer in offers]
        if position is not None:
            # Last in the log: a crash before it leaves a feed that is read again from there.
            log.commit([Put(layout.position_key(position[0]), position[1])])
        return kept

    def settle(
        self,
        log: Log,
        wanted: Wanted,
        columns: Sequence[VerifiedColumn],
        void: Collection[int],
    ) -> Settled:
        """Bring columns of a wanted blob; see `Store.settle`."""
        bucket, cursor = wanted.bucket, self._ledger.cursor
        found = self.wanted(bucket, wanted.blob_id)
        if found is None or bucket < self._ledger.low_water:
            return Settled(wanted=False, cursor=None)  # settled meanwhile, or expired
        record = self._putting.existing(wanted.blob_id)
        if columns or void or (record is not None and record.bucket < bucket):
            record = self._putting.bring(log, wanted.header, columns, bucket, found.label)
        if record is not None and void:
            record = self._putting.mark_void(log, record, bits_of(void))
        # A crash here leaves a blob that has its columns and is wanted: the next one to look at it
        # finds nothing lacking.
        done = record is not None and not found.lacking(record)
        if record is not None and done:
            self._unwant(log, found, record)
        grown = self._ledger.cursor
        return Settled(wanted=not done, cursor=grown if grown > cursor else None)

    def wanted(self, bucket: Bucket, blob_id: BlobId) -> Wanted | None:
        """The blob's wanted entry in one bucket. Damaged if it cannot be read."""
        value = self._database.get_many([layout.wanted_key(bucket, blob_id)])[0]
        return None if value is None else parse_wanted(bucket, blob_id, value)

    def wanted_latest(self, blob_id: BlobId) -> Bucket | None:
        """The last bucket that has not been pruned in which the blob is wanted; None if none."""
        buckets = sorted(self._ledger.wanted, reverse=True)
        keys = [layout.wanted_key(bucket, blob_id) for bucket in buckets]
        values = self._database.get_many(keys) if keys else []
        found = zip(buckets, values, strict=True)
        return next((bucket for bucket, value in found if value is not None), None)

    def wanted_in(self, bucket: Bucket, after: BlobId | None, limit: int) -> list[Wanted]:
        """At most `limit` blobs wanted in a bucket, by blob id, behind `after`."""
        page = self._database.scan(layout.wanted_after(bucket, after), limit)
        return [parse_wanted(bucket, layout.blob_id_of_key(key), value) for key, value in page]

    def _keep(self, log: Log, offer: Offer) -> Kept:
        blob_id, bucket = offer.header.blob_id, bucket_of(offer.expires_at)
        if bucket < self._ledger.low_water:
            raise Pruned(blob_id=blob_id.hex0x, expired_at=offer.expires_at)
        record = self._putting.existing(blob_id)
        wanting = self._wanting(offer, bucket, record)
        if record is None and wanting is None:
            self._reader.stored(blob_id)  # which says why it is not
        earlier = self._reader.certificate(bucket, blob_id)
        steps: list[Step] = []
        if taken := earlier is None or not offer.stays(earlier):
            steps.append(Put(layout.certificate_key(bucket, blob_id), offer.certificate))
        cursor = None
        if record is not None and earlier is None:
            cursor = self._ledger.cursor + 1
            steps += announced(certified_event(record, bucket, offer.certificate, cursor))
        is_new = False
        if wanting is not None:
            before = self.wanted(bucket, blob_id)
            is_new = before is None
            if is_new:
                self._require_room()
            both = wanting if before is None else _both(before, wanting)
            if both != before:
                steps.append(Put(layout.wanted_key(bucket, blob_id), wanted_value(both)))
        # One atomic write: a crash leaves a certificate with its event or wish, or neither.
        log.commit(steps)
        self._ledger.cursor = cursor or self._ledger.cursor
        if is_new:
            self._ledger.add_wanted(bucket, 1)
        # So that the bucket is searched, as it is after a restart, though it has no blob yet.
        self._ledger.set_summary(bucket, self._ledger.summary(bucket))
        return Kept(taken=taken, cursor=cursor, wanted=wanting is not None)

    def _wanting(self, offer: Offer, bucket: Bucket, record: Record | None) -> Wanted | None:
        """What is to be kept until the expiry of a bucket and is not; None if all of it is."""
        wanted = Wanted(
            header=offer.header,
            expires_at=offer.expires_at,
            label=offer.label,
            columns=bits_of(offer.columns),
            announced=record is not None,
        )
        lasting = record if record is not None and record.bucket >= bucket else None
        return wanted if wanted.lacking(lasting) else None

    def _require_room(self) -> None:
        if sum(self._ledger.wanted.values()) >= MOST_WANTED:
            raise NotReady(reason=f"{MOST_WANTED} blobs are wanted already")
        self._budget.require(WANTED_BYTES)

    def _unwant(self, log: Log, wanted: Wanted, record: Record) -> None:
        bucket = wanted.bucket
        steps: list[Step] = [Delete(layout.wanted_key(bucket, wanted.blob_id))]
        certificate = self._reader.certificate(bucket, wanted.blob_id)
        cursor = self._ledger.cursor
        if not wanted.announced and certificate is not None:
            cursor += 1
            steps += announced(certified_event(record, bucket, certificate, cursor))
        log.commit(steps)
        self._ledger.cursor = cursor
        self._ledger.add_wanted(bucket, -1)


def _both(before: Wanted, now: Wanted) -> Wanted:
    """As two keysets may want it."""
    return replace(
        now,
        columns=before.columns | now.columns,
        label=before.label or now.label,
        announced=before.announced or now.announced,
    )
