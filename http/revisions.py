"""Revisions on the wire: ETag, If-Match and If-None-Match (spec, Revisions)."""

import re

from aiohttp import hdrs, web

from repertory.errors import BadParameter, RevisionConflict
from repertory.http.answers import STANDARD_HEADERS
from repertory.http.bridge import SETTINGS
from repertory.items import UNWRITTEN, Revision

_REVISION = re.compile(r"([0-9]{1,18})-([0-9a-f]*)")


def etag(revision: Revision) -> str:
    """A revision as the header ETag."""
    return f'"{revision.number}-{revision.md5}"'


def expected(request: web.Request) -> Revision | None:
    """The revision that the request wants to overwrite; ``None``: whatever is there.

    Raises:
        BadParameter: the header If-Match cannot be read.
    """
    header = request.headers.get(hdrs.IF_MATCH)
    if header is None:
        return UNWRITTEN if request.app[SETTINGS].check_revisions else None
    value = header.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    found = _REVISION.fullmatch(value)
    if found is None:
        raise BadParameter(
            'The "if-match" HTTP header should contain the ETag (revision followed by MD5 hash).'
        )
    return Revision(int(found[1]), found[2])


def expected_for_deletion(request: web.Request) -> Revision | None:
    """The revision that the request wants to delete; ``None``: whatever is there.

    Raises:
        BadParameter: the header If-Match cannot be read.
        RevisionConflict: it is missing, and CheckRevisions is on.
    """
    revision = expected(request)
    if revision is UNWRITTEN:
        raise RevisionConflict('HTTP header "If-Match" is missing, and CheckRevisions is on.')
    return revision


def is_known(request: web.Request, revision: Revision) -> bool:
    """Whether the client has this revision already: it is answered by ``not_modified``."""
    header = request.headers.get(hdrs.IF_NONE_MATCH)
    if header is None:
        return False
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))
    return any(tag in (etag(revision).strip('"'), "*") for tag in tags)


def not_modified(revision: Revision) -> web.Response:
    """Tell a client that what it has is up to date."""
    headers = STANDARD_HEADERS.copy()
    headers[hdrs.ETAG] = etag(revision)
    return web.Response(status=304, headers=headers)
