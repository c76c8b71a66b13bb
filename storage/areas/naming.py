"""How files are named in an object store: as Orthanc's plugins do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from repertory.storage.areas.filesystem import LOST_AND_FOUND

ENCRYPTED = ".enc"
"""What the name of an encrypted file ends with, where names have extensions."""

_EXTENSIONS = {1: ".dcm", 2: ".json", 3: ".dcm.head"}
_OTHER = ".unk"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEGACY = re.compile(
    rf"(?P<outer>..)/(?P<inner>..)/(?P<uuid>(?=(?P=outer)(?P=inner)){_UUID.pattern})"
)
_KNOWN = tuple(dict.fromkeys((_OTHER, *_EXTENSIONS.values())))


class Named(NamedTuple):
    """What the name of an object says; ``is_encrypted`` is ``None`` where it does not say it."""

    uuid: str
    is_encrypted: bool | None


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """The names of objects.

    ``root`` is what all begin with (``RootPath``); ``legacy`` names them like files in a folder,
    else they are flat and have extensions; ``unknown_heads`` also looks for the beginnings of
    DICOM files under the name that they once had. ``encrypted`` is whether new files are
    encrypted, ``mixed`` whether there may be others, too.
    """

    root: str = ""
    legacy: bool = False
    unknown_heads: bool = False
    encrypted: bool = False
    mixed: bool = False

    @property
    def folder(self) -> str:
        """What is put before names: the root with a slash, if there is one."""
        root = self.root.strip("/")
        return f"{root}/" if root else ""

    def new(self, uuid: str, content_type: int) -> str:
        """The name of a new file."""
        return next(self.candidates(uuid, content_type))

    def candidates(self, uuid: str, content_type: int) -> Iterator[str]:
        """The names that a file may have, the likeliest first."""
        if self.legacy:
            yield f"{self.folder}{uuid[0:2]}/{uuid[2:4]}/{uuid}"
            return
        extensions = [_EXTENSIONS.get(content_type, _OTHER)]
        if content_type == 3 and self.unknown_heads:
            extensions.append(_OTHER)
        yield from self._named(uuid, extensions)

    def all_candidates(self, uuid: str) -> Iterator[str]:
        """The names that a file of an unknown type may have."""
        if self.legacy:
            yield from self.candidates(uuid, 0)
        else:
            yield from self._named(uuid, _KNOWN)

    def aside(self, name: str) -> str:
        """The name of an object that is set aside."""
        return f"{self.folder}{LOST_AND_FOUND}/{name.removeprefix(self.folder)}"

    def is_aside(self, name: str) -> bool:
        """Whether an object was set aside."""
        return name.startswith(f"{self.folder}{LOST_AND_FOUND}/")

    def read(self, name: str) -> Named | None:
        """What the name of an object says, if it is one of ours."""
        rest = name.removeprefix(self.folder)
        if self.legacy:
            place = _LEGACY.fullmatch(rest)
            return Named(place["uuid"], None) if place else None
        uuid, extension = rest[:36], rest[36:]
        plain = extension.removesuffix(ENCRYPTED)
        if plain not in _KNOWN or not _UUID.fullmatch(uuid):
            return None
        return Named(uuid, plain != extension)

    def _named(self, uuid: str, extensions: list[str] | tuple[str, ...]) -> Iterator[str]:
        forms = [ENCRYPTED if self.encrypted else ""]
        if self.mixed:
            forms.append("" if self.encrypted else ENCRYPTED)
        for form in forms:
            for extension in extensions:
                yield f"{self.folder}{uuid}{extension}{form}"
