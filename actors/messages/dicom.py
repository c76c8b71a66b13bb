"""The DICOM protocol."""

from repertory.actors.messages.base import Query, message


@message
class DicomServerDescription:
    """Where others reach the archive by DICOM, and how many do at this moment."""

    port: int
    associations: int


@message
class DescribeDicomServer(Query[DicomServerDescription]):
    """The DICOM server: its port, and how many associations are open."""
