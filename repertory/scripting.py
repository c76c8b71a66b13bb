"""Runs the scripts of ``PythonScripts`` when an archive starts."""

import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from repertory import script
from repertory.errors import CannotStart
from repertory.script import Host

if TYPE_CHECKING:
    from repertory.actors.filter_functions import FilterFunctions
    from repertory.service import Repertory
    from repertory.subscribing import Subscriptions

log = structlog.get_logger(__name__)

STARTED, STOPPING = "started", "stopping"
"""What scripts are told besides events (``orthanc.ChangeType.ORTHANC_STARTED``)."""


class Scripts:
    """The scripts of one archive.

    Each is a module of its own, loaded in the thread that starts the archive, when all actors
    answer and nobody is served yet. Its folder is where it finds what it imports.
    """

    def __init__(
        self,
        archive: "Repertory",
        subscriptions: "Subscriptions",
        functions: "FilterFunctions",
        paths: Sequence[str],
    ) -> None:
        self._archive = archive
        self._subscriptions = subscriptions
        self._functions = functions
        self._paths = tuple(map(Path, paths))
        self._hosts: list[Host] = []

    def load(self) -> None:
        """Run every script.

        Raises:
            CannotStart: one of them cannot be run: which, and why.
        """
        for path in self._paths:
            host = Host(self._archive, self._subscriptions, self._functions, path.name)
            self._hosts.append(host)
            with script.hosted(host):
                _run(path)
            log.info("script_loaded", script=path.name)

    def begin(self) -> None:
        """Tell them that the archive has started."""
        for host in self._hosts:
            self._subscriptions.announce(host.origin, STARTED)

    def end(self) -> None:
        """Tell them that it is about to stop."""
        for host in self._hosts:
            self._subscriptions.announce(host.origin, STOPPING)

    def forget(self) -> None:
        """The next start runs them anew."""
        hosts, self._hosts = self._hosts, []
        for host in hosts:
            self._subscriptions.forget(host.origin)
            self._functions.forget(host.origin)
            script.forget(host)


def _run(path: Path) -> None:
    from repertory import orthanc_api  # noqa: PLC0415 - it needs all of this

    # Scripts expect to find these: nothing but a script changes them for the whole process.
    sys.modules.setdefault("orthanc", orthanc_api)
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"repertory_script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotStart(f"The script {path} cannot be loaded: its name must end with .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        line = _line(error, path)
        place = f", line {line}" if line else ""
        raise CannotStart(
            f"The script {path}{place} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _line(error: BaseException, path: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None
