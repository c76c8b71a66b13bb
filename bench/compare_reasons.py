"""Why our answers differ from those of Orthanc 1.10: the first line that fits tells."""

import re

VOLATILE = (
    r"LastUpdate$",
    r"ReceptionDate$",
    r"FileUuid$",
    r"\bDate$",
    r"\bUuid$",
)
"""Fields that differ from run to run."""

ERRORS = (
    "Errors are sent with their content type (as Orthanc 1.13 does), and Details say in a sentence"
    " what is wrong"
)
NEWER = "Fields and names that Orthanc got after 1.10"
ORDER = (
    "Lists are in the order of arrival, so that pages are stable; Orthanc's order is its database's"
)
MISTAKES = "A client's mistake is answered by 400 or 404, not by 500, and says what is wrong"
TO_COME = "Routes of Orthanc that Repertory does not have (yet)"
MORE = "Routes and plugins that each of the two has, and the other has not"
OWN_NAMES = "What is made up or counted on the spot"
ITEMS = (
    "What a resource does not have has a code of its own (7), as for GET; the status is the same"
)
WRONG_FORM = "A body of the wrong form is a bad request (8), as in Orthanc 1.13"
UNIVERSAL = (
    "A `*` alone is universal matching: it is also met by what lacks the attribute"
    " (PS3.4 C.2.2.2.3)"
)

_ABSENT_ROUTES = (
    r"GET /(modalities|peers|queries|tools/default-encoding|tools/metrics)"
    r"|/frames\b"
)

REASONS: tuple[tuple[str, str, str], ...] = (
    (_ABSENT_ROUTES, r"^(status|body)$", TO_COME),
    (r".", r"^(Content-Type|Details)$", ERRORS),
    (r".", r"\(order\)$", ORDER),
    (r"GET /instances/.*/content/nonsense", r"^status$", MISTAKES),
    (r"POST /tools/find .*(Nonsense|nonsense|Query)", r"^status$", MISTAKES),
    (r"GET /system", r"^HttpPort$", OWN_NAMES),
    (r"GET /system", r".", NEWER),
    (r"DELETE .*/(metadata|attachments)/", r"^(Message|OrthancError|OrthancStatus)$", ITEMS),
    (r".", r"(^|\.)(Labels|IsProtected|First|MainDicomTagsSignature|RequestedTags)$", NEWER),
    (r".", r"(^|\.)(RequestAttributesSequence|0040,0275|MainDicomSequences)$", NEWER),
    (r"/metadata", r"^body$", NEWER),
    (r"GET /(plugins|tools)$", r"^body$", MORE),
    (r"generate-uid", r"^body$", OWN_NAMES),
    (r"POST /tools/bulk-delete", r"^(Message|OrthancError|OrthancStatus)$", WRONG_FORM),
    (r"BodyPartExamined", r"^body$", UNIVERSAL),
)
"""Patterns of the request and of the field, and the reason."""


def is_wordy(field: str) -> bool:
    """Whether only that a field differs is worth telling, and not its values."""
    return field == "Details"


def reason_of(request: str, field: str) -> str:
    """Why a field of an answer differs; empty where nobody has found out yet."""
    for of_request, of_field, reason in REASONS:
        if re.search(of_request, request) and re.search(of_field, field):
            return reason
    return ""
