-- Who is told of the log of changes, each at its own pace (webhooks): `position` is the number up
-- to which all was delivered, or put aside as a dead letter. One that is not in the configuration
-- is not enabled: its place is kept, and holds back nothing.
CREATE TABLE targets (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    is_paused INTEGER NOT NULL DEFAULT 0,
    is_enabled INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

-- Lines that left the log of changes before all were told of them. There may be no row of the
-- resource any more, hence its identifier, and those of its parents, the nearest first.
CREATE TABLE kept_changes (
    seq INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    date INTEGER NOT NULL,
    above_1 BLOB,
    above_2 BLOB,
    above_3 BLOB
) STRICT;

-- What targets refused until the archive gave up.
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type INTEGER NOT NULL,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    date INTEGER NOT NULL,
    above_1 BLOB,
    above_2 BLOB,
    above_3 BLOB,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    failed_at REAL NOT NULL
) STRICT;

CREATE INDEX dead_letters_by_target ON dead_letters (target, number);
