"""Webhooks: who is told by HTTP of what happens in the archive."""

import difflib
import re
from urllib.parse import urlsplit

from repertory.conf.fields import not_negative, positive, section, setting

EVENTS = (
    "AnonymizedPatient",
    "AnonymizedSeries",
    "AnonymizedStudy",
    "CompletedSeries",
    "Deleted",
    "ModifiedPatient",
    "ModifiedSeries",
    "ModifiedStudy",
    "NewInstance",
    "NewPatient",
    "NewSeries",
    "NewStudy",
    "StablePatient",
    "StableSeries",
    "StableStudy",
    "UpdatedAttachment",
    "UpdatedMetadata",
)
"""What a webhook may ask for: the types of change that are logged."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset(
    {
        *("connection", "content-length", "content-type", "host", "transfer-encoding"),
        *("repertory-attempt", "repertory-event", "repertory-number", "repertory-signature"),
    }
)
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a webhook may be called: its name is part of a path."""


def web_address(value: str) -> str | None:
    """An address that can be posted to, without a password in it."""
    if _TEXT.fullmatch(value) is None or " " in value:
        return "must not have blanks or characters beyond ASCII"
    try:
        parts = urlsplit(value)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return "must be an address that can be read"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must begin with http:// or https:// and a host"
    if "@" in parts.netloc:
        return "must not hold a password: Headers has room for Authorization"
    if parts.fragment or not port_is_right:
        return "must be an address that can be posted to"
    return None


def event_words(value: list[str]) -> str | None:
    """Types of events; a word that is none is told with the nearest that is one."""
    for word in value:
        if word not in EVENTS:
            near = difflib.get_close_matches(word.lower(), [w.lower() for w in EVENTS], 1, 0.5)
            meant = next((w for w in EVENTS if near and w.lower() == near[0]), "")
            hint = f" (did you mean {meant}?)" if meant else ""
            return f"must name types of events, which {word} is not{hint}"
    return None


def header_lines(value: dict[str, str]) -> str | None:
    """Headers that can be sent, and are not the archive's own."""
    for name, text in value.items():
        if _TOKEN.fullmatch(name) is None or _TEXT.fullmatch(text) is None:
            return "must have names and values that HTTP can transport, in ASCII"
        if name.lower() in _OURS:
            return f"must not have {name}, which the archive writes itself"
    return None


@section("Webhooks")
class WebhookSettings:
    """One webhook."""

    url: str = setting(
        default="",
        meaning="Where events are posted to: http or https.",
        check=web_address,
        secret=True,  # many services put a key into the path
    )
    secret: str = setting(
        default="",
        meaning="The key of the signature that each request carries; empty: none.",
        secret=True,
    )
    events: list[str] = setting(
        default_factory=list,
        meaning="The types of events, as /changes names them, and Deleted; empty: all.",
        check=event_words,
    )
    headers: dict[str, str] = setting(
        default_factory=dict,
        meaning="Further headers of each request.",
        check=header_lines,
        secret=True,
    )
    main_dicom_tags: bool = setting(
        default=False,
        meaning="Whether events tell the main DICOM tags of the resource, which is patient data.",
    )
    timeout: float = setting(
        default=10.0, meaning="Seconds that a request may take.", check=positive
    )
    attempts: int = setting(
        default=12,
        meaning="How often an event is tried that the target answers by an error, before it becomes"
        " a dead letter. A target that does not answer at all is waited for without end.",
        check=positive,
    )
    retry_delay: float = setting(
        default=1.0,
        meaning="Seconds to the second attempt; the delay doubles with each.",
        check=positive,
    )
    maximum_retry_delay: float = setting(
        default=300.0, meaning="The longest such delay, in seconds.", check=not_negative
    )
    ca_certificates: str = setting(
        default="",
        meaning="The PEM file of the authorities to trust; empty: those of the system.",
        name="CACertificates",
        path=True,
    )
