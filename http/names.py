"""Names of metadata and attachments: the archive's own, and those that the settings give."""

from collections.abc import Mapping

from aiohttp import web

from repertory.conf.settings import Settings
from repertory.errors import UnknownItem
from repertory.model import ContentType, Metadata

_OUT_OF_RANGE = 65536
_DIGITS = 5


class Names:
    """The names of one kind of thing, and their numbers."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = dict(numbers)
        self._names = {number: name for name, number in numbers.items()}

    def name(self, number: int) -> str:
        """The name of a number; the number itself where it has none."""
        return self._names.get(number) or str(number)

    def number(self, name: str) -> int:
        """The number of a name, which may be the number itself.

        A number with more digits than any that is in use is as good as the first that is not.

        Raises:
            UnknownItem: nobody has given such a name.
        """
        known = self._numbers.get(name)
        if known is not None:
            return known
        if not (name.isascii() and name.isdecimal()):
            raise UnknownItem("There is no such name.")
        digits = name.lstrip("0") or "0"
        return int(digits) if len(digits) <= _DIGITS else _OUT_OF_RANGE


_SYSTEM_METADATA = {item.word: int(item) for item in Metadata}
_SYSTEM_ATTACHMENTS = {
    "unknown": int(ContentType.UNKNOWN),
    "dicom": int(ContentType.DICOM),
    "dicom-as-json": int(ContentType.DICOM_AS_JSON),
    "dicom-until-pixel-data": int(ContentType.DICOM_UNTIL_PIXEL_DATA),
}


class Vocabulary:
    """The names that an archive knows.

    ``mime_types`` are those of the users' attachments, by number.
    """

    def __init__(self, settings: Settings) -> None:
        kinds = settings.content_types
        self.metadata = Names(settings.user_metadata | _SYSTEM_METADATA)
        self.attachments = Names(
            {name: number for name, (number, _) in kinds.items()} | _SYSTEM_ATTACHMENTS
        )
        self.mime_types = dict(kinds.values())


VOCABULARY: web.AppKey[Vocabulary] = web.AppKey("vocabulary", Vocabulary)


def vocabulary(request: web.Request) -> Vocabulary:
    """The names that the request's archive knows."""
    return request.app[VOCABULARY]
