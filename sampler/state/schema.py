"""The tables of a sampler's state."""

from __future__ import annotations

from typing import Final

from da_node.service.database import Schema
from sampler.errors import StateFault, StateInUse
from sampler.state.looks import TABLE as LOOKS
from sampler.state.stretches import NODES

_FIRST: Final = """
CREATE TABLE intervals (
    node_id TEXT NOT NULL,
    after INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    PRIMARY KEY (node_id, after)
) WITHOUT ROWID;
CREATE TABLE blobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    blob_id BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    label TEXT NOT NULL,
    certificate BLOB,
    seen_at REAL NOT NULL,
    lane INTEGER NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    secret BLOB,
    terms BLOB
);
CREATE INDEX blobs_waiting ON blobs (lane, number) WHERE due_at IS NOT NULL;
CREATE INDEX blobs_expiry ON blobs (expires_at);
CREATE TABLE verdicts (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    blob_id BLOB NOT NULL,
    verdict INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    document BLOB NOT NULL,
    evidence BLOB NOT NULL
);
CREATE INDEX verdicts_blob ON verdicts (blob_id, cursor);
CREATE INDEX verdicts_expiry ON verdicts (expires_at);
CREATE TABLE samples (
    blob_id BLOB NOT NULL,
    unit INTEGER NOT NULL,
    item INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (blob_id, unit, item)
);
CREATE INDEX samples_expiry ON samples (expires_at, length(body));
CREATE TABLE outbox (
    cursor INTEGER PRIMARY KEY,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL
)
"""

SCHEMA: Final = Schema(
    name="sampler",
    steps=(_FIRST, LOOKS, NODES),
    fault=lambda reason: StateFault(reason=reason),
    in_use=lambda directory: StateInUse(path=directory),
    cache_kib=8192,
)
