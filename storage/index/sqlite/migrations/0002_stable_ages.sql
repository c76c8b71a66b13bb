-- How long a resource has to be quiet, which may depend on what came; and what is due first.
ALTER TABLE tallies ADD COLUMN stable_age REAL NOT NULL DEFAULT 60;

DROP INDEX tallies_by_unstable_at;
CREATE INDEX tallies_by_due ON tallies (unstable_at + stable_age, activity)
    WHERE unstable_at IS NOT NULL;
