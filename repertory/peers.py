"""The words for other archives that are reached by HTTP: Orthanc's peers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

Object = dict[str, Any]

_SHORTEST, _LONGEST = 1, 3
_KNOWN = frozenset(
    {
        "Url",
        "URL",
        "Username",
        "Password",
        "HttpHeaders",
        "CertificateFile",
        "CertificateKeyFile",
        "CertificateKeyPassword",
        "Pkcs11",
        "Timeout",
    }
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another archive: where its REST API is, and how we say who we are.

    ``url`` ends with a slash and holds no password. ``timeout`` 0 is the archive's own
    (``HttpTimeout``). ``extra`` are members that mean nothing here, and are given back as they
    came.
    """

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate_file: str = ""
    certificate_key_file: str = ""
    certificate_key_password: str = field(default="", repr=False)
    timeout: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_peer(entry: Any) -> Peer:
    """A peer as Orthanc writes it: ``[Url]``, ``[Url, Username, Password]`` or an object.

    Raises:
        ValueError: it is none; says why, as a sentence without secrets.
    """
    if isinstance(entry, list | tuple):
        if len(entry) not in (_SHORTEST, _LONGEST):
            raise ValueError("A peer is [Url] or [Url, Username, Password].")
        entry = dict(zip(("Url", "Username", "Password"), entry, strict=False))
    if not isinstance(entry, dict):
        raise ValueError("A peer is an array or an object.")  # noqa: TRY004 - what it says
    if entry.get("Pkcs11", False) is not False:
        raise ValueError("The Pkcs11 of a peer must be false: hardware tokens are not used.")
    url, username, password = _address(entry.get("Url", entry.get("URL")))
    return Peer(
        url=url,
        username=_line(entry.get("Username", username), "Username"),
        password=_line(entry.get("Password", password), "Password"),
        headers=_headers(entry.get("HttpHeaders", {})),
        certificate_file=_text(entry.get("CertificateFile", ""), "CertificateFile"),
        certificate_key_file=_text(entry.get("CertificateKeyFile", ""), "CertificateKeyFile"),
        certificate_key_password=_text(
            entry.get("CertificateKeyPassword", ""), "CertificateKeyPassword"
        ),
        timeout=_seconds(entry.get("Timeout", 0)),
        extra={str(name): entry[name] for name in entry if name not in _KNOWN},
    )


def shown(peer: Peer) -> Object:
    """A peer as the REST API shows it: of passwords, headers and files no more than the names."""
    view: Object = {
        **peer.extra,
        "Url": peer.url,
        "HttpHeaders": sorted(peer.headers),
        "Pkcs11": False,
        "Timeout": peer.timeout,
    }
    if peer.username:
        view |= {"Username": peer.username, "Password": None}
    if peer.certificate_file:
        view |= {
            "CertificateFile": None,
            "CertificateKeyFile": None,
            "CertificateKeyPassword": None,
        }
    return view


def written(peer: Peer) -> Object:
    """A peer with all that belongs to it, as it is kept and as ``read_peer`` takes it."""
    return {
        **peer.extra,
        "Url": peer.url,
        "Username": peer.username,
        "Password": peer.password,
        "HttpHeaders": dict(peer.headers),
        "CertificateFile": peer.certificate_file,
        "CertificateKeyFile": peer.certificate_key_file,
        "CertificateKeyPassword": peer.certificate_key_password,
        "Timeout": peer.timeout,
    }


def _address(value: Any) -> tuple[str, str, str]:
    """An address that ends with a slash; the name and the password that were in it."""
    wrong = ValueError("The Url of a peer must be an address of http or https.")
    text = _line(value, "Url")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii():
        raise wrong
    if parts.query or parts.fragment or " " in text or port == 0:
        raise wrong
    place = parts.netloc.rpartition("@")[2]
    path = quote(unquote(parts.path), safe="/%:@!$&'()*+,;=~-._").rstrip("/") + "/"
    bare = urlunsplit(SplitResult(parts.scheme, place, path, "", ""))
    return bare, unquote(parts.username or ""), unquote(parts.password or "")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"The {name} of a peer must be a text.")
    return value


def _line(value: Any, name: str) -> str:
    text = _text(value, name)
    if not text.isprintable():
        raise ValueError(f"The {name} of a peer must be a line of text.")
    return text


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("The HttpHeaders of a peer must be an object.")  # noqa: TRY004
    for name, text in value.items():
        token = name.replace("-", "").replace("_", "")
        if not token.isascii() or not token.isalnum():
            raise ValueError("The HttpHeaders of a peer must have names that HTTP knows.")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ValueError("The HttpHeaders of a peer must have texts in ASCII.")
    return dict(value)


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("The Timeout of a peer must be a number of seconds.")
    return value
