-- Studies that housekeeping takes out of turn: those that somebody has put first (`attempts` is 0),
-- and those that failed, until they succeed. `property` is the name of the state that they belong
-- to; `due` is when they are to be taken. `form` is the compression that files are stored anew in,
-- `instance` the first that failed. `is_open` says that the attempt under way has failed already.
CREATE TABLE set_aside (
    resource INTEGER NOT NULL,
    property TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due REAL NOT NULL,
    form INTEGER,
    instance BLOB,
    reason TEXT NOT NULL,
    is_open INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (resource, property)
) STRICT, WITHOUT ROWID;
