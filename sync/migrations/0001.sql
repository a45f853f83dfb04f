-- The unit's file, version 1: what waits for the central store, and what the store told this branch.

CREATE TABLE queue (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL CHECK (length(epoch) >= 16), -- random, made with the file: numbers of another file are not ours
    highest_gone INTEGER NOT NULL DEFAULT 0 -- of the events that were delivered: their sequences are never used again
) STRICT;

CREATE TRIGGER queue_epoch_stays BEFORE UPDATE OF one, epoch ON queue
BEGIN SELECT raise(ABORT, 'the epoch belongs to the file'); END;

CREATE TRIGGER queue_stays BEFORE DELETE ON queue
BEGIN SELECT raise(ABORT, 'the epoch belongs to the file'); END;

CREATE TRIGGER queue_counts_up BEFORE UPDATE OF highest_gone ON queue WHEN new.highest_gone < old.highest_gone
BEGIN SELECT raise(ABORT, 'a sequence is used once'); END;

-- Keys that only the central store can unwrap; a row lives as long as an event needs it.
CREATE TABLE wrapped_keys (
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
    key_id TEXT NOT NULL REFERENCES wrapped_keys (key_id),
    sealed BLOB NOT NULL,
    refused TEXT -- NULL while it waits; the store's reason once it is parked
) STRICT;

CREATE TRIGGER events_stay_as_recorded
BEFORE UPDATE OF sequence, event_id, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed ON events
BEGIN SELECT raise(ABORT, 'an event stays as it was recorded'); END;

CREATE TRIGGER events_follow_without_gap BEFORE INSERT ON events
WHEN new.sequence <> 1 + max(
    (SELECT coalesce(max(sequence), 0) FROM events),
    (SELECT highest_gone FROM queue)
)
BEGIN SELECT raise(ABORT, 'sequences are without gaps'); END;

CREATE TRIGGER events_leave_their_sequence AFTER DELETE ON events
BEGIN UPDATE queue SET highest_gone = max(highest_gone, old.sequence); END;

CREATE TABLE replica (
    branch_id TEXT PRIMARY KEY,
    as_of TEXT NOT NULL, -- ISO 8601, UTC
    name TEXT NOT NULL,
    staffed TEXT NOT NULL, -- OSM opening_hours
    unstaffed TEXT NOT NULL,
    minimum_age INTEGER NOT NULL,
    loan_days INTEGER NOT NULL
) STRICT;
