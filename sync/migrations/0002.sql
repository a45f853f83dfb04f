-- Version 2: one file may hold rows of several epochs, and what the store is being asked is noted before the question.

CREATE TABLE epochs (
    number INTEGER PRIMARY KEY CHECK (number >= 0), -- in the order in which they began; what is recorded is of the last
    epoch TEXT NOT NULL UNIQUE CHECK (length(epoch) >= 16), -- random: sequences of another file or time are not ours
    highest_gone INTEGER NOT NULL DEFAULT 0 -- of the events that were delivered: their sequences are never used again
) STRICT;

INSERT INTO epochs (number, epoch, highest_gone) SELECT 0, epoch, highest_gone FROM queue;

DROP TRIGGER events_stay_as_recorded;
DROP TRIGGER events_follow_without_gap;
DROP TRIGGER events_leave_their_sequence;
DROP TABLE queue;

ALTER TABLE events RENAME COLUMN sequence TO place; -- number of the epoch (23 bits) || sequence (40 bits)

CREATE TRIGGER epochs_stay BEFORE UPDATE OF number, epoch ON epochs
BEGIN SELECT raise(ABORT, 'an epoch stays as it began'); END;

CREATE TRIGGER epochs_count_up BEFORE UPDATE OF highest_gone ON epochs WHEN new.highest_gone < old.highest_gone
BEGIN SELECT raise(ABORT, 'a sequence is used once'); END;

CREATE TRIGGER epochs_end_empty BEFORE DELETE ON epochs WHEN old.number = (SELECT max(number) FROM epochs)
    OR EXISTS (SELECT 1 FROM events WHERE place BETWEEN old.number << 40 AND (old.number + 1) << 40)
BEGIN SELECT raise(ABORT, 'an epoch ends when its last event is gone'); END;

CREATE TRIGGER events_stay_as_recorded
BEFORE UPDATE OF place, event_id, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed ON events
BEGIN SELECT raise(ABORT, 'an event stays as it was recorded'); END;

CREATE TRIGGER events_follow_without_gap BEFORE INSERT ON events
WHEN new.place <> 1 + max(
    (SELECT coalesce(max(place), 0) FROM events),
    (SELECT (number << 40) + highest_gone FROM epochs ORDER BY number DESC LIMIT 1)
)
BEGIN SELECT raise(ABORT, 'sequences are without gaps'); END;

CREATE TRIGGER events_leave_their_sequence AFTER DELETE ON events
BEGIN
    UPDATE epochs SET highest_gone = max(highest_gone, old.place & 0xffffffffff) WHERE number = old.place >> 40;
END;

-- A loan the store is being asked for: sealed already as the loan.given_up it becomes, if nobody lives to hear the
-- answer. That event begins an epoch of its own, as its sequence must be sealed before there is one; what is recorded
-- then follows it there.
CREATE TABLE intents (
    asked TEXT PRIMARY KEY CHECK (length(asked) BETWEEN 16 AND 64),
    epoch TEXT NOT NULL CHECK (length(epoch) >= 16),
    event_id TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    monotonic_s REAL NOT NULL,
    boot_id TEXT NOT NULL,
    clock_synced INTEGER NOT NULL CHECK (clock_synced IN (0, 1)),
    key_id TEXT NOT NULL REFERENCES wrapped_keys (key_id),
    sealed BLOB NOT NULL
) STRICT;

CREATE TRIGGER intents_end_with_their_event AFTER INSERT ON events
BEGIN DELETE FROM intents WHERE asked = new.event_id; END;
