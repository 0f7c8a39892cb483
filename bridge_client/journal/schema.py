"""The tables of the bridge client's journal."""

from __future__ import annotations

from typing import Final

from bridge_client.errors import JournalFault, JournalInUse
from da_node.service.database import Schema

_FIRST: Final = """
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    genesis BLOB NOT NULL,
    head INTEGER NOT NULL
);
CREATE TABLE intents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT NOT NULL,
    account BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    target BLOB,
    data BLOB NOT NULL,
    value TEXT NOT NULL,
    gas INTEGER NOT NULL,
    state INTEGER NOT NULL,
    block_number INTEGER,
    block_hash BLOB
);
CREATE UNIQUE INDEX intents_purpose ON intents (purpose) WHERE state < 3;
CREATE UNIQUE INDEX intents_nonce ON intents (account, nonce) WHERE state < 4;
CREATE INDEX intents_live ON intents (account, nonce) WHERE state < 2;
CREATE TABLE attempts (
    intent INTEGER NOT NULL REFERENCES intents (number),
    ordinal INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    most_fee TEXT NOT NULL,
    tip TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (intent, ordinal)
) WITHOUT ROWID;
CREATE TABLE read (
    watcher TEXT NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (watcher, number)
) WITHOUT ROWID;
CREATE TABLE sightings (
    watcher TEXT NOT NULL,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (watcher, number, place)
) WITHOUT ROWID
"""
# A purpose is free again once its transaction failed, or was displaced or cancelled (state 3 to 5);
# a nonce only where it was displaced: then somebody else has used it.

_WITH_BLOBS: Final = """
ALTER TABLE intents ADD COLUMN hashes BLOB NOT NULL DEFAULT x'';
ALTER TABLE attempts ADD COLUMN blob_fee TEXT NOT NULL DEFAULT '0';
CREATE TABLE sidecars (
    intent INTEGER PRIMARY KEY REFERENCES intents (number),
    bytes BLOB NOT NULL
)
"""

_CANCELLING: Final = """
ALTER TABLE attempts ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;
DROP INDEX intents_nonce;
CREATE UNIQUE INDEX intents_nonce ON intents (account, nonce) WHERE state <> 4
"""

SCHEMA: Final = Schema(
    name="journal",
    steps=(_FIRST, _WITH_BLOBS, _CANCELLING),
    fault=lambda reason: JournalFault(reason=reason),
    in_use=lambda directory: JournalInUse(path=directory),
)
