"""DICOM files: what the index needs of them, and their tags.

pydicom is used here and nowhere else.
"""

from repertory.storage.dicom.names import tag_name, tag_of
from repertory.storage.dicom.summary import summarize

__all__ = ["summarize", "tag_name", "tag_of"]
