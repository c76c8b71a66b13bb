"""What scripts do beyond the archive: requests to other servers, and programs."""

import base64
import http.client
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog

log = structlog.get_logger(__name__)

NO_ANSWER = (0, b"")
"""What a script gets where nobody answered."""

DEFAULT_TIMEOUT = 60.0
"""Seconds without a byte; Orthanc's HttpTimeout is 60, too."""

LONGEST_PROGRAM = 600.0
"""Seconds after which a program is ended."""

_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Caller:
    """How requests to others are sent, which scripts may change."""

    username: str = ""
    password: str = ""
    timeout: float = DEFAULT_TIMEOUT
    longest: int = 512 << 20
    """How many bytes an answer may have: scripts have no room for more."""

    def with_credentials(self, username: str, password: str) -> "Caller":
        """One that says who it is (HTTP Basic), or nothing where ``username`` is empty."""
        return replace(self, username=username, password=password)

    def with_timeout(self, seconds: float) -> "Caller":
        """One of another patience; 0 is the default."""
        return replace(self, timeout=seconds or DEFAULT_TIMEOUT)

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Send a request: the status and the body of its answer, or ``NO_ANSWER``."""
        try:
            if urlsplit(url).scheme not in _SCHEMES:
                log.warning("script_call_refused", reason="only http and https are spoken")
                return NO_ANSWER
            return self._exchange(method, url, body, headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, b""
        except (OSError, ValueError, http.client.HTTPException) as error:
            log.warning("script_call_unanswered", reason=type(error).__name__)
            return NO_ANSWER

    def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            url,
            data=body if method in {"POST", "PUT"} else None,
            headers={"User-Agent": "Repertory", **headers},
            method=method,
        )
        if self.username:
            token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        # A redirection to file:// is refused by the standard library itself.
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
            content: bytes = answer.read(self.longest + 1)
        if len(content) > self.longest:
            log.warning("script_call_refused", reason="the answer is too long")
            return NO_ANSWER
        return answer.status, content


class Programs:
    """The programs that scripts run; its methods may be called from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(self, words: "Sequence[str] | str") -> tuple[int]:
        """Run a program, or a line of the shell; its exit code, or -1 where it could not be."""
        try:
            with self._lock:
                if self._closed:
                    return (-1,)
                program = subprocess.Popen(  # noqa: S603 - what the administrator's script wants
                    words,
                    shell=isinstance(words, str),
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._running.add(program)
        except (OSError, ValueError) as error:
            log.warning("script_program_failed", reason=type(error).__name__)
            return (-1,)
        try:
            return (program.wait(LONGEST_PROGRAM),)
        except subprocess.TimeoutExpired as error:
            log.warning("script_program_failed", reason=type(error).__name__)
            _end(program)
            return (-1,)
        finally:
            with self._lock:
                self._running.discard(program)

    def end(self) -> None:
        """End those that run, and run no more."""
        with self._lock:
            self._closed = True
            for program in self._running:
                _end(program)


def _end(program: "subprocess.Popen[bytes]") -> None:
    """End a program, and what it began itself."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError):  # Windows; or it is over
        program.kill()
