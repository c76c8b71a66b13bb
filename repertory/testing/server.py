"""A server of its own process, as users run it, for tests that go all the way.

    with ServerProcess(folder, StableAge=1) as server:
        answer = server.post("/instances", make_dicom())
        assert answer.status == 200
        server.kill()  # as a power cut would, as far as the process knows

It listens on a free port, keeps everything below ``folder``, logs JSON to ``folder/log`` and is
killed when the context is left.
"""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import repertory

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds that anything may take: only a defect, or a machine that hangs, reaches it."""

START_PATIENCE = 60.0
"""Seconds that a server may take to start: several processes, on a machine that does much else."""

_POLL = 0.005
_CHECKOUT = Path(repertory.__file__).parents[1]


def until(condition: Callable[[], T], *, patience: float = PATIENCE) -> T:
    """Wait until ``condition`` returns something true; returns it.

    Raises:
        TimeoutError: it did not in ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        pause.wait(_POLL)
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class ServerProcess:
    """A server in a process of its own; leaving the context kills it."""

    def __init__(
        self,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        configuration: str | None = None,
        tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        """Write the configuration; nothing is started yet.

        Args:
            folder: where configuration, log and archive lie; made where it is missing.
            arguments: words of the command line before the configuration's name.
            configuration: the text of the whole configuration, instead of ``options``.
            tls: how to speak to a server with ``SslEnabled``.
            options: the configuration, where it differs from the defaults.
        """
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.storage = folder / "archive"
        self.log_file = folder / "log"
        self.options: dict[str, Any] = {
            "HttpPort": 0,
            "DicomServerEnabled": False,
            "StorageDirectory": str(self.storage),
            "AuthenticationEnabled": False,
            **options,
        }
        self.port = 0
        self._arguments = tuple(arguments)
        self._configuration = configuration
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.kill()

    # Its life

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start the process, and do not wait until it serves."""
        configuration = self.folder / "configuration.json"
        configuration.write_text(self._configuration or json.dumps(self.options, indent=2))
        python_path = os.pathsep.join(
            path for path in (str(_CHECKOUT), os.environ.get("PYTHONPATH", "")) if path
        )
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "repertory", *self._arguments, str(configuration)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": python_path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process

    def start(self) -> None:
        """Start the process and wait until it serves.

        Raises:
            RuntimeError: it ended instead; the message is what it logged.
        """
        old = self.log_file.stat().st_size if self.log_file.exists() else 0
        process = self.launch()

        def began() -> int | None:
            for event in self.events(since=old):
                if event["event"] == "archive_started":
                    return int(event["port"])
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log}")
            return None

        try:
            self.port = until(began, patience=START_PATIENCE) or 0
        except BaseException:
            self.kill()
            raise

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait until the process has ended; its exit code."""
        return self._running.wait(patience)

    def terminate(self) -> None:
        """Ask it to stop in good order (SIGTERM)."""
        self._running.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Stop it in good order; its exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL), if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        return self._running.pid

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process

    # What it answers

    @property
    def url(self) -> str:
        """Where the REST API is."""
        return f"{'http' if self._tls is None else 'https'}://localhost:{self.port}"

    def connect(self, *, patience: float = PATIENCE) -> http.client.HTTPConnection:
        """A connection to the REST API; the caller closes it."""
        if self._tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=patience, context=self._tls
        )

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, on a connection of its own. An iterable body is sent in chunks."""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    def get(self, path: str) -> Answer:
        """A GET request."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        """A POST request."""
        return self.ask("POST", path, body)

    def delete(self, path: str) -> Answer:
        """A DELETE request."""
        return self.ask("DELETE", path)

    # What can be seen from outside

    @property
    def log(self) -> str:
        """All that it wrote, over all its lives."""
        return self.log_file.read_text()

    def events(self, *, since: int = 0) -> Iterator[dict[str, Any]]:
        """The events of its log, from a position in the file on."""
        with self.log_file.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.startswith(b"{") and line.endswith(b"\n"):
                    yield json.loads(line)

    def files(self) -> set[str]:
        """The UUIDs of the files in the storage area, those in the making left out."""
        # Folders vanish while they are looked through: os.walk passes over them.
        return {
            name
            for folder, _, names in os.walk(self.storage)
            for name in names
            if folder.endswith(f"{os.sep}{name[:2]}{os.sep}{name[2:4]}")
        }

    def staged(self) -> set[str]:
        """The names of the files in the making."""
        folders = (self.storage / ".staging", self.storage / ".gathering")
        return {name for folder in folders for _, _, names in os.walk(folder) for name in names}

    def memory(self, *, peak: bool = False) -> int:
        """Bytes of memory that the process has, or had at most (``VmRSS``, ``VmHWM``; Linux)."""
        word = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(word):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the system does not tell")

    def descriptors(self) -> int:
        """How many files and sockets the process has open (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """How many threads the process has (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))
