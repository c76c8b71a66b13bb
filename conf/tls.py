"""Versions and ciphers of TLS, numbered and named as Orthanc has them."""

import ssl
from collections.abc import Sequence
from typing import Final

_MODERN: Final = "TLS_"
"""How the names of the suites of TLS 1.3 begin; no older one's does, in the names of OpenSSL."""

_OLDEST: Final = {
    1: ssl.TLSVersion.TLSv1,  # SSL 3, which no library speaks any more
    2: ssl.TLSVersion.TLSv1,
    3: ssl.TLSVersion.TLSv1_1,
    4: ssl.TLSVersion.TLSv1_2,
    5: ssl.TLSVersion.TLSv1_3,
}


def tls_version(value: int) -> str | None:
    """A number that stands for the oldest version that is spoken."""
    return None if 0 <= value <= max(_OLDEST) else f"must be between 0 and {max(_OLDEST)}"


def cipher_names(value: list[str]) -> str | None:
    """Ciphers as OpenSSL names them, of any version."""
    known = _modern_names()
    for name in value:
        if not (name in known if name.startswith(_MODERN) else _selects(name)):
            return f"must have names of ciphers that OpenSSL knows, which {name!r} is not"
    older = _older(value)
    if older and not _selects(":".join(older)):
        return "must leave a cipher"
    return None


def older_cipher_names(value: list[str]) -> str | None:
    """The same, of versions before TLS 1.3 alone."""
    modern = next((name for name in value if name.startswith(_MODERN)), None)
    if modern is not None:
        return f"must have ciphers of TLS 1.2 and older, which {modern} is not"
    return cipher_names(value)


def limit(context: ssl.SSLContext, *, oldest: int, ciphers: Sequence[str]) -> None:
    """Let a context speak what an administrator wants.

    Args:
        context: what is limited; it is to allow TLS 1.2 and newer, and the usual ciphers.
        oldest: the number of the oldest version; 0 leaves it as it is.
        ciphers: those that are accepted; none leaves them as they are. Of TLS 1.3 all stay:
            which one was agreed on is for ``is_accepted`` to say.
    """
    if oldest:
        context.minimum_version = _OLDEST[oldest]
    older = _older(ciphers)
    if older:
        context.set_ciphers(":".join(older))
    elif ciphers:
        context.minimum_version = ssl.TLSVersion.TLSv1_3


def is_accepted(connection: ssl.SSLSocket, ciphers: Sequence[str]) -> bool:
    """Whether a connection has a cipher that is among those of TLS 1.3, where any are named."""
    modern = [name for name in ciphers if name.startswith(_MODERN)]
    agreed = connection.cipher()
    return not modern or agreed is None or not agreed[0].startswith(_MODERN) or agreed[0] in modern


def _older(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith(_MODERN)]


def _modern_names() -> frozenset[str]:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).get_ciphers()
    return frozenset(it["name"] for it in found if it["name"].startswith(_MODERN))


def _selects(ciphers: str) -> bool:
    """Whether OpenSSL finds a cipher by these words; a rule (``@SECLEVEL=0``) takes none away."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(f"ALL:{ciphers}" if ciphers[:1] in tuple("!-@+") else ciphers)
    except (ssl.SSLError, ValueError):
        return False
    return True
