"""Who may connect, and what they may ask for."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from repertory.actors.dicom.options import AccessRules
from repertory.modalities import Modality, Service


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of an association: its title, the one it calls, and its address."""

    title: str
    called: str
    ip: str


class Permissions(Protocol):
    """Says who may ask for what."""

    def allows(self, caller: Caller, service: Service) -> bool:
        """Whether the caller may ask for a service."""


class Guard:
    """Says who is admitted; the titles and hosts of the modalities are what it goes by."""

    def __init__(self, rules: AccessRules) -> None:
        self._rules = rules

    def is_called(self, caller: Caller) -> bool:
        """Whether it is us that is called (``DicomCheckCalledAet``)."""
        return not self._rules.check_called or self._same(caller.called, self._rules.aet)

    def knows(self, caller: Caller) -> bool:
        """Whether the caller may connect at all: it may do something, or is a modality of ours."""
        if not self._rules.check_host and self._rules.always:
            return True
        return (bool(self._rules.always) and not self._titled(caller)) or bool(self._known(caller))

    def allows(self, caller: Caller, service: Service) -> bool:
        """Whether the caller may ask for a service.

        What DicomModalities says of it counts. Of others, the options DicomAlwaysAllow… say it.
        """
        titled = self._titled(caller)
        if not titled:
            return service.value in self._rules.always
        return any(it.allows(service) for it in self._known(caller))

    def name_of(self, caller: Caller) -> str | None:
        """By what name the caller is known here; ``None`` if it is not."""
        known = self._known(caller)
        return next((name for name, it in self._rules.modalities.items() if it in known), None)

    def same(self, one: str, other: str) -> bool:
        """Whether two titles are the same (``StrictAetComparison``)."""
        return self._same(one, other)

    def _titled(self, caller: Caller) -> list[Modality]:
        return [it for it in self._rules.modalities.values() if self._same(it.aet, caller.title)]

    def _known(self, caller: Caller) -> list[Modality]:
        titled = self._titled(caller)
        if not self._rules.check_host:
            return titled
        return [it for it in titled if caller.ip in _addresses(it.host)]

    def _same(self, one: str, other: str) -> bool:
        one, other = one.strip(), other.strip()
        return one == other if self._rules.strict_titles else one.upper() == other.upper()


def _addresses(host: str) -> Iterable[str]:
    """The addresses of a host; none for one that nobody knows."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return {host}
    return {host, *(str(it[4][0]) for it in found)}
