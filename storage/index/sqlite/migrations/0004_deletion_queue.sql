-- When each file was released, which could not be removed and why, and how many there are: kept, so
-- that to tell it takes no longer with a million of them.

ALTER TABLE released ADD COLUMN released_at REAL NOT NULL DEFAULT 0;

CREATE TABLE failed_removals (
    number INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    failed_at REAL NOT NULL,
    due REAL NOT NULL
) STRICT;

CREATE INDEX failed_removals_by_due ON failed_removals (due);

ALTER TABLE totals ADD COLUMN released_files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN released_size INTEGER NOT NULL DEFAULT 0;

UPDATE totals SET
    released_files = (SELECT COUNT(*) FROM released),
    released_size = (SELECT COALESCE(SUM(size), 0) FROM released);
