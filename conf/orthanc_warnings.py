"""Orthanc's warnings, which the option ``Warnings`` switches on and off by their names."""

READ_FROM_STORAGE = "W001_TagsBeingReadFromStorage"
INCONSISTENT_TAGS = "W002_InconsistentDicomTagsInDb"
DECODER_FAILURE = "W003_DecoderFailure"
NO_SIGNATURE = "W004_NoMainDicomTagsSignature"
FROM_LOWER_LEVEL = "W005_RequestingTagFromLowerResourceLevel"
FROM_META_HEADER = "W006_RequestingTagFromMetaHeader"
NOT_READ_FROM_DISK = "W007_MissingRequestedTagsNotReadFromDisk"

NAMES = (
    READ_FROM_STORAGE,
    INCONSISTENT_TAGS,
    DECODER_FAILURE,
    NO_SIGNATURE,
    FROM_LOWER_LEVEL,
    FROM_META_HEADER,
    NOT_READ_FROM_DISK,
)
"""All of them; what DECODER_FAILURE warns of does not happen here."""


def known(value: dict[str, bool]) -> str | None:
    """A check: nothing but warnings of Orthanc."""
    for name in value:
        if name not in NAMES:
            return f"must not have {name}: the warnings are {', '.join(NAMES)}"
    return None
