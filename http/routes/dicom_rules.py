"""What of the rules of DICOM can be changed while the archive runs."""

import json

from aiohttp import web

from repertory.actors.messages.dicom_rules import (
    DescribeConformance,
    DescribeDicomRules,
    SetAcceptedTransferSyntaxes,
    SetDefaultEncoding,
    SetUnknownSopClassAccepted,
)
from repertory.errors import NotDicom
from repertory.http.answers import answer, done, text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import ask
from repertory.http.routing import Routes

routes = Routes()

_TRUE, _FALSE = ("1", "true"), ("0", "false")


@routes.get("/tools/default-encoding")
async def tell_default_encoding(request: web.Request) -> web.Response:
    """Tell what text is written in where a file does not say it (`DefaultEncoding`)."""
    return text_answer((await ask(request, DescribeDicomRules())).default_encoding)


@routes.put("/tools/default-encoding")
async def set_default_encoding(request: web.Request) -> web.Response:
    """Read text otherwise from now on, until the archive stops; the body is `Latin1` or the like.

    What the index has recorded stays as it is; `/studies/{id}/reconstruct` reads it anew.
    """
    name = (await read_text(request)).strip()
    await ask(request, SetDefaultEncoding(name=name))
    return text_answer(name)


@routes.get("/tools/accepted-transfer-syntaxes")
async def list_accepted_transfer_syntaxes(request: web.Request) -> web.Response:
    """List the transfer syntaxes in which instances are taken by C-STORE."""
    return answer(list((await ask(request, DescribeDicomRules())).transfer_syntaxes))


@routes.put("/tools/accepted-transfer-syntaxes")
async def set_accepted_transfer_syntaxes(request: web.Request) -> web.Response:
    """Take other transfer syntaxes from the next association on, until the archive stops.

    The body is an array of UIDs, or one; `*` and `?` stand for letters. The answer is the list of
    those that are taken then.
    """
    text = (await read_text(request)).strip()
    patterns = [text]
    if not text or text[0] in '[{"':
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        patterns = [found] if isinstance(found, str) else found
    if not isinstance(patterns, list) or not all(isinstance(it, str) for it in patterns):
        raise NotDicom("The body must be a transfer syntax, or an array of them.")
    await ask(request, SetAcceptedTransferSyntaxes(patterns=tuple(it.strip() for it in patterns)))
    return await list_accepted_transfer_syntaxes(request)


@routes.get("/tools/accepted-sop-classes")
async def list_accepted_sop_classes(request: web.Request) -> web.Response:
    """List the SOP classes of which instances are taken by C-STORE."""
    return answer(list((await ask(request, DescribeDicomRules())).sop_classes))


@routes.get("/tools/dicom-conformance")
async def tell_conformance(request: web.Request) -> web.Response:
    """Tell what the archive does by the DICOM protocol, as a text for people (PS3.2)."""
    return text_answer(await ask(request, DescribeConformance()))


@routes.get("/tools/unknown-sop-class-accepted")
async def tell_unknown_sop_class_accepted(request: web.Request) -> web.Response:
    """Tell whether instances are taken of SOP classes that the standard does not know."""
    return text_answer("1" if (await ask(request, DescribeDicomRules())).unknown_accepted else "0")


@routes.put("/tools/unknown-sop-class-accepted")
async def set_unknown_sop_class_accepted(request: web.Request) -> web.Response:
    """Take unknown SOP classes from the next association on, or do not.

    The body is `1`, `0`, `true` or `false`.
    """
    word = (await read_text(request)).strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise NotDicom("The body must be 0, 1, true or false.")
    await ask(request, SetUnknownSopClassAccepted(accepted=word in _TRUE))
    return done()
