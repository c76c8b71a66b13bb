"""The processes of the workers, seen from the archive."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

from repertory.storage.pixels.protocol import Silent, hear, say

_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerLost(Exception):
    """A worker ended before it answered: it crashed, or was ended."""


class Worker:
    """One process. ``ask`` is called by one thread at a time, ``end`` by any."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            WorkerLost: it could not be started.
        """
        command = [sys.executable, "-m", "repertory.storage.pixels.worker", str(os.getpid())]
        environment = {
            **os.environ,
            **_ALONE,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # who interrupts the archive lets it end its workers
            )
        except OSError as error:
            raise WorkerLost from error
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, header: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Have it do something, and wait.

        Raises:
            WorkerLost: it ended.
        """
        try:
            say(cast("BinaryIO", self._process.stdin), header, content)
            return hear(cast("BinaryIO", self._process.stdout))
        except (OSError, ValueError, Silent) as error:
            raise WorkerLost from error

    def kill(self) -> None:
        """End the process at once; who waits for it is told."""
        with self._lock:
            self._process.kill()

    def end(self) -> None:
        """End it, and forget it; not while somebody asks it."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not said yet has nobody who would hear it
                    continue
