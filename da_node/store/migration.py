"""The store's format version, and the steps from older ones to the present.

Each step takes a store of one version to the next. The version is raised, and synced, after its
step: a crash between leaves a store of the older version with some of the step done, and the
next start runs the step again. So a step must be able to run on its own half-done work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from da_node.errors import UnsupportedVersion
from da_node.store import layout
from da_node.store.door import Database, Put
from da_node.store.layout import FORMAT_KEY, FORMAT_VERSION
from da_node.store.ledger import bucket_numbers, entries, expiries, periods_in, record_in
from da_node.store.records import (
    certified_event,
    feed_value,
    number_value,
    parse_feed_entry,
    parse_number,
)

Migration = Callable[[Database], None]


def announce_certificates(database: Database) -> None:
    """Version 1 kept certificates without an event in the feed: append one for each.

    A crash within leaves some of them announced, each in one atomic write with its cursor; those
    are found in the feed, and passed over.
    """
    known = (
        parse_feed_entry(layout.cursor_of_key(key), value)
        for key, value in entries(database, layout.ALL_FEED)
    )
    announced = {(entry.bucket, entry.blob_id) for entry in known if entry.certificate}
    last = database.get_many([layout.CURSOR_KEY])[0]
    cursor = 0 if last is None else parse_number(last)
    periods = periods_in(database)
    for bucket in bucket_numbers(database):
        for key, certificate in entries(database, layout.certificates_of(bucket)):
            blob_id = layout.blob_id_of_key(key)
            kept = max(expiries(database, periods, blob_id), default=bucket)
            record = record_in(database, kept, blob_id)
            if record is None or (bucket, blob_id) in announced:
                continue
            cursor += 1
            entry = certified_event(record, bucket, certificate, cursor)
            database.write(
                [
                    Put(layout.feed_key(cursor), feed_value(entry)),
                    Put(layout.CURSOR_KEY, number_value(cursor)),
                ]
            )


MIGRATIONS: Final[Mapping[int, Migration]] = {1: announce_certificates}
"""By the version that a step starts from. Version 1 is the first."""


def bring_up_to_date(
    database: Database,
    *,
    version: int = FORMAT_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Make the store one of `version`. UnsupportedVersion if it is newer; StoreFault."""
    value = database.get_many([FORMAT_KEY])[0]
    # A store without a version is one that was just created: nothing precedes this write.
    found = version if value is None else parse_number(value)
    if found > version:
        raise UnsupportedVersion(what="the store", value=found, bound=version)
    if value is None:
        _set_version(database, version)
    for older in range(found, version):
        migrations[older](database)
        _set_version(database, older + 1)


def _set_version(database: Database, version: int) -> None:
    database.write([Put(FORMAT_KEY, number_value(version))])
    database.sync()
