"""What a script of ``PythonScripts`` says to the archive that runs it.

    from repertory import script
    from repertory.events import StudyStabilized

    @script.on(StudyStabilized)
    def forward(event):
        study = script.get(f"/studies/{event.study}")

Scripts that were written for Orthanc find their ``import orthanc`` (``repertory.orthanc_api``).
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.events import ArchiveEvent

if TYPE_CHECKING:
    from repertory.actors.filter_functions import FilterFunctions
    from repertory.service import Repertory
    from repertory.subscribing import Subscriptions

log = structlog.get_logger(__name__)

C = TypeVar("C", bound=Callable[..., Any])


class Host:
    """The archive that runs a script, as the script sees it."""

    def __init__(
        self,
        archive: "Repertory",
        subscriptions: "Subscriptions",
        functions: "FilterFunctions",
        name: str,
    ) -> None:
        self.archive = archive
        self.subscriptions = subscriptions
        self.functions = functions
        self.name = name
        self.origin = f"script {name}"


class RestError(Exception):
    """The REST API answered a script by a status other than 200."""

    def __init__(self, answer: RestAnswer) -> None:
        super().__init__(f"The REST API answered {answer.status}.")
        self.status = answer.status
        self.body = answer.body


_host: ContextVar[Host] = ContextVar("host")
_hosts: list[Host] = []
_lock = threading.Lock()


@contextmanager
def hosted(host: Host) -> Iterator[None]:
    """While a script is loaded: what it says is said to this archive."""
    with _lock:
        _hosts.append(host)
    token = _host.set(host)
    try:
        yield
    finally:
        _host.reset(token)


def forget(host: Host) -> None:
    """The archive stops: its script's threads have nobody to talk to any more."""
    with _lock:
        _hosts.remove(host)


def current() -> Host:
    """The archive of the script that asks.

    In a thread that the script itself made, it is the only archive that runs scripts.

    Raises:
        RuntimeError: no archive runs the script, or it may be one of several.
    """
    host = _host.get(None)
    if host is not None:
        return host
    with _lock:
        archives = {id(one.archive): one for one in _hosts}
    if len(archives) != 1:
        raise RuntimeError("this thread belongs to no script of an archive that runs")
    return next(iter(archives.values()))


def archive() -> "Repertory":
    """The archive: ``ask``, ``ask_soon`` and ``ask_async`` say what can be said to it."""
    return current().archive


def on(
    *kinds: type[ArchiveEvent], main_tags: bool = False, words: bool = False
) -> Callable[[C], C]:
    """Call a function for each event of some classes; see ``Repertory.on``.

    Args:
    kinds: the classes.
    main_tags: whether the events tell the main DICOM tags.
    words: whether it is also called with the words ``started`` and ``stopping``.
    """
    host = current()
    return host.subscriptions.on(
        kinds, main_tags=main_tags, words=words, context=copy_context(), origin=host.origin
    )


def filter(name: str) -> Callable[[C], C]:  # noqa: A001 - as the archive calls it
    """Let a function decide what comes in, or change queries; see ``Repertory.filter``."""
    host = current()
    return host.functions.on(name, context=copy_context(), origin=host.origin)


def off(callback: Callable[..., Any]) -> bool:
    """Call a function no more, for events or as a filter; whether it was registered."""
    host = current()
    was_filter = host.functions.off(callback)
    return host.subscriptions.off(callback) or was_filter


def call(
    method: str, uri: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> RestAnswer:
    """Ask the archive's REST API, without a connection; an error is an answer, too."""
    named = tuple((headers or {}).items())
    return archive().ask(CallRestApi(method=method, uri=uri, body=body, headers=named))


def get(uri: str) -> Any:
    """What the REST API tells as JSON.

    Raises:
        RestError: it answered by another status than 200.
    """
    answer = call("GET", uri)
    if answer.status != 200:
        raise RestError(answer)
    return json.loads(answer.body)


def say(text: str, *, level: str = "info") -> None:
    """Write a line into the archive's log: ``level`` is info, warning or error."""
    write = {"info": log.info, "warning": log.warning, "error": log.error}[level]
    write("script_said", script=current().name, text=text)
