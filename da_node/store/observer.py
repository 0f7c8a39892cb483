"""Whom the store tells what happens in it; metrics and logs are made of this elsewhere."""

from __future__ import annotations

from da_node.coding import BlobId


class Observer:
    """Told, and does nothing: override what is of interest.

    Called from whichever thread it happens in; must return soon and not raise.
    """

    def column_damaged(self, blob_id: BlobId, index: int, reason: str) -> None:
        """A stored column could not be read or no longer verifies. Told at every such read."""

    def committed(self, jobs: int, written_bytes: int) -> None:
        """One synced flush has acknowledged this many writes of this many bytes together."""

    def reopened(self) -> None:
        """A write had failed, and the database was opened again before the next one."""
