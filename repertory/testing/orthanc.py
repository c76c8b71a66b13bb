"""Debian's Orthanc, in a process of its own, for tests that compare with it.

    with OrthancProcess(folder, StableAge=1) as orthanc:
        orthanc.ask("POST", "/instances", make_dicom())

It listens on a free port and keeps everything below ``folder``; leaving the context stops it.
"""

import http.client
import json
import shutil
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 30.0
_POLL = 0.02


def find_orthanc() -> str | None:
    """The program, if it is installed."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    port: int, method: str, path: str, body: bytes | str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One request to a server of this computer: status, headers by lower-case name, and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()


class OrthancProcess:
    """An Orthanc of one's own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        """Write the configuration; nothing is started yet.

        Args:
            folder: where its archive, configuration and log lie; made where it is missing.
            options: its configuration, where it differs from what is good for tests.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.storage = folder / "archive"
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._options: dict[str, Any] = {
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "StorageDirectory": str(self.storage),
            "IndexDirectory": str(self.storage),
            "AuthenticationEnabled": False,
            "RemoteAccessAllowed": False,
            "KeepAlive": True,
            "Plugins": [],
            **options,
        }

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

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer.
        """
        program = find_orthanc()
        if program is None:
            raise RuntimeError("Orthanc is not installed")
        configuration = self._folder / "orthanc.json"
        configuration.write_text(json.dumps(self._options))
        with (self._folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - what was looked for
                [program, str(configuration)], cwd=self._folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if ask(self.port, "GET", "/system")[0] == 200:
                    return
            except OSError:
                time.sleep(_POLL)
        self.stop()
        raise RuntimeError("Orthanc did not start")

    def stop(self) -> None:
        """Stop it in good order, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pid(self) -> int:
        """The process; ``RuntimeError`` where none runs."""
        if self._process is None:
            raise RuntimeError("Orthanc was not started")
        return self._process.pid

    def ask(self, method: str, path: str, body: bytes | str | None = None) -> tuple[int, bytes]:
        """One request: status and body of the answer."""
        status, _, content = ask(self.port, method, path, body)
        return status, content

    def get(self, path: str) -> Any:
        """A JSON answer; ``RuntimeError`` where it is not 200."""
        status, content = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return json.loads(content)
