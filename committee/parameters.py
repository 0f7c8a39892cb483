"""The committee's numbers, derived from each other (PROTOCOL.md)."""

from __future__ import annotations

from typing import Final

from da_node.coding import COLUMNS, DATA_COLUMNS, HASH_BYTES, HEADER_BYTES

VERSION: Final = 1
"""The only version of keysets and of certificates."""
VERSION_BYTES: Final = 2

MAX_MEMBERS: Final = COLUMNS
"""With more members than columns two arcs would start at the same column."""

COLUMNS_NEEDED: Final = DATA_COLUMNS
"""Any 64 different columns give the blob back (CODING.md §7)."""

PUBLIC_KEY_BYTES: Final = 48
"""Compressed point of G1."""
SIGNATURE_BYTES: Final = 96
"""Compressed point of G2."""
SECRET_KEY_BYTES: Final = 32

TIME_BYTES: Final = 8
"""Unix seconds."""
DURATION_BYTES: Final = 4
"""Seconds: retention and challenge period."""
COUNT_BYTES: Final = 2
"""n, threshold, faults, columns per member."""

KEYSET_FIXED_BYTES: Final = (
    VERSION_BYTES + HASH_BYTES + TIME_BYTES + 2 * DURATION_BYTES + 4 * COUNT_BYTES
)
"""A keyset without its public keys."""

ATTESTATION_BYTES: Final = 2 * HASH_BYTES + TIME_BYTES
"""Keyset hash, blob id, expiry."""

CERTIFICATE_FIXED_BYTES: Final = (
    VERSION_BYTES + HASH_BYTES + HEADER_BYTES + TIME_BYTES + SIGNATURE_BYTES
)
"""A certificate without its bitmap of signers."""
MAX_BITMAP_BYTES: Final = MAX_MEMBERS // 8

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S

RETENTION_S: Final = 4096 * 32 * 12
"""What a keyset's retention is unless said otherwise: 4096 epochs of 32 slots of 12 s."""

CHALLENGE_PERIOD_S: Final = 7 * DAY_S
"""What a keyset's challenge period is unless said otherwise."""

CHALLENGE_MARGIN_S: Final = DAY_S
"""A blob outlives the challenge period of a batch settled up to a day after it was accepted."""

RELIANCE_MARGIN_S: Final = HOUR_S
"""Samplers stop asking an hour before the expiry, so a challenge must be over by then."""

EARLY_S: Final = 300
"""How much sooner than one retention from now an attested expiry may be: clocks differ."""
LATE_S: Final = HOUR_S + 300
"""How much later: rounding up to the hour, and clocks."""

if CHALLENGE_PERIOD_S + CHALLENGE_MARGIN_S > RETENTION_S:
    raise ValueError("the default challenge period must fit the default retention")
if RELIANCE_MARGIN_S > CHALLENGE_MARGIN_S:
    raise ValueError("a blob settled at once must be reliable under every keyset that loads")
if MAX_MEMBERS % 8:
    raise ValueError("the longest bitmap is whole bytes")
