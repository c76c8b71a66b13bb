"""The REST API on a port of its own, in a thread and an event loop of its own."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Protocol

import structlog
from aiohttp import web

from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.conf.tls import limit
from repertory.errors import CannotStart
from repertory.http.accepting import Acceptor, Turns
from repertory.http.app import DISPATCHER, make_app
from repertory.http.bridge import Control
from repertory.http.dispatch import Dispatcher
from repertory.http.doorbell import DOORBELL
from repertory.http.loops import quickest_loop
from repertory.http.protocol import Protocol as Connection
from repertory.http.receiving import Receptions
from repertory.http.shortcuts import Shortcuts

log = structlog.get_logger(__name__)

READ_BUFFER = 1 << 18
"""Bytes of a body that may wait in memory: as many as the loop takes from a socket at once."""

BACKLOG = 1024
"""Connections that may wait to be taken."""

_LONGEST_HEADER = 1 << 16
_OLDEST_OF_ALL = 1  # of TLS; what SslMinimumProtocolVersion has below is spoken nowhere any more
_LAST_MOMENT = 0.05
"""Seconds that connections get to end once all is said."""
_TURNS_TO_BEGIN = 10
"""Turns of the loop within which an accepted connection waits for its request; three will do."""


class Companion(Protocol):
    """What comes along with the server's event loop."""

    def join(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop runs, and will serve."""

    def part(self, loop: asyncio.AbstractEventLoop) -> None:
        """It has served."""


class HttpServer:
    """Serves the REST API of an archive."""

    def __init__(
        self,
        board: Switchboard,
        settings: Settings,
        control: Control | None = None,
        *,
        listener: socket.socket | None = None,
        turns: Turns | None = None,
        make_loop: Callable[[], asyncio.AbstractEventLoop] = quickest_loop,
        companion: Companion | None = None,
    ) -> None:
        """Take what it works with; nothing is opened yet.

        Args:
            board: where questions go.
            settings: port, address, TLS, users.
            control: what the API may do to the process; see ``make_app``.
            listener: a socket that listens already, instead of one of its own; other processes
                may take connections from it, too.
            turns: whose turn it is to take the next one; without it, always ours.
            make_loop: makes the event loop.
            companion: something else that the loop looks after while it serves.
        """
        self._make_loop = make_loop
        self._companion = companion
        self._board = board
        self._settings = settings
        self._control = control
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self._shared_listener = self._listener = listener
        self._listening: asyncio.Server | None = None
        self._turns = turns
        self._acceptor: Acceptor | None = None
        self.port = 0
        """The port that is listened on, which HttpPort 0 leaves to the system."""

    def start(self) -> None:
        """Listen, and serve from now on.

        Raises:
            CannotStart: the port is taken, the certificate cannot be read, and so on.
        """
        tls = make_tls(self._settings)
        app = make_app(self._board, self._settings, control=self._control)
        listener = self._listener = self._shared_listener or listen(self._settings)
        self.port = listener.getsockname()[1]
        self._loop = self._make_loop()
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, app, listener, tls, started), name="http"
        )
        self._thread.daemon = True  # a host that forgets to stop us can still end
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._loop = None
            listener.close()
            raise
        log.info("http_server_started", port=self.port, secure=tls is not None)

    def stop(self, grace: float = 10.0) -> None:
        """Take no more connections and requests, let running ones finish, then end.

        Requests that take longer than ``grace`` seconds are cut off. To stop twice does no harm.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = None
        asyncio.run_coroutine_threadsafe(self._wind_down(grace), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        log.info("http_server_stopped", port=self.port)

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        app: web.Application,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        started: "Future[None]",
    ) -> None:
        asyncio.set_event_loop(loop)
        self._board.volunteer()
        try:
            loop.run_until_complete(self._open(app, listener, tls))
        except BaseException as error:  # noqa: BLE001 - whoever started us gets it
            started.set_exception(error)
        else:
            started.set_result(None)
            loop.run_forever()
        finally:
            loop.run_until_complete(_end_tasks())
            loop.close()

    async def _open(
        self, app: web.Application, listener: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_LAST_MOMENT
        )
        await self._runner.setup()
        manager = self._runner.server
        if manager is None:
            raise CannotStart("The REST API could not be set up.")
        if self._companion is not None:
            self._companion.join(asyncio.get_running_loop())
        dispatcher = app[DISPATCHER]
        shortcuts = Shortcuts(self._board, dispatcher)
        receptions = Receptions(self._board, dispatcher, self._settings)
        make = partial(self._connection, manager, dispatcher, shortcuts, receptions)
        if self._turns is not None:
            self._acceptor = Acceptor(listener, make, tls=tls, turns=self._turns)
            self._acceptor.begin()
            return
        self._listening = await asyncio.get_running_loop().create_server(
            make, sock=listener, ssl=tls, backlog=BACKLOG
        )

    def _connection(
        self,
        manager: web.Server,
        dispatcher: Dispatcher,
        shortcuts: Shortcuts,
        receptions: Receptions,
    ) -> Connection:
        return Connection(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # as AppRunner turns it off
            keepalive_timeout=self._settings.keep_alive_timeout,
            read_bufsize=READ_BUFFER,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            turns=self._turns,
            dispatcher=dispatcher,
            shortcuts=shortcuts,
            receptions=receptions,
        )

    async def _wind_down(self, grace: float) -> None:
        runner = self._runner
        if runner is None or runner.server is None:
            return
        dispatcher = runner.app[DISPATCHER]
        dispatcher.let_go()
        runner.app[DOORBELL].close()
        await self._stop_listening()
        # aiohttp's own way would also stop the bodies that are still coming in; so first let go
        # of the connections that are idle, and wait for those that are not.
        _close(runner.server, but=dispatcher.busy)
        await _turns()
        _close(runner.server, but=dispatcher.busy, at_once=True)
        now = asyncio.get_running_loop().time
        deadline = now() + grace
        await dispatcher.finish(grace)
        if dispatcher.busy:
            log.warning("requests_cut_off", count=len(dispatcher.busy))
        transports = [connection.transport for connection in runner.server.connections]
        _close(runner.server, at_once=True)
        # Closed, they still send what was answered; nothing tells when a transport is empty.
        while any(t and t.get_write_buffer_size() for t in transports) and now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await runner.server.shutdown(_LAST_MOMENT)
        await runner.cleanup()
        if self._companion is not None:
            self._companion.part(asyncio.get_running_loop())

    async def _stop_listening(self) -> None:
        # A connection that was accepted in this very turn would find its server closed, and
        # asyncio would forget it: so first accept no more, then close.
        if self._acceptor is not None:
            await self._acceptor.end()
        elif self._listener is not None:
            with suppress(NotImplementedError):  # the event loop of Windows
                asyncio.get_running_loop().remove_reader(self._listener)
        await _turns()
        if self._listening is not None:
            self._listening.close()


async def _turns() -> None:
    """Let what was just accepted, or has just arrived, begin."""
    for _ in range(_TURNS_TO_BEGIN):
        await asyncio.sleep(0)


def _close(
    server: web.Server, *, but: Collection[asyncio.BaseProtocol] = (), at_once: bool = False
) -> None:
    """Close connections: before their next request, or at once."""
    for connection in server.connections:
        if connection not in but:
            if at_once:
                connection.force_close()
            else:
                connection.close()


async def _end_tasks() -> None:
    """End what still runs: connections that were cut off."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.sleep(0)  # transports close in the next turn


def listen(settings: Settings) -> socket.socket:
    """Open the socket that the settings ask for.

    Raises:
        CannotStart: it cannot be opened.
    """
    address, port = settings.http_bind_address, settings.http_port
    try:
        if not address and not settings.remote_access_allowed:
            return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        if not address and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"HttpPort {port}" + (f" of HttpBindAddress {address}" if address else "")
        raise CannotStart(f"{where} cannot be listened on: {_reason(error)}.") from error


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """What TLS needs, or ``None`` where the settings do without.

    Raises:
        CannotStart: a certificate cannot be read.
    """
    if not settings.ssl_enabled:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    limit(
        context,
        oldest=settings.ssl_minimum_protocol_version or _OLDEST_OF_ALL,
        ciphers=settings.ssl_ciphers_accepted,
    )
    try:
        context.load_cert_chain(settings.ssl_certificate)
    except (OSError, ValueError) as error:
        raise CannotStart(f"SslCertificate cannot be used: {_reason(error)}.") from error
    if settings.ssl_verify_peers:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.ssl_trusted_client_certificates)
        except (OSError, ValueError) as error:
            raise CannotStart(
                f"SslTrustedClientCertificates cannot be used: {_reason(error)}."
            ) from error
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "it holds no certificate and private key in PEM format"
    return getattr(error, "strerror", None) or str(error)
