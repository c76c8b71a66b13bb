"""The REST API on a port of its own, in a thread and an event loop of its own."""

import asyncio
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import structlog
from aiohttp import web

from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.errors import CannotStart
from repertory.http.app import DISPATCHER, make_app
from repertory.http.bridge import Control
from repertory.http.protocol import Protocol

log = structlog.get_logger(__name__)

READ_BUFFER = 1 << 20
"""Bytes of a body that may wait in memory: large, for each refill costs a turn of the loop."""

_BACKLOG = 1024
_LONGEST_HEADER = 1 << 16
_TURNS = 10
"""Turns of the loop within which an accepted connection waits for its request; three will do."""


class HttpServer:
    """Serves the REST API of an archive.

    Args:
        board: where questions go.
        settings: port, address, TLS, users.
        control: what the API may do to the process; see ``make_app``.
    """

    def __init__(
        self, board: Switchboard, settings: Settings, control: Control | None = None
    ) -> None:
        self._board = board
        self._settings = settings
        self._control = control
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self.port = 0
        """The port that is listened on, which HttpPort 0 leaves to the system."""

    def start(self) -> None:
        """Listen, and serve from now on.

        Raises:
            CannotStart: the port is taken, the certificate cannot be read, and so on.
        """
        tls = make_tls(self._settings)
        app = make_app(self._board, self._settings, control=self._control)
        listener = listen(self._settings)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, app, listener, tls, started), name="http"
        )
        self._thread.daemon = True  # a host that forgets to stop us can still end
        self._thread.start()
        started.result()
        log.info("http_server_started", port=self.port, secure=tls is not None)

    def stop(self, grace: float = 10.0) -> None:
        """Take no more connections and requests, let running ones finish, then end.

        Requests that take longer than ``grace`` seconds are cut off. To stop twice does no harm.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = None
        try:
            asyncio.run_coroutine_threadsafe(self._wind_down(grace), loop).result()
        finally:
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
        try:
            loop.run_until_complete(self._open(app, listener, tls))
        except BaseException as error:  # noqa: BLE001 - whoever started us gets it
            started.set_exception(error)
        else:
            started.set_result(None)
            loop.run_forever()
        finally:
            # Connections that were cut may linger; a loop that ends with them tells so in the log.
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()

    async def _open(
        self, app: web.Application, listener: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        manager = self._runner.server
        if manager is None:
            raise CannotStart("The REST API could not be set up.")
        self._listening = await asyncio.get_running_loop().create_server(
            partial(self._connection, manager),
            sock=listener,
            ssl=tls,
            backlog=_BACKLOG,
        )

    def _connection(self, manager: web.Server) -> Protocol:
        return Protocol(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # as AppRunner turns it off
            keepalive_timeout=self._settings.keep_alive_timeout,
            read_bufsize=READ_BUFFER,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )

    async def _wind_down(self, grace: float) -> None:
        runner = self._runner
        if runner is None or runner.server is None or self._listening is None:
            return
        # Accept no more, and let those that were accepted just now become known, before closing:
        # asyncio of Python 3.11 would forget them, and their clients would wait for ever.
        for socket_ in self._listening.sockets:
            with suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().remove_reader(socket_.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._listening.close()
        # aiohttp's own way would also stop the bodies that are still coming in; so first let go
        # of the connections that are idle, and wait for those that are not.
        dispatcher = runner.app[DISPATCHER]
        for connection in runner.server.connections:
            if connection not in dispatcher.busy:
                # Not `close`, which cancels the task that would close it. What is written goes out.
                connection.force_close()
        deadline = asyncio.get_running_loop().time() + grace
        await dispatcher.finish(grace)
        if dispatcher.busy:
            log.warning("requests_cut_off", count=len(dispatcher.busy))
        # What was answered still has to go out.
        runner.server.pre_shutdown()
        await runner.server.shutdown(max(0.1, deadline - asyncio.get_running_loop().time()))
        await runner.cleanup()


def listen(settings: Settings) -> socket.socket:
    """Open the socket that the settings ask for.

    Raises:
        CannotStart: it cannot be opened.
    """
    address, port = settings.http_bind_address, settings.http_port
    try:
        if not address and not settings.remote_access_allowed:
            return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        if not address and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
            )
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
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
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
