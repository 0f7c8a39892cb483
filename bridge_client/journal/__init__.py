"""What the bridge client must not forget: which transactions it means to send, with the bytes that
it has signed for them, what became of each, and how far each watcher has read the chain.

One SQLite database in one directory, of one chain, owned by one process, used from one thread.
Every step is one transaction, synced when it returns (WAL, synchronous=FULL).
"""

from bridge_client.journal.journal import REMEMBERED_BLOCKS, Journal
from bridge_client.journal.records import Attempt, Intent, Place, Sighting
from da_node.service.step_thread import StepThread

JournalThread = StepThread[Journal]
"""The journal's own thread."""

__all__ = [
    "REMEMBERED_BLOCKS",
    "Attempt",
    "Intent",
    "Journal",
    "JournalThread",
    "Place",
    "Sighting",
]
