"""The PDUs that negotiate an association (PS3.8 9.3.2, 9.3.3, PS3.7 D.3.3)."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from repertory.actors.dicom.upper.pdus import ASSOCIATE_AC, ASSOCIATE_RQ, HEAD, BadPdu

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
PROTOCOL_VERSION: Final = 1

MOST_CONTEXTS: Final = 128
"""Presentation contexts of one association: their numbers are odd and have one byte."""

_APPLICATION_CONTEXT: Final = 0x10
_PROPOSED: Final = 0x20
_ANSWERED: Final = 0x21
_ABSTRACT_SYNTAX: Final = 0x30
_TRANSFER_SYNTAX: Final = 0x40
_USER_INFORMATION: Final = 0x50
_MAXIMUM_LENGTH: Final = 0x51
_IMPLEMENTATION_CLASS: Final = 0x52
_ROLE_SELECTION: Final = 0x54
_IMPLEMENTATION_VERSION: Final = 0x55

_FIXED: Final = struct.Struct(">HH16s16s32x")
_ITEM: Final = struct.Struct(">BxH")


class Result(IntEnum):
    """What became of a proposed presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    REFUSED_BY_USER = 1
    REFUSED = 2
    ABSTRACT_SYNTAX_UNKNOWN = 3
    TRANSFER_SYNTAXES_UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Proposed:
    """A presentation context as it is proposed."""

    number: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A presentation context as it is answered."""

    number: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Roles:
    """Which parts the one who asks for the association may play of a SOP class (PS3.7 D.3.3.4)."""

    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class UserInformation:
    """What both sides say of themselves. ``largest`` is in bytes; 0 is no limit."""

    largest: int = 0
    implementation_class: str = ""
    implementation_version: str = ""
    roles: Mapping[str, Roles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ."""

    called: str
    calling: str
    contexts: tuple[Proposed, ...]
    user: UserInformation
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC; the titles are those of the request, sent back."""

    called: str
    calling: str
    contexts: tuple[Answered, ...]
    user: UserInformation


def read_request(body: memoryview) -> AssociateRequest:
    """An A-ASSOCIATE-RQ, without its head.

    Raises:
        BadPdu: it is none.
    """
    version, called, calling = _fixed(body)
    contexts = []
    user = UserInformation()
    for kind, content in _items(body[_FIXED.size :]):
        if kind == _PROPOSED:
            contexts.append(_proposed(content))
        elif kind == _USER_INFORMATION:
            user = _user(content)
    if not contexts:
        raise BadPdu
    return AssociateRequest(called, calling, tuple(contexts), user, version)


def read_accept(body: memoryview) -> AssociateAccept:
    """An A-ASSOCIATE-AC, without its head.

    Raises:
        BadPdu: it is none.
    """
    _, called, calling = _fixed(body)
    contexts = []
    user = UserInformation()
    for kind, content in _items(body[_FIXED.size :]):
        if kind == _ANSWERED:
            if len(content) < 4:
                raise BadPdu
            syntaxes = [_text(it) for kind, it in _items(content[4:]) if kind == _TRANSFER_SYNTAX]
            # Of what is refused, the syntax means nothing and need not be there.
            contexts.append(Answered(content[0], content[2], syntaxes[0] if syntaxes else ""))
        elif kind == _USER_INFORMATION:
            user = _user(content)
    return AssociateAccept(called, calling, tuple(contexts), user)


def write_request(request: AssociateRequest) -> bytes:
    """An A-ASSOCIATE-RQ, whole."""
    contexts = (
        _item(
            _PROPOSED,
            bytes((it.number, 0, 0, 0))
            + _item(_ABSTRACT_SYNTAX, it.abstract_syntax.encode())
            + b"".join(_item(_TRANSFER_SYNTAX, uid.encode()) for uid in it.transfer_syntaxes),
        )
        for it in request.contexts
    )
    return _pdu(ASSOCIATE_RQ, request.called, request.calling, contexts, request.user)


def write_accept(accept: AssociateAccept) -> bytes:
    """An A-ASSOCIATE-AC, whole."""
    contexts = (
        _item(
            _ANSWERED,
            bytes((it.number, 0, it.result, 0))
            + _item(_TRANSFER_SYNTAX, it.transfer_syntax.encode()),
        )
        for it in accept.contexts
    )
    return _pdu(ASSOCIATE_AC, accept.called, accept.calling, contexts, accept.user)


def _pdu(
    kind: int, called: str, calling: str, contexts: Iterable[bytes], user: UserInformation
) -> bytes:
    fixed = _FIXED.pack(PROTOCOL_VERSION, 0, _title(called), _title(calling))
    items = [
        _item(_MAXIMUM_LENGTH, struct.pack(">I", user.largest)),
        _item(_IMPLEMENTATION_CLASS, user.implementation_class.encode()),
    ]
    for uid, roles in user.roles.items():
        raw = uid.encode()
        content = struct.pack(">H", len(raw)) + raw + bytes((roles.scu, roles.scp))
        items.append(_item(_ROLE_SELECTION, content))
    if user.implementation_version:
        items.append(_item(_IMPLEMENTATION_VERSION, user.implementation_version.encode()))
    body = b"".join(
        (
            fixed,
            _item(_APPLICATION_CONTEXT, APPLICATION_CONTEXT.encode()),
            *contexts,
            _item(_USER_INFORMATION, b"".join(items)),
        )
    )
    return HEAD.pack(kind, len(body)) + body


def _item(kind: int, content: bytes) -> bytes:
    return _ITEM.pack(kind, len(content)) + content


def _title(text: str) -> bytes:
    return text.encode("ascii", "replace")[:16].ljust(16)


def _fixed(body: memoryview) -> tuple[int, str, str]:
    if len(body) < _FIXED.size:
        raise BadPdu
    version, _, called, calling = _FIXED.unpack_from(body)
    return version, _text(called), _text(calling)


def _text(raw: bytes | memoryview) -> str:
    return bytes(raw).decode("latin-1").strip("\0 ")


def _items(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    position, end = 0, len(content)
    while position < end:
        if end - position < _ITEM.size:
            raise BadPdu
        kind, length = _ITEM.unpack_from(content, position)
        start = position + _ITEM.size
        position = start + length
        if position > end:
            raise BadPdu
        yield kind, content[start:position]


def _proposed(content: memoryview) -> Proposed:
    if len(content) < 4:
        raise BadPdu
    abstract, syntaxes = "", []
    for kind, value in _items(content[4:]):
        if kind == _ABSTRACT_SYNTAX:
            abstract = _text(value)
        elif kind == _TRANSFER_SYNTAX:
            syntaxes.append(_text(value))
    if not abstract or not syntaxes or not content[0] % 2:
        raise BadPdu
    return Proposed(content[0], abstract, tuple(syntaxes))


def _user(content: memoryview) -> UserInformation:
    largest, class_, version = 0, "", ""
    roles = {}
    for kind, value in _items(content):
        if kind == _MAXIMUM_LENGTH:
            if len(value) != 4:
                raise BadPdu
            (largest,) = struct.unpack(">I", value)
        elif kind == _IMPLEMENTATION_CLASS:
            class_ = _text(value)
        elif kind == _IMPLEMENTATION_VERSION:
            version = _text(value)
        elif kind == _ROLE_SELECTION:
            uid, part = _role(value)
            roles[uid] = part
    return UserInformation(largest, class_, version, roles)


def _role(value: memoryview) -> tuple[str, Roles]:
    if len(value) < 4:
        raise BadPdu
    (length,) = struct.unpack_from(">H", value)
    if len(value) != length + 4:
        raise BadPdu
    return _text(value[2 : 2 + length]), Roles(bool(value[2 + length]), bool(value[3 + length]))
