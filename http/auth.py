"""Who may ask: users by HTTP Basic, other computers by RemoteAccessAllowed."""

import base64
import binascii
import hmac
from contextvars import ContextVar
from ipaddress import ip_address

from aiohttp import hdrs, web

from repertory.conf.settings import Settings
from repertory.errors import CannotStart, Unauthorized
from repertory.model import OriginKind

current_user: ContextVar[str] = ContextVar("current_user", default="")
"""The name of the user whose request this task handles; "" where users need not say."""

current_origin: ContextVar[OriginKind] = ContextVar("current_origin", default=OriginKind.REST_API)
"""Who asks: a client, or a part of the archive itself (``repertory.http.inner``)."""


is_anonymous: ContextVar[bool] = ContextVar("is_anonymous", default=False)
"""Whether the request was let in though nobody knows who it is from."""


class Guard:
    """Lets a request in, or not.

    Raises:
        CannotStart: users must authenticate, but there are none.
    """

    def __init__(self, settings: Settings) -> None:
        self._remote = settings.remote_access_allowed
        self._users = {
            name: password.encode() for name, password in settings.registered_users.items()
        }
        enabled = settings.authentication_enabled
        self._authenticates = self._remote if enabled is None else enabled
        if self._remote and self._authenticates and not self._users:
            raise CannotStart(
                "RemoteAccessAllowed and AuthenticationEnabled ask for RegisteredUsers."
            )

    def check(self, request: web.Request) -> None:
        """Let the request in, and note its user.

        Raises:
            Unauthorized: it comes from another computer, or from nobody we know.
        """
        if not self.is_near_enough(request.remote):
            raise Unauthorized
        if self._authenticates:
            current_user.set(self._authenticate(request.headers.get(hdrs.AUTHORIZATION, "")))

    def check_health(self, request: web.Request) -> None:
        """Let somebody in who asks how the archive is, and perhaps cannot say who he is.

        What balances and restarts servers often has no password. It is remembered that there was
        none; who may not come from where he is may not ask this either.

        Raises:
            Unauthorized: it comes from another computer, and none may.
        """
        is_anonymous.set(False)  # a connection keeps what its last request was
        try:
            self.check(request)
        except Unauthorized:
            if not self.is_near_enough(request.remote):
                raise
            is_anonymous.set(True)

    def is_near_enough(self, remote: str | None) -> bool:
        """Whether requests may come from an address."""
        return self._remote or is_local(remote)

    def user_of(self, authorization: str) -> str | None:
        """Whose a header Authorization is, "" where there is none; ``None``: nobody's we know.

        Where users need not say who they are, all are "".
        """
        if not self._authenticates:
            return ""
        try:
            return self._authenticate(authorization)
        except Unauthorized:
            return None

    def _authenticate(self, header: str) -> str:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "basic":
            raise Unauthorized
        try:
            name, colon, password = base64.b64decode(token, validate=True).partition(b":")
            user = name.decode()
        except (binascii.Error, ValueError):  # no base64, or no UTF-8
            raise Unauthorized from None
        # An unknown user costs a comparison too, so that time does not tell who exists.
        expected = self._users.get(user, b"")
        if hmac.compare_digest(password, expected) and colon and user in self._users:
            return user
        raise Unauthorized


def is_local(address: str | None) -> bool:
    """Whether a peer is on this computer; one without an address came by a Unix socket."""
    if not address or address == "127.0.0.1":
        return True
    try:
        return ip_address(plain_address(address)).is_loopback
    except ValueError:
        return False


def plain_address(address: str) -> str:
    """An address without its zone; IPv4 as such where a socket for both families hides it."""
    return address.removeprefix("::ffff:").partition("%")[0]
