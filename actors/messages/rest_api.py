"""The REST API, asked from within the archive."""

from repertory.actors.messages.base import Command, message
from repertory.model import OriginKind


@message
class RestAnswer:
    """What the REST API answered; ``headers`` by their names as the routes write them."""

    status: int
    headers: dict[str, str]
    body: bytes


@message
class CallRestApi(Command[RestAnswer]):
    """Send a request to the archive's own REST API, without a connection and without a user.

    ``uri`` is a path with its query, as a client would write it; ``origin`` is who asks, which is
    what the archive notes of instances that come in this way. An error is an answer, too: its
    status and its body tell.

    Raises:
        BadParameter: it is no request: the method, the path or a header cannot be written as HTTP.
        Failed: the answer broke off in the middle.
    """

    method: str
    uri: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    origin: OriginKind = OriginKind.PLUGINS
