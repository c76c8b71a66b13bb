"""Webhooks: events by HTTP, one request for each, signed."""

import contextlib
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from repertory.actors.clock import Clock
from repertory.actors.targets.base import Outcome, Rules, Verdict
from repertory.actors.targets.writing import event_body
from repertory.conf.webhooks import web_address
from repertory.errors import CannotStart
from repertory.events import ArchiveEvent
from repertory.version import VERSION

_ANSWER_LIMIT = 64 * 1024
_PATIENCE = frozenset({408, 425, 429, 503})
"""Answers by which a target asks for patience (RFC 9110, 6585, 8470): no fault of the event."""


class WebhookTarget:
    """Posts each event as JSON to one address.

    Certificates are verified, redirects are not followed: the signature and the headers are for
    the address in the configuration, and for no other. The connection stays open between events.
    """

    kind = "Webhook"

    def __init__(
        self,
        name: str,
        url: str,
        *,
        clock: Clock,
        rules: Rules | None = None,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        ca_certificates: str = "",
    ) -> None:
        """Take what the target is.

        Args:
        name: its name.
        url: where to post to.
        clock: limits the time that a request may take.
        rules: what it is told of.
        secret: the key of the signature; "" for none.
        headers: further headers.
        timeout: seconds that a request may take.
        ca_certificates: the authorities to trust; "" for those of the system.

        Raises:
            CannotStart: the address, or the file of authorities, cannot be used.
        """
        complaint = web_address(url)
        if complaint:
            raise CannotStart(f"Webhooks.{name}.Url {complaint}.")
        parts = urlsplit(url)
        self.name = name
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.rules = rules or Rules()
        self._host, self._port = str(parts.hostname), parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=ca_certificates or None)
            except (OSError, ssl.SSLError) as error:
                raise CannotStart(f"Webhooks.{name}.CACertificates cannot be read.") from error
        self._clock = clock
        self._secret = secret.encode()
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._archive = ""
        self._connection: http.client.HTTPConnection | None = None
        self._is_late = False
        self._aborted = False
        self._busy = False
        self._lock = threading.Lock()

    def open(self, archive: str) -> None:
        """Remember what the archive is called."""
        self._archive = archive

    def deliver(self, events: Sequence[ArchiveEvent]) -> Outcome:
        """Post events one after the other, up to the first that does not arrive."""
        with self._lock:
            self._busy = True
        try:
            return self._post_all(events)
        finally:
            with self._lock:
                self._busy = False
            if self._aborted:
                self._disconnect()

    def _post_all(self, events: Sequence[ArchiveEvent]) -> Outcome:
        for delivered, event in enumerate(events):
            try:
                status, wait = self._post(event)
            except (OSError, http.client.HTTPException) as error:
                self._disconnect()
                return Outcome(delivered, Verdict.UNREACHABLE, self._why(error))
            if 200 <= status < 300:
                continue
            reason = f"It answered {status}."
            if 300 <= status < 400:
                reason = f"It answered {status}: redirects are not followed."
            verdict = Verdict.UNREACHABLE if status in _PATIENCE else Verdict.REFUSED
            return Outcome(delivered, verdict, reason, wait)
        return Outcome(len(events))

    def abort(self) -> None:
        """Cut the connection, and make no other."""
        with self._lock:
            self._aborted = True
            is_idle = not self._busy
        if is_idle:
            self._disconnect()
        else:
            self._cut()

    def body(self, event: ArchiveEvent) -> bytes:
        """What is posted."""
        return event_body(self._archive, event, main_tags=self.rules.main_tags)

    def _post(self, event: ArchiveEvent) -> tuple[int, float]:
        """Post one event; the status, and the seconds after which to come again."""
        body = self.body(event)
        stamp = int(self._clock.now())
        headers = {
            **self._headers,
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"Repertory/{VERSION}",
            "Repertory-Event": event.type.word,
            "Repertory-Number": str(event.number),
        }
        if self._secret:
            headers["Repertory-Signature"] = f"t={stamp},v1={signature(self._secret, stamp, body)}"
        self._is_late = False
        alarm = self._clock.call_after(self._timeout, self._give_up)
        try:
            with self._request(body, headers) as response:
                content = response.read(_ANSWER_LIMIT + 1)
                left, too_long = response.length, len(content) > _ANSWER_LIMIT
                if self._is_late:
                    raise TimeoutError
                if left and not too_long:
                    raise http.client.IncompleteRead(content, left)
                if too_long or response.will_close:
                    self._disconnect()
            wait = response.getheader("Retry-After", "")
            return response.status, float(wait) if wait.isdecimal() and len(wait) < 6 else 0.0
        finally:
            alarm.cancel()

    def _request(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        is_used = self._connection is not None
        connection = self._connect()
        try:
            connection.request("POST", self._path, body, headers)
            return connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            # A target may close a connection that was idle: that is no failure of its own.
            self._disconnect()
            if not is_used or self._is_late or self._aborted:
                raise
        connection = self._connect()
        connection.request("POST", self._path, body, headers)
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError
            if self._connection is not None:
                return self._connection
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._tls
            )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._connection = connection
            if self._aborted or self._is_late:
                raise ConnectionAbortedError
        return connection

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _give_up(self) -> None:
        self._is_late = True
        self._cut()

    def _cut(self) -> None:
        """Wake whoever waits for the connection, from another thread."""
        with self._lock:
            sock = None if self._connection is None else self._connection.sock
            if sock is not None:
                with contextlib.suppress(OSError):  # it is cut already
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _why(self, error: Exception) -> str:
        if self._is_late or isinstance(error, TimeoutError):
            return f"It did not answer in {self._timeout:g} seconds."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"Its certificate is not to be trusted: {error.verify_message}."
        if isinstance(error, socket.gaierror):
            return "Its name cannot be resolved."
        if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "It closed the connection before its answer was complete."
        if isinstance(error, http.client.HTTPException):
            return "What it answers is not HTTP."
        return f"It cannot be reached ({type(error).__name__})."


def signature(secret: bytes, stamp: int, body: bytes) -> str:
    """The signature of a body: HMAC-SHA256 of the time, a dot and the body, in hexadecimal."""
    return hmac.new(secret, b"%d." % stamp + body, hashlib.sha256).hexdigest()
