"""The errors that the archive's parts raise, and their meaning.

RepertoryError
├─ Refused             asking again will not help
│  ├─ BadParameter, BadJson, NotDicom, BadRequest
│  │  └─ BadBody
│  ├─ Unauthorized, Forbidden
│  ├─ UnknownResource, UnknownItem, MissingTag, WrongInstance, InstanceRejected
│  ├─ TooLarge
│  ├─ RevisionConflict
│  ├─ Unsupported, BadRange
│  └─ ArchiveFull
│     └─ LimitReached
├─ Failed              the archive should have done it
│  ├─ FileLost, FileCorrupted
│  ├─ IndexFailed, StorageFailed
│  │  └─ StorageUnavailable       nothing was recorded: a retry is safe
│  ├─ IndexBusy, ShuttingDown     nothing was done: a retry is safe
│  ├─ LeaseLost                   another node does it now: nothing was done
│  ├─ NoReplyInTime               perhaps done
│  ├─ NetworkFailed               another computer did not do its part
│  ├─ Uncommitted                 nor did it promise to keep what it was sent
│  ├─ ScriptFailed                a script of the archive's administrator
│  │  └─ NotPredicate
│  ├─ TranscodingFailed           a codec crashed, or took too long
│  └─ JobCancelled                somebody wanted it so
└─ CannotStart         the archive cannot open; the command line shows the message and ends

``str(error)`` is a sentence for whoever asked; a class's docstring is its default. It never holds
a path of the server or patient data. Errors know nothing of HTTP: the one table that maps
them to statuses and to Orthanc's codes is in ``http/errors.py``.
"""


class RepertoryError(Exception):
    """Something went wrong in the archive."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class Refused(RepertoryError):
    """The archive does not do that."""


class BadRequest(Refused):
    """The request makes no sense."""


class BadParameter(Refused):
    """A parameter is out of its range."""


class BadJson(Refused):
    """The body is not the JSON that was expected."""


class BadBody(BadRequest):
    """The body of the request has not the form that was expected."""


class NotDicom(Refused):
    """The file is not a DICOM file that can be read."""


class Unauthorized(Refused):
    """Who asks is not known."""


class Forbidden(Refused):
    """Who asks may not do that."""


class UnknownResource(Refused):
    """There is no such resource."""


class UnknownItem(Refused):
    """There is no such item."""


class MissingTag(Refused):
    """The DICOM file lacks a tag without which it cannot be archived."""


class WrongInstance(Refused):
    """The DICOM file is not the instance that was announced."""


class InstanceRejected(Refused):
    """A filter of the archive's administrator does not let the instance in."""

    def __init__(self, message: str = "", *, status: int = 0xC000) -> None:
        super().__init__(message)
        self.status = status
        """What is answered by the DICOM protocol."""


class TooLarge(Refused):
    """The body is larger than the archive accepts."""


class RevisionConflict(Refused):
    """The item was changed in the meantime: read it again."""


class Unsupported(Refused):
    """The archive cannot handle this kind of data."""


class BadRange(Refused):
    """The range of bytes lies outside the file."""


class ArchiveFull(Refused):
    """The archive is full."""


class LimitReached(ArchiveFull):
    """The archive holds as much as its limits allow."""


class Failed(RepertoryError):
    """The archive failed to do what it should."""


class FileLost(Failed):
    """A stored file is missing."""


class FileCorrupted(Failed):
    """A stored file is not as it was when it was stored."""


class IndexFailed(Failed):
    """The index could not be read or written."""


class StorageFailed(Failed):
    """The storage area could not be read or written."""


class StorageUnavailable(StorageFailed):
    """The object store cannot be reached: nothing was recorded, try again."""


class IndexBusy(Failed):
    """The index is busy: nothing was done, try again."""


class ShuttingDown(Failed):
    """The archive is stopping: nothing was done."""


class LeaseLost(Failed):
    """Another node of the archive does that now: nothing was done, try again."""


class NoReplyInTime(Failed):
    """No answer came in time; what was asked may have been done."""


class NetworkFailed(Failed):
    """The other side of a connection did not do its part."""


class Uncommitted(Failed):
    """Nobody has committed themselves to keep all of these instances."""


class ScriptFailed(Failed):
    """A script failed."""


class NotPredicate(ScriptFailed):
    """A filter answered neither true nor false."""


class TranscodingFailed(Failed):
    """The file could not be transcoded: the codec crashed, or took too long."""


class JobCancelled(Failed):
    """The job was cancelled."""


class CannotStart(RepertoryError):
    """The archive cannot start."""


def error_named(kind: str, message: str) -> RepertoryError:
    """An error of the class of this name, as it was kept by name; ``Failed`` for any other."""
    left: list[type[RepertoryError]] = [RepertoryError]
    while left:
        found = left.pop()
        if found.__name__ == kind:
            return found(message)
        left.extend(found.__subclasses__())
    return Failed(message)


IN_DOUBT = (IndexFailed, NoReplyInTime)
"""What the index answers where nobody knows whether a change was made."""
