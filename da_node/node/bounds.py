"""Every bound of a node that is not a setting, with its arithmetic."""

from __future__ import annotations

from typing import Final

UPLOADS_IN_MEMORY: Final = 8
"""Payloads of the largest size that fit into the memory for uploads; smaller ones fit oftener."""

READ_MEMORY_BYTES: Final = 512 << 20
"""Memory of all answers being sent; one answer larger than this is sent alone."""

RATE_BURST_S: Final = 2
"""A client that paused may read so many seconds' worth at once."""

RATE_CLIENTS: Final = 65_536
"""Clients whose rate is remembered: about 200 bytes each, 13 MB."""

SUBSCRIBERS: Final = 256
"""Event streams open at once."""

SUBSCRIBER_BACKLOG: Final = 1024
"""Events a stream may be behind before it is cut off, to resume by its cursor."""

HEARTBEAT_S: Final = 15.0
"""Silence on an event stream after which a comment is sent; proxies cut off after 30 or 60."""

RECENT_PAYLOADS: Final = 4096
"""Payloads whose repeat is answered without encoding again: about 500 bytes each, 2 MB."""

RECOVERIES_AT_ONCE: Final = 2
"""Recoveries computed at once; each holds about four times its payload."""

RECOVERIES_WAITING: Final = 16
"""Recoveries under way or waiting; beyond it a reader is told to come back."""

REBUILDS_AT_ONCE: Final = 1
"""Blobs rebuilt from other nodes' columns at once: all columns and the whole blob, together about
four times the payload."""

MENDS_WAITING: Final = 64
"""Blobs that are mended in the background because a read found damage; the scrub finds more."""

MEND_REST_S: Final = 60.0
"""Rest between two attempts to mend a blob because of reads, so that reads of what cannot be
mended now do not keep the disk and the other nodes busy."""

MENDS_REMEMBERED: Final = 4096
"""Blobs whose last attempt is remembered: about 150 bytes each, 0.6 MB."""

STORE_THREADS: Final = 16
"""Calls into the store at once. They mostly wait for the writer, or hash without the lock."""

UPKEEP_THREADS: Final = 2
"""Pruning, and scrubbing or rebuilding, which may wait for each other."""

PROBE_THREADS: Final = 2
"""Threads of their own for probes and metrics, so that a busy store is not a silent one."""

LAG_INTERVAL_S: Final = 0.01
"""How often the event loop is asked whether it is on time."""

CLOCK_JUMP_S: Final = 60
"""A wall clock that leaves the monotonic one by more than this is reported: expiries and
pruning go by the wall clock, and members refuse expiries that are 300 s off."""

SCRUB_PAUSE_S: Final = 3600.0
"""Rest between two passes of the scrub."""
