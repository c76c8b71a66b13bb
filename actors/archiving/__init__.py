"""ZIP archives of resources."""

from repertory.actors.archiving.archiver import ArchiverActor
from repertory.actors.archiving.making import Archive, Missing

__all__ = ["Archive", "ArchiverActor", "Missing"]
