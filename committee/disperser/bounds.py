"""Every bound of a disperser that is not a setting, with its arithmetic."""

from __future__ import annotations

from typing import Final

LAGGING_BYTES: Final = 512 << 20
"""Memory of certified blobs whose last members are still waited for; each holds twice its payload.
Beyond it the oldest is let go: it is certified, and members repair what they lack."""

RECENT_PAYLOADS: Final = 4096
"""Payloads whose repeat is answered with the same certificate: about 2 KB each, 8 MB."""

THREADS: Final = 8
"""Hashing, signing and verifying, all of which release the interpreter lock. Encoding has threads
of its own, so that a signature is not verified behind it."""

CERTIFICATE_ANSWER_BYTES: Final = 64 << 10
"""Longest answer to a certificate that is handed in; nothing in it is used."""
