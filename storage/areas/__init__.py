"""Places where files are kept; ``AREAS`` lists them by name."""

from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.areas.memory import MemoryArea
from repertory.storage.areas.objects import ObjectArea

AREAS = {
    "FileSystem": FilesystemArea,
    "Memory": MemoryArea,
    "AwsS3Storage": ObjectArea,
    "AzureBlobStorage": ObjectArea,
    "GoogleCloudStorage": ObjectArea,
}

__all__ = ["AREAS", "FilesystemArea", "MemoryArea", "ObjectArea"]
