"""What an error becomes on the wire: the only place that knows of HTTP status and Orthanc code."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from aiohttp import hdrs, web

from repertory.errors import (
    ArchiveFull,
    BadBody,
    BadJson,
    BadParameter,
    BadRange,
    BadRequest,
    Failed,
    FileCorrupted,
    FileLost,
    Forbidden,
    IndexBusy,
    IndexFailed,
    InstanceRejected,
    JobCancelled,
    LeaseLost,
    LimitReached,
    MissingTag,
    NetworkFailed,
    NoReplyInTime,
    NotDicom,
    NotPredicate,
    Refused,
    RepertoryError,
    RevisionConflict,
    ScriptFailed,
    ShuttingDown,
    StorageFailed,
    StorageUnavailable,
    TooLarge,
    TranscodingFailed,
    Unauthorized,
    Uncommitted,
    UnknownItem,
    UnknownResource,
    Unsupported,
    WrongInstance,
)
from repertory.http.answers import STANDARD_HEADERS, headers_for

REALM = 'Basic realm="Orthanc Secure Area"'


@dataclass(frozen=True, slots=True)
class Row:
    """How an error is answered: the HTTP status, Orthanc's code and Orthanc's text for the code."""

    status: int
    code: int
    text: str


_INTERNAL = Row(500, -1, "Internal error")
_UNAVAILABLE = Row(
    503, 36, "The database is currently not available (probably a transient situation)"
)

TABLE: dict[type[RepertoryError], Row] = {
    RepertoryError: _INTERNAL,
    Refused: Row(400, 8, "Bad request"),
    BadRequest: Row(400, 8, "Bad request"),
    BadParameter: Row(400, 3, "Parameter out of range"),
    BadJson: Row(400, 28, "Cannot parse a JSON document"),
    BadBody: Row(400, 15, "Bad file format"),
    NotDicom: Row(400, 15, "Bad file format"),
    Unauthorized: Row(401, 29, "Bad credentials were provided to an HTTP request"),
    Forbidden: Row(403, 45, "Access to a resource is forbidden"),
    UnknownResource: Row(404, 17, "Unknown resource"),
    UnknownItem: Row(404, 7, "Accessing an inexistent item"),
    MissingTag: Row(404, 21, "Inexistent tag"),
    InstanceRejected: Row(403, 45, "Access to a resource is forbidden"),
    WrongInstance: Row(400, 15, "Bad file format"),
    TooLarge: Row(413, 8, "Bad request"),
    RevisionConflict: Row(
        409,
        43,
        "A bad revision number was provided, "
        "which might indicate conflict between multiple writers",
    ),
    Unsupported: Row(415, 3000, "Unsupported media type"),
    BadRange: Row(416, 41, "Incorrect range request"),
    ArchiveFull: Row(507, 19, "The file storage is full"),
    LimitReached: Row(507, 19, "The file storage is full"),
    Failed: _INTERNAL,
    FileLost: Row(500, 2006, "The specified path does not point to a regular file"),
    FileCorrupted: Row(500, 20, "Corrupted file (e.g. inconsistent MD5 hash)"),
    IndexFailed: Row(500, 11, "Error with the database engine"),
    StorageFailed: Row(500, 14, "Cannot write to file"),
    StorageUnavailable: Row(503, 14, "Cannot write to file"),
    IndexBusy: _UNAVAILABLE,
    ShuttingDown: _UNAVAILABLE,
    LeaseLost: _UNAVAILABLE,
    # Not 503, which orthanc_api_client takes for "nothing was done" and retries, uploads too.
    NoReplyInTime: Row(504, 16, "Timeout"),
    NetworkFailed: Row(500, 9, "Error in the network protocol"),
    Uncommitted: Row(500, 6, "Bad sequence of calls"),
    ScriptFailed: Row(500, 2031, "Cannot execute a Lua command"),
    NotPredicate: Row(
        500, 2034, "The Lua function is not a predicate (only true/false outputs allowed)"
    ),
    TranscodingFailed: _INTERNAL,
    JobCancelled: Row(500, 37, "This job was canceled"),
}
"""Every error, by its class; a class that is not listed is answered like its nearest parent."""


def row_of(error: BaseException) -> Row:
    """The row of an error's class, or of its nearest parent; any other exception is internal."""
    for kind in type(error).__mro__:
        row = TABLE.get(kind)
        if row is not None:
            return row
    return _INTERNAL


class Asked(Protocol):
    """What an answer says of its request."""

    @property
    def method(self) -> str:
        """GET and so on."""

    @property
    def path(self) -> str:
        """The path, without a query."""


def error_answer(request: Asked, error: BaseException, *, described: bool = True) -> web.Response:
    """The answer to a request that an error ended.

    Args:
        request: what was asked.
        error: what ended it. Only the words of a ``RepertoryError`` are shown.
        described: whether the answer has a body.
    """
    row = row_of(error)
    details = str(error) if isinstance(error, RepertoryError) else ""
    if row.status == HTTPStatus.UNAUTHORIZED:
        headers = STANDARD_HEADERS.copy()
        headers[hdrs.WWW_AUTHENTICATE] = REALM
        return web.Response(status=401, headers=headers)
    if not described:
        return bare_answer(row.status)
    return describe(request, row, details)


def bare_answer(status: int) -> web.Response:
    """A status without a body and without a Content-Type."""
    return web.Response(status=status, headers=STANDARD_HEADERS)


def describe(request: Asked, row: Row, details: str = "") -> web.Response:
    """The one error body: Orthanc's object, indented by tabs, sent as text."""
    fields = {
        "HttpError": HTTPStatus(row.status).phrase,
        "HttpStatus": row.status,
        "Message": row.text,
        "Method": request.method,
        "OrthancError": row.text,
        "OrthancStatus": row.code,
        "Uri": request.path,
    }
    if details:
        fields["Details"] = details
    body = json.dumps(fields, indent="\t", separators=(",", " : "), sort_keys=True) + "\n"
    return web.Response(
        status=row.status, body=body.encode("ascii"), headers=headers_for("text/plain")
    )
