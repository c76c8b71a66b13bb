-- When a file of a study was last read, to the hour, where rules of tiering ask for it.
CREATE TABLE accesses (
    resource INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
