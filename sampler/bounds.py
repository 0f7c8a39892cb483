"""Every bound of a sampler that is not a setting, with its arithmetic."""

from __future__ import annotations

from typing import Final

POLL_S: Final = 2.0
"""Pages of a feed that has no stream are asked for so often."""
STREAM_AGAIN_S: Final = 60.0
"""A stream that could not be had is tried again after so long; pages serve meanwhile."""
PAGE: Final = 500
"""Events of one page: 500 · 4 KiB is 2 MB at most."""
FEED_PAUSE_S: Final = 10.0
"""Longest pause before a feed that failed is tried again."""
LIVE_BATCH_S: Final = 0.2
"""Events of a stream that come within so long are one transaction."""

IDLE_S: Final = 1.0
"""Longest time between two looks at what is due."""
UNCERTIFIED_SHARE: Final = 4
"""One session of so many may be about a blob without a certificate."""
PROPOSED_SHARE: Final = 2
"""One session of so many may be a look that a proposal on L1 asks for."""
UNCERTIFIED_TRIES: Final = 3
"""Sessions of a blob that nobody certifies; with a certificate it is sampled again."""
RETRY_AFTER_S: Final = (30.0, 120.0, 600.0, 3600.0, 21_600.0)
"""After a verdict other than *available* the same sample is asked for again; the last pause stays.
Over 18 days that is 75 sessions, each of which has the bounds of a session."""

CLOCK_SKEW_S: Final = 300
"""Beyond it our clock and the nodes' do not agree, and `pruned` is not held against anybody."""
SILENT_SESSIONS: Final = 3
"""A member that was silent in so many sessions in a row is expected to be silent."""
RECHECK_SESSIONS: Final = 8
"""In one session of so many nobody is expected to be silent, or a member would never be seen again.
"""
GOOD_BLOBS: Final = 64
"""Verdicts looked at for control questions when a sampler starts."""

MOST_WATCHERS: Final = 16
"""Accounts that may ask for looks."""

PRUNE_S: Final = 60.0
"""How often expired rows are looked for."""

WEBHOOK_S: Final = 10.0
"""Time of one call."""
WEBHOOK_ANSWER_BYTES: Final = 64 << 10
"""Longest answer that is read; nothing in it is used."""
WEBHOOK_BATCH: Final = 64
"""Deliveries looked up at once; they are made one after the other, in order."""
WEBHOOK_FIRST_S: Final = 1.0
WEBHOOK_LONGEST_S: Final = 3600.0
"""Pause after a failed call, doubling from the first to the longest."""

SUBSCRIBERS: Final = 1024
"""Streams and waiting requests at once."""
BACKLOG: Final = 1024
"""Verdicts that a stream may be behind, 8 bytes each; it reads what it missed from the state."""
LONGEST_WAIT_S: Final = 60.0
"""Longest `wait` of a request for a verdict."""
HEARTBEAT_S: Final = 15.0
"""A quiet stream is broken by a comment so often."""
READ_MEMORY_BYTES: Final = 64 << 20
"""Memory of all answers with points being sent."""
RATE_BURST_S: Final = 2
RATE_CLIENTS: Final = 65_536
"""Clients whose rate is remembered: about 200 bytes each, 13 MB."""
EXPIRY_SLACK_S: Final = 7200
"""An announced expiry may be so much later than the longest retention of a keyset from now: the
rounding up to an hour, and clocks."""
LONGEST_RETENTION_S: Final = 366 * 86_400
"""The same where no keyset is known."""
