"""Every bound of a disperser that is not a setting, with its arithmetic."""

from __future__ import annotations

from typing import Final

from committee.parameters import MAX_MEMBERS
from da_node.client import RetryPolicy
from da_node.client.gathering import QUESTIONS

LAGGING_BYTES: Final = 512 << 20
"""Memory of certified blobs whose last members are still waited for; each holds twice its payload.
Beyond it the oldest is let go: it is certified, and members repair what they lack."""

TELLING: Final = 64
"""Members told at once of a blob that they did not sign for, each for a minute at most; one that is
not told finds it in another member's feed."""

RECENT_PAYLOADS: Final = 4096
"""Payloads whose repeat is answered with the same certificate: about 2 KB each, 8 MB."""

CERTIFIED_BLOBS: Final = 65_536
"""Blobs whose keyset is remembered, so that their readers know whom to ask: about 250 bytes each,
16 MB."""

THREADS: Final = 8
"""Hashing, signing and verifying, all of which release the interpreter lock. Encoding has threads
of its own, so that a signature is not verified behind it."""

CERTIFICATE_ANSWER_BYTES: Final = 64 << 10
"""Longest answer to a certificate that is handed in; nothing in it is used."""

CONNECTIONS_PER_UPLOAD: Final = 3 * MAX_MEMBERS
"""To each member of the largest committee: an attempt, its hedge, and one that hands in an earlier
certificate. Only as many are opened as there are members."""

CONNECTIONS_PER_READ: Final = QUESTIONS
"""To members. A question that waits for a connection looks like a silent member."""

UPLOADS_IN_MEMORY: Final = 8
"""Payloads of the largest size that fit into the memory for uploads; smaller ones fit oftener."""

READ_MEMORY_BYTES: Final = 512 << 20
"""Memory of all answers being sent; one answer larger than this is sent alone."""

SUBSCRIBERS: Final = 256
"""Event streams open at once."""

SUBSCRIBER_BACKLOG: Final = 1024
"""Events a stream may be behind before it is ended, to resume by its cursor. Streams share the
events, of about 2 KB each: with 128 members' feeds at worst 256 MB, with the usual one 2 MB."""

HEARTBEAT_S: Final = 15.0
"""Silence on an event stream after which a comment is sent; proxies cut off after 30 or 60."""

FEED_RETRY: Final = RetryPolicy(attempts=1)
"""A feed that broke off is not taken up before it is known to be the same node's."""

RATE_BURST_S: Final = 2
"""A client that paused may read so many seconds' worth at once."""

RATE_CLIENTS: Final = 65_536
"""Clients whose rate is remembered: about 200 bytes each, 13 MB."""

READ_RETRY: Final = RetryPolicy(attempts=2, first_s=0.1, longest_s=1.0, deadline_s=5.0)
"""A member that does not answer is soon left out of a read: others hold enough, and a reader who is
told 503 comes again by itself."""
