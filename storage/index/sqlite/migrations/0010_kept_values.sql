-- What parts of the archive keep by name, each in a store of its own: worklists, commitments.
CREATE TABLE kept_values (
    store TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (store, name)
) STRICT, WITHOUT ROWID;
