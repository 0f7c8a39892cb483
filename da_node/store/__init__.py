"""The store of one node: columns and records on disk, durable before they are acknowledged.

From the bottom up: `layout` (keys), `records` and `pieces` (values) are pure; `door` says what
is asked of a database, `database` is RocksDB behind it; `ledger` is what the store keeps in
memory, `writer` the one thread that writes; `warm` is what was read a moment ago; `reading`,
`putting`, `certifying` and `pruning` are what is done with them, and `Store` is the whole.

What is on disk is not believed: a value that fails its checksum or its verification is a missing
column. What is acknowledged is synced: a record on disk implies its columns.
"""

from da_node.store.budget import Usage
from da_node.store.certifying import Kept, Offer, Settled
from da_node.store.observer import Observer
from da_node.store.pruning import PrunedBucket, PruneReport
from da_node.store.putting import Stored
from da_node.store.reading import Location
from da_node.store.records import FeedEntry, Record, Wanted
from da_node.store.store import Store

__all__ = [
    "FeedEntry",
    "Kept",
    "Location",
    "Observer",
    "Offer",
    "PruneReport",
    "PrunedBucket",
    "Record",
    "Settled",
    "Store",
    "Stored",
    "Usage",
    "Wanted",
]
