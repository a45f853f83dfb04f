-- Version 3: what a machine must know to lend while the store is silent.

ALTER TABLE replica ADD COLUMN closings TEXT NOT NULL DEFAULT ''; -- days, ISO 8601, each after a space but the first

CREATE TABLE texts (
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (name, language)
) STRICT;

-- Cards that may not borrow, as digests under the store's key for this list.
CREATE TABLE block_list (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 16)
) STRICT;

CREATE TABLE block_list_told (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    cursor TEXT NOT NULL, -- of the answer that made the list what it is
    key BLOB NOT NULL, -- empty at a door, which keeps no list
    cards INTEGER NOT NULL -- another number of rows in block_list: damage took some, and the list is not whole
) STRICT;

-- Cards seen here with their right PIN, as digests that take memory to make, under a key of this machine.
CREATE TABLE seen_cards (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 16),
    seen_on TEXT NOT NULL -- the day alone
) STRICT;
