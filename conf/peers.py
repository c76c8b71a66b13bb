"""Options about requests that the archive sends by HTTP, and about peers."""

from typing import Any
from urllib.parse import urlsplit

from repertory.conf.fields import not_negative, positive, section, setting
from repertory.conf.storing import StoringSettings
from repertory.peers import read_peer


def peers(value: dict[str, Any]) -> str | None:
    """Other archives, each written as Orthanc writes them: a list or an object."""
    for name, entry in value.items():
        if not name.strip():
            return "must not have an empty name"
        try:
            read_peer(entry)
        except ValueError as error:
            return f"must hold what {name} is: {str(error)[0].lower()}{str(error)[1:-1]}"
    return None


def proxy(value: str) -> str | None:
    """``host:port``, with ``name:password@`` before it or not."""
    try:
        parts = urlsplit(f"//{value}")
        is_one = bool(parts.hostname and parts.port) and parts.netloc == value
    except ValueError:
        is_one = False
    return None if is_one or not value else "must be like host:port, or name:password@host:port"


@section("")
class PeersSettings(StoringSettings):
    """A part of ``Settings``, apart from it for length only: other archives, by HTTP."""

    orthanc_peers: dict[str, Any] = setting(
        default_factory=dict,
        meaning='Other archives by name: ["http://host:8042/", "user", "password"], or an object'
        " with Url, Username, Password, HttpHeaders, CertificateFile, CertificateKeyFile,"
        " CertificateKeyPassword, Timeout.",
        check=peers,
        secret=True,
    )
    orthanc_peers_in_database: bool = setting(
        default=False,
        meaning="Whether peers are kept in the index, where the REST API enters them, and those"
        " of OrthancPeers are passed over.",
    )
    http_timeout: int = setting(
        default=60,
        meaning="Seconds that a peer may be silent; 0: for ever.",
        check=not_negative,
    )
    http_proxy: str = setting(
        default="",
        meaning="The proxy by which peers are called: host:port, or name:password@host:port.",
        check=proxy,
        secret=True,
    )
    https_verify_peers: bool = setting(
        default=True,
        meaning="Whether peers that are called by https must show a certificate to be trusted.",
    )
    https_ca_certificates: str = setting(
        default="",
        meaning="The PEM file of the authorities to trust; empty: those of the system.",
        name="HttpsCACertificates",
        path=True,
    )
    peer_threads: int = setting(
        default=4,
        meaning="How many requests to peers are under way at a time.",
        check=positive,
        ours=True,
    )
