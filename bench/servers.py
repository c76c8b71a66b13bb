"""Start, stop and weigh a server that speaks Orthanc's REST API.

Both servers get the same configuration, written here, and a fresh folder each on the same disk.
Processor time and memory are those of the whole process tree.
"""

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
START_PATIENCE = 120.0
STOP_PATIENCE = 60.0
POLL = 0.001

COMMON_OPTIONS = {
    "Name": "BENCH",
    "RemoteAccessAllowed": False,
    "AuthenticationEnabled": False,
    "SslEnabled": False,
    "DicomServerEnabled": False,
    "KeepAlive": True,
    "TcpNoDelay": True,
    "SyncStorageArea": True,
    "StorageCompression": False,
    "OverwriteInstances": False,
    # No resource becomes stable while the other server is being timed.
    "StableAge": 86_400,
    "Plugins": [],
    "LuaScripts": [],
}


class MeasureError(Exception):
    """The server does not start, stop or answer as it should."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process tree in bytes; the proportional size counts shared pages once."""

    rss: int
    pss: int


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    url: str, path: str, *, method: str = "GET", body: bytes | None = None, patience: float = 60.0
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=patience
    )
    try:
        connection.request(method, parts.path.rstrip("/") + path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def tree(pid: int) -> list[int]:
    """``pid`` and all its descendants."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            for task in tasks:
                found += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time, user and system, of the tree of ``pid``, ended children included."""
    ticks = 0
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # Fields 14 to 17 of proc(5), counted after the name, which may hold spaces.
        ticks += sum(int(word) for word in stat.rpartition(")")[2].split()[11:15])
    return ticks / TICKS


def machine_seconds() -> float:
    """Processor time that all programs of the machine have used so far, waiting left out."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    # Fields of proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in words[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS


def memory(pid: int) -> Memory:
    """Memory of the tree of ``pid``."""
    sizes = {"Rss:": 0, "Pss:": 0}
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        for line in lines:
            word, *numbers = line.split()
            if word in sizes:
                sizes[word] += int(numbers[0]) * 1024
    return Memory(rss=sizes["Rss:"], pss=sizes["Pss:"])


@dataclass(slots=True)
class Server:
    """A server under test.

    ``target`` is a command with ``{config}`` for the configuration file, or the URL of a server
    that runs already: that one is neither started, stopped nor weighed.
    """

    name: str
    target: str
    folder: Path
    options: dict[str, object] = field(default_factory=dict)
    url: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def is_ours_to_start(self) -> bool:
        """Whether ``target`` is a command."""
        return not self.target.startswith(("http://", "https://"))

    @property
    def pid(self) -> int | None:
        """The main process, where it is ours."""
        return self._process.pid if self._process else None

    def start(self) -> float:
        """Start the server; the seconds until it answered ``GET /system`` by 200."""
        if not self.is_ours_to_start:
            self.url = self.target.rstrip("/")
            self._wait_for_answer(time.perf_counter())
            return 0.0
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = self._write_config(port)
        words = [word.format(config=config) for word in shlex.split(self.target)]
        with (self.folder / "log.txt").open("ab") as log:
            begun = time.perf_counter()
            self._process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
        return self._wait_for_answer(begun)

    def stop(self) -> float:
        """End the server by SIGTERM; the seconds until all its processes were gone."""
        if self._process is None:
            return 0.0
        process, self._process = self._process, None
        others = tree(process.pid)[1:]
        begun = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise MeasureError(f"{self.name} did not stop within {STOP_PATIENCE:.0f} s") from None
        while any(Path(f"/proc/{other}").exists() for other in others):
            if time.perf_counter() - begun > STOP_PATIENCE:
                raise MeasureError(f"{self.name} left processes behind: {others}")
            time.sleep(POLL)
        return time.perf_counter() - begun

    def kill(self) -> None:
        """End the server at once, if it runs."""
        if self._process is not None:
            for pid in reversed(tree(self._process.pid)):
                os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def cpu_seconds(self) -> float | None:
        """Processor time used so far, or ``None`` for a server that is not ours."""
        return None if self._process is None else cpu_seconds(self._process.pid)

    def memory(self) -> Memory | None:
        """Memory used now, or ``None`` for a server that is not ours."""
        return None if self._process is None else memory(self._process.pid)

    def stored_files(self) -> int | None:
        """How many files the storage folder holds, or ``None`` for a server that is not ours."""
        if not self.is_ours_to_start:
            return None
        return sum(len(files) for _, _, files in os.walk(self.folder / "storage"))

    def version(self) -> str:
        """What the server calls itself."""
        status, body = ask(self.url, "/system")
        if status != 200:
            raise MeasureError(f"{self.name} answers GET /system by {status}")
        system = json.loads(body)
        # Ours says in Version which Orthanc it is compatible with.
        return str(system.get("RepertoryVersion") or system.get("Version", "?"))

    def _write_config(self, port: int) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = COMMON_OPTIONS | {
            "HttpPort": port,
            "DicomPort": free_port(),
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
        }
        config = self.folder / "config.json"
        config.write_text(json.dumps(options | self.options, indent=2))
        return config

    def _wait_for_answer(self, begun: float) -> float:
        deadline = begun + START_PATIENCE
        while time.perf_counter() < deadline:
            if self._process is not None and self._process.poll() is not None:
                tail = (self.folder / "log.txt").read_text(errors="replace")[-2_000:]
                raise MeasureError(f"{self.name} ended at its start:\n{tail}")
            try:
                if ask(self.url, "/system", patience=5.0)[0] == 200:
                    return time.perf_counter() - begun
            except (OSError, http.client.HTTPException):
                time.sleep(POLL)
        raise MeasureError(f"{self.name} does not answer")


OURS = shlex.join([sys.executable, "-m", "repertory"]) + " {config}"
PEER = "Orthanc {config}"
