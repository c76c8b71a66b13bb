"""The server that an import sends to."""

import base64
import http.client
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from repertory.version import VERSION


@dataclass(frozen=True, slots=True)
class Target:
    """The server to send to. ``url`` is without user and password, and has no slash at its end."""

    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    timeout: float = 60.0

    @classmethod
    def parse(cls, url: str, *, user: str, password: str, timeout: float) -> "Target":
        """The target at ``url``, which may hold user and password; ``ValueError`` if it is none."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(f"not the URL of a server: {url.rpartition('@')[2]}")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return cls(
            url=f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/"),
            user=user or unquote(parts.username or ""),
            password=password or unquote(parts.password or ""),
            timeout=timeout,
        )

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        headers = {"User-Agent": f"repertory-import/{VERSION}", "Accept": "application/json"}
        if self.user:
            word = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        return headers

    def connect(self) -> http.client.HTTPConnection:
        """A connection that opens itself when it is used, also after it was closed."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=self.timeout)

    def path(self, route: str) -> str:
        """``route`` below the server's address, which may have a path of its own."""
        return urlsplit(self.url).path + route
