"""What the errors of an object store mean to the archive.

What the store said is never passed on: it may hold URLs with signatures, or the access key. Of it,
the status and the code word are told.
"""

import re
from typing import NoReturn

from repertory.errors import (
    ArchiveFull,
    CannotStart,
    Failed,
    FileLost,
    Refused,
    StorageFailed,
    StorageUnavailable,
)

_CODE = re.compile(r"<Code>(\w{1,80})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_PLACE = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_NO_PLACE_TEXT = re.compile(r"The specified (?:bucket|container) does not exist")
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_SLOW = frozenset({"408", "429"})
_REFUSED = ("PermissionDeniedError", "UnauthenticatedError")
_KEYS = frozenset({"401", "403"})
_NOT_TRUSTED = "shows a certificate that is not trusted"
_UNTRUSTED = re.compile(r"InvalidCertificate|invalid peer certificate")
_TIMEOUT = re.compile(r"kind: Timeout|timed out|TimedOut")


class Trouble:
    """An error of the object store, looked at: ``kind`` and ``reason`` tell what it was."""

    def __init__(self, error: Exception) -> None:
        text = str(error)
        code = _CODE.search(text)
        status = _STATUS.search(text)
        self.code = code.group(1) if code else ""
        self.status = status.group(1) if status else ""
        name = type(error).__name__
        self.no_place = self.code in _NO_PLACE or _NO_PLACE_TEXT.search(text) is not None
        self.not_found = isinstance(error, FileNotFoundError) or self.status == "404"
        self.out_of_range = self.status == "416" or "Wanted range starting at" in text
        self.range_ignored = "NotPartial" in text or "non-partial" in text
        self.full = self.code in _FULL or self.status == "507"
        self.refused = name in _REFUSED or self.status in _KEYS
        self.untrusted = not self.status and _UNTRUSTED.search(text) is not None
        self.timed_out = not self.status and _TIMEOUT.search(text) is not None
        self.passing = not self.status or self.status in _SLOW or self.status >= "500"

    @property
    def told(self) -> str:
        """The code word and the status, in brackets, if there are any."""
        words = ", ".join(filter(None, (self.code, self.status)))
        return f" ({words})" if words else ""


def failure(error: Exception, place: str, what: str) -> Failed | Refused:
    """The error to raise; ``what`` could not be done is the beginning of its sentence.

    ``place`` names the store.
    """
    trouble = Trouble(error)
    if trouble.no_place:
        return StorageUnavailable(f"{what}: {place} is not there.")
    if isinstance(error, FileNotFoundError) or trouble.not_found:
        return FileLost(f"{place} has no such object.")
    if trouble.full:
        return ArchiveFull(f"{what}: {place} is full{trouble.told}.")
    if trouble.refused:
        return StorageUnavailable(f"{what}: {place} refuses the access{trouble.told}.")
    if trouble.untrusted:
        return StorageUnavailable(f"{what}: {place} {_NOT_TRUSTED}.")
    if trouble.timed_out:
        return StorageUnavailable(f"{what}: {place} does not answer in time.")
    if trouble.passing:
        problem = "does not work" if trouble.status else "cannot be reached, or broke off"
        return StorageUnavailable(f"{what}: {place} {problem}{trouble.told}.")
    return StorageFailed(f"{what}: {place} refuses it{trouble.told}.")


def refuse_to_start(error: Exception, place: str, options: str) -> NoReturn:
    """Say why an object store cannot be used; ``options`` are those to look at.

    Raises:
        CannotStart: always.
    """
    trouble = Trouble(error)
    if trouble.no_place:
        reason = f"{place} is not there"
    elif trouble.refused:
        reason = f"{place} refuses the access{trouble.told}"
    elif trouble.untrusted:
        reason = f"{place} {_NOT_TRUSTED} (SSL_CERT_FILE names the file of whom to trust)"
    elif trouble.timed_out:
        reason = f"{place} does not answer in time"
    elif not trouble.status:
        reason = f"{place} cannot be reached"
    else:
        reason = f"{place} cannot be used{trouble.told}"
    raise CannotStart(f"{reason}: check {options}.") from None
