"""A proxy in front of a server of this computer that does to requests what networks do."""

import http.client
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request.

    ``status`` answers with it at once; ``hangs`` takes the request and never answers;
    ``cuts_request`` reads some of its body and hangs up; ``keeps`` sends only so many bytes of the
    answer and hangs up; ``shortens`` leaves the last bytes of the body out, and says so in its
    length; ``passes_on`` lets the request through before all that, so that it takes effect.
    """

    status: int = 0
    hangs: bool = False
    cuts_request: bool = False
    keeps: int | None = None
    shortens: int = 0
    passes_on: bool = False


Chooser = Callable[[str, str], Fault | None]
"""Says what happens to a request, by its method and path."""


class FaultProxy:
    """A proxy, whose ``choose`` may be changed at any time.

    ``seen`` and ``sent`` list the requests and their headers.
    """

    def __init__(
        self,
        port: int,
        *,
        headers: Mapping[str, str] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Name the server.

        Args:
            port: where it listens on this computer.
            headers: what is added to each request.
            renamed: headers, in lower case, that get another name.
        """
        self.target = port
        self.headers = dict(headers or {})
        self.renamed = dict(renamed or {})
        self.choose: Chooser = lambda _method, _path: None
        self.seen: list[tuple[str, str]] = []
        self.sent: list[dict[str, str]] = []
        self.released = threading.Event()
        """Set when those that hang may go."""
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("The proxy is not running.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Listen on a free port."""
        proxy = self

        class Handler(_Handler):
            owner = proxy

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self._server = server
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self) -> None:
        """Listen no more."""
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has
        """Say nothing."""

    def _handle(self) -> None:
        with suppress(OSError):
            self._answer()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - the names they have

    def _answer(self) -> None:
        fault = self.owner.choose(self.command, self.path) or Fault()
        self.owner.seen.append((self.command, self.path))
        self.owner.sent.append(dict(self.headers.items()))
        length = int(self.headers.get("Content-Length") or 0)
        if fault.cuts_request:
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(length)
        if fault.hangs:
            if fault.passes_on:
                self._forward(body)
            self.owner.released.wait()
            self.close_connection = True
            return
        if fault.status:
            if fault.passes_on:
                self._forward(body)
            self._send(fault.status, [("Content-Type", "text/plain")], b"", fault)
            return
        self._send(*self._forward(body), fault)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        dropped = _HOP_BY_HOP | {name.lower() for name in self.owner.headers}
        renamed = self.owner.renamed
        headers = {
            renamed.get(name.lower(), name): it
            for name, it in self.headers.items()
            if name.lower() not in dropped
        }
        headers |= self.owner.headers
        with closing(http.client.HTTPConnection("127.0.0.1", self.owner.target)) as connection:
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: Fault) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        whole = len(body)
        if fault.shortens:
            body = body[: -fault.shortens]
            whole = len(body)
        told = {name.lower(): value for name, value in headers}.get("content-length")
        self.send_header("Content-Length", told if self.command == "HEAD" and told else str(whole))
        self.end_headers()
        self.wfile.write(body if fault.keeps is None else body[: fault.keeps])
        if fault.keeps is not None:
            self.wfile.flush()
            self.close_connection = True
