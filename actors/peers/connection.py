"""Requests to other archives, and the connections that they go over."""

import base64
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from repertory.errors import CannotStart, NetworkFailed
from repertory.peers import Peer
from repertory.version import VERSION

ANSWER_LIMIT = 4 << 20
"""Bytes that an answer may have."""

_BROKEN = (BrokenPipeError, ConnectionResetError)
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How others are called by HTTP.

    ``timeout`` is seconds without a byte, 0 for ever; ``proxy`` is ``host:port``, with
    ``name:password@`` before it where it wants that; ``ca_certificates`` "" are the system's.
    """

    timeout: float = 60.0
    proxy: str = ""
    ca_certificates: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it did what it was asked for."""
        return self.status in _SUCCESS


class PeerCaller:
    """Makes connections to peers, and cuts them all if it has to stop."""

    def __init__(self, options: HttpOptions) -> None:
        """Take how they are called.

        Raises:
            CannotStart: the file of authorities cannot be read.
        """
        self._options = options
        self._open: set[Connection] = set()
        self._lock = threading.Lock()
        self._closed = False
        if options.ca_certificates:
            try:
                ssl.create_default_context(cafile=options.ca_certificates)
            except (OSError, ssl.SSLError) as error:
                raise CannotStart("HttpsCACertificates cannot be read.") from error

    @contextmanager
    def connect(self, peer: Peer) -> Iterator["Connection"]:
        """A connection for as long as the context lasts; it is made by the first request."""
        connection = Connection(peer, self._options)
        with self._lock:
            if self._closed:
                raise NetworkFailed("The archive is stopping.")
            self._open.add(connection)
        try:
            with closing(connection):
                yield connection
        finally:
            with self._lock:
                self._open.discard(connection)

    def close(self) -> None:
        """Cut what is open: whoever waits for an answer gets none."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                connection.cut()


class Connection:
    """One connection to a peer. ``ask`` is called by one thread, ``cut`` by any.

    Redirects are not followed: what says who we are is for this address, and for no other.
    """

    def __init__(self, peer: Peer, options: HttpOptions) -> None:
        self._peer = peer
        self._options = options
        self._parts = urlsplit(peer.url)
        self._timeout = peer.timeout or options.timeout or None
        self._http: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()
        self._is_cut = False

    def ask(
        self,
        method: str,
        path: str,
        body: BinaryIO | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and wait for its answer; ``path`` is below the peer's address.

        A file is sent from its beginning.

        Raises:
            NetworkFailed: there was no answer, or one that is too long.
        """
        try:
            return self._ask(method, path, body, headers or {})
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NetworkFailed(self._why(error)) from error

    def _ask(
        self, method: str, path: str, body: BinaryIO | None, headers: Mapping[str, str]
    ) -> Answer:
        is_used = self._http is not None
        try:
            return self._exchange(method, path, body, headers)
        except (*_BROKEN, http.client.RemoteDisconnected):
            # A server may close a connection that was idle: that is no failure of its own.
            self.close()
            if not is_used or self._is_cut:
                raise
        return self._exchange(method, path, body, headers)

    def _exchange(
        self, method: str, path: str, body: BinaryIO | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = self._connect()
        target = self._parts.path + path
        if self._options.proxy and self._parts.scheme == "http":
            target = f"http://{self._parts.netloc}{target}"
        connection.putrequest(method, target)
        for name, value in {**headers, **self._own_headers(body)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        if body is not None:
            body.seek(0)
            try:
                while piece := body.read(1 << 20):
                    connection.send(piece)
            except _BROKEN:
                # It may have answered before the end, as where it does not know us.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answer = self._answer(connection)
                    self.close()
                    return answer
                raise
        return self._answer(connection)

    def _answer(self, connection: http.client.HTTPConnection) -> Answer:
        with connection.getresponse() as response:
            content = response.read(ANSWER_LIMIT + 1)
            if len(content) > ANSWER_LIMIT:
                self.close()
                raise NetworkFailed("The answer of the peer is too long.")
            if response.length:
                raise http.client.IncompleteRead(content, response.length)
            if response.will_close:
                self.close()
            return Answer(response.status, content)

    def _own_headers(self, body: BinaryIO | None) -> dict[str, str]:
        headers = {"User-Agent": f"Repertory/{VERSION}", **self._peer.headers}
        if self._peer.username:
            headers["Authorization"] = _basic(self._peer.username, self._peer.password)
        if self._options.proxy and self._parts.scheme == "http":
            headers |= _proxy_headers(self._options.proxy)
        if body is not None:
            headers["Content-Length"] = str(body.seek(0, 2))
        return headers

    def _connect(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError
            if self._http is not None:
                return self._http
        connection = self._new()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._http = connection
            if self._is_cut:  # meanwhile
                raise ConnectionAbortedError
        return connection

    def _new(self) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        is_secure = self._parts.scheme == "https"
        proxy = urlsplit(f"//{self._options.proxy}") if self._options.proxy else None
        at, on = (host, port) if proxy is None else (str(proxy.hostname), proxy.port)
        if not is_secure:
            return http.client.HTTPConnection(at, on, timeout=self._timeout)
        secure = http.client.HTTPSConnection(at, on, timeout=self._timeout, context=self._tls())
        if proxy is not None:
            secure.set_tunnel(host, port or 443, _proxy_headers(self._options.proxy))
        return secure

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._options.ca_certificates or None)
        if not self._options.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        peer = self._peer
        if peer.certificate_file:
            key = peer.certificate_key_file or None
            try:
                # Without a password OpenSSL would ask for one at the terminal.
                context.load_cert_chain(
                    peer.certificate_file, key, lambda: peer.certificate_key_password
                )
            except (OSError, ssl.SSLError) as error:
                raise NetworkFailed("The certificate for the peer cannot be used.") from error
        return context

    def close(self) -> None:
        """Close it; the next request makes another."""
        with self._lock:
            connection, self._http = self._http, None
        if connection is not None:
            connection.close()

    def cut(self) -> None:
        """Wake whoever waits for an answer, and make no other connection."""
        with self._lock:
            self._is_cut = True
            sock = None if self._http is None else self._http.sock
            if sock is not None:
                with contextlib.suppress(OSError):  # it is cut already
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _why(self, error: Exception) -> str:
        if self._is_cut:
            return "The archive is stopping."
        if isinstance(error, TimeoutError):
            return f"The peer was silent for {self._timeout:g} seconds."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The certificate of the peer is not to be trusted: {error.verify_message}."
        if isinstance(error, socket.gaierror):
            return "The name of the peer cannot be resolved."
        if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "The peer closed the connection before its answer was complete."
        if isinstance(error, http.client.HTTPException):
            return "What the peer answers is not HTTP."
        return f"The peer cannot be reached ({type(error).__name__})."


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _proxy_headers(proxy: str) -> dict[str, str]:
    name, found, password = proxy.rpartition("@")[0].partition(":")
    return {"Proxy-Authorization": _basic(name, password)} if found or name else {}
