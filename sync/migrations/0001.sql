-- The unit's file, version 1: what waits for the central store, and what the store told this branch.

CREATE TABLE queue (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL CHECK (length(epoch) >= 16), -- random, made with the file: numbers of another file are not ours
    last_sequence INTEGER NOT NULL DEFAULT 0 CHECK (last_sequence >= 0)
) STRICT;

CREATE TRIGGER queue_epoch_stays BEFORE UPDATE OF one, epoch ON queue
BEGIN SELECT raise(ABORT, 'the epoch belongs to the file'); END;

CREATE TRIGGER queue_stays BEFORE DELETE ON queue
BEGIN SELECT raise(ABORT, 'the epoch belongs to the file'); END;

CREATE TRIGGER queue_counts BEFORE UPDATE OF last_sequence ON queue
WHEN new.last_sequence <> old.last_sequence + 1
BEGIN SELECT raise(ABORT, 'sequences are without gaps'); END;

-- Keys that only the central store can unwrap; a row lives as long as an event needs it.
CREATE TABLE data_keys (
    key_id TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    event_id TEXT NOT NULL UNIQUE CHECK (length(event_id) BETWEEN 16 AND 64),
    kind TEXT NOT NULL,
    occurred_at TEXT NOT NULL, -- ISO 8601, UTC
    monotonic_s REAL NOT NULL,
    boot_id TEXT NOT NULL,
    clock_synced INTEGER NOT NULL CHECK (clock_synced IN (0, 1)),
    key_id TEXT NOT NULL REFERENCES data_keys (key_id),
    sealed BLOB NOT NULL,
    refused TEXT -- NULL while it waits; the store's reason once it is parked
) STRICT;

CREATE TRIGGER events_stay_as_recorded
BEFORE UPDATE OF sequence, event_id, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed ON events
BEGIN SELECT raise(ABORT, 'an event stays as it was recorded'); END;

CREATE TABLE replica (
    branch_id TEXT PRIMARY KEY,
    as_of TEXT NOT NULL, -- ISO 8601, UTC
    name TEXT NOT NULL,
    staffed TEXT NOT NULL, -- OSM opening_hours
    unstaffed TEXT NOT NULL,
    minimum_age INTEGER NOT NULL,
    loan_days INTEGER NOT NULL
) STRICT;
