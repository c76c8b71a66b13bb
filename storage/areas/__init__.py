"""Places where files are kept; ``AREAS`` lists them by name."""

from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.areas.memory import MemoryArea

AREAS = {"FileSystem": FilesystemArea, "Memory": MemoryArea}

__all__ = ["AREAS", "FilesystemArea", "MemoryArea"]
