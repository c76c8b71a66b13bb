"""DICOM files: what the index needs of them, and their tags.

pydicom is used here and nowhere else.
"""

from repertory.storage.dicom.names import tag_name, tag_of
from repertory.storage.dicom.summary import summarize
from repertory.storage.dicom.tags import header, header_full, tags, tags_full
from repertory.storage.dicom.tags_json import tags_short, tags_simplified

__all__ = [
    "header",
    "header_full",
    "summarize",
    "tag_name",
    "tag_of",
    "tags",
    "tags_full",
    "tags_short",
    "tags_simplified",
]
