-- What was recorded so far lacks RequestAttributesSequence, which is a sequence.
UPDATE resources SET metadata = json_set(
    metadata, '$."15"[0]', replace(json_extract(metadata, '$."15"[0]'), ';0040,0275', '')
)
WHERE level = 3 AND instr(json_extract(metadata, '$."15"[0]'), ';0040,0275') > 0;

-- The lists of main DICOM tags that resources were recorded with (metadata MainDicomTagsSignature,
-- "" where there is none), by level. `outdated` is NULL for the one that new resources get; of
-- another, how many resources still have it: they are counted when the list changes, and become
-- fewer from then on.
CREATE TABLE signatures (
    level INTEGER NOT NULL,
    signature TEXT NOT NULL,
    outdated INTEGER,
    PRIMARY KEY (level, signature)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER resources_removed AFTER DELETE ON resources
WHEN EXISTS (SELECT 1 FROM signatures WHERE outdated > 0)
BEGIN
    UPDATE signatures SET outdated = outdated - 1
        WHERE level = OLD.level AND outdated > 0
        AND signature = coalesce(json_extract(OLD.metadata, '$."15"[0]'), '');
END;

CREATE TRIGGER resources_refreshed AFTER UPDATE OF metadata ON resources
WHEN EXISTS (SELECT 1 FROM signatures WHERE outdated > 0)
BEGIN
    UPDATE signatures SET outdated = outdated - 1
        WHERE level = OLD.level AND outdated > 0
        AND signature = coalesce(json_extract(OLD.metadata, '$."15"[0]'), '')
        AND signature <> coalesce(json_extract(NEW.metadata, '$."15"[0]'), '');
END;

-- The few attachments that are no DICOM file of an instance.
CREATE INDEX attachments_of_other_types ON attachments (resource) WHERE content_type <> 1;
