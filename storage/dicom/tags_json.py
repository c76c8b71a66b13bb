"""Tags as Orthanc's JSON: one element in each form, and one form from another."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from repertory.model import TagForm
from repertory.storage.dicom.names import is_public_name
from repertory.storage.dicom.taught import Entry

Json = dict[str, Any]

MAXIMUM_TAG_LENGTH: Final = 256
"""Longer values, in bytes of UTF-8, are not shown (Orthanc's ORTHANC_MAXIMUM_TAG_LENGTH)."""

# No character takes more than four bytes: up to here nobody need look how long a text is.
ALWAYS_SHORT: Final = MAXIMUM_TAG_LENGTH // 4


class _EveryTag(frozenset[str]):
    """All tags there are."""

    def __contains__(self, _tag: object) -> bool:
        return True


EVERY_TAG: Final = _EveryTag()
"""For ``ignore_length``: no value is too long."""


def tags_simplified(full: Mapping[str, Any]) -> Json:
    """Tags by their names, from the full form; what has no text is null.

    Of several with the same name the last remains, as in Orthanc; but no private element hides a
    public one.
    """
    out: Json = {}
    for tag, element in sorted(full.items()):
        if not _hides(out, tag, element["Name"]):
            out[element["Name"]] = _plain(element, TagForm.SIMPLIFIED)
    return out


def tags_short(full: Mapping[str, Any]) -> Json:
    """Tags by ``gggg,eeee``, from the full form; what has no text is null."""
    return {tag: _plain(element, TagForm.SHORT) for tag, element in full.items()}


def in_form(full: Mapping[str, Any], form: TagForm) -> Json:
    """Tags in a form, from the full one."""
    if form is TagForm.SIMPLIFIED:
        return tags_simplified(full)
    if form is TagForm.SHORT:
        return tags_short(full)
    return dict(full)


def is_too_long(text: str) -> bool:
    """Whether a text is longer than what is shown and kept."""
    if text.isascii():
        return len(text) > MAXIMUM_TAG_LENGTH
    return len(text.encode()) > MAXIMUM_TAG_LENGTH


class Writer:
    """Writes elements of a data set in a form.

    Args:
        form: which one.
        ignore_length: tags (``gggg,eeee`` or ``gggg-eeee``) whose values may have any length.
        binary: whether to write elements that have no text, as null.
    """

    def __init__(
        self, form: TagForm, ignore_length: Collection[str] = (), *, binary: bool = True
    ) -> None:
        self._binary = binary
        self._full = form is TagForm.FULL
        self._by_name = form is TagForm.SIMPLIFIED
        self.key_at = None if self._full else int(self._by_name)
        """Which of a tag and a name is the key of an element; ``None``: it is an object."""
        self._ignore: Collection[str] = EVERY_TAG
        if ignore_length is not EVERY_TAG:
            self._ignore = {tag.lower().replace("-", ",") for tag in ignore_length}

    def text(self, out: Json, entry: Entry, text: str | None, creator: str = "") -> None:
        """Write an element that is no sequence; ``None`` where it has no text."""
        kind = "String"
        if text is None:
            if not self._binary:
                return
            kind = "Null"
        elif len(text) > ALWAYS_SHORT and is_too_long(text) and entry.tag not in self._ignore:
            kind, text = "TooLong", None
        if self._by_name:
            if entry.name not in out or not _hides(out, entry.tag, entry.name):
                out[entry.name] = text
        elif not self._full:
            out[entry.tag] = text
        elif creator:
            out[entry.tag] = {
                "Name": entry.name,
                "PrivateCreator": creator,
                "Type": kind,
                "Value": text,
            }
        else:
            out[entry.tag] = {"Name": entry.name, "Type": kind, "Value": text}

    def familiar(self, out: Json, tag: str, name: str, text: str) -> None:
        """Write a public element with a short text, in the full form."""
        out[tag] = {"Name": name, "Type": "String", "Value": text}

    def items(self, out: Json, entry: Entry, items: list[Json] | None) -> None:
        """Write a sequence, whose items are written already; ``None`` if they cannot be."""
        if items is None:
            self.text(out, entry, None)
        elif self._full:
            out[entry.tag] = {"Name": entry.name, "Type": "Sequence", "Value": items}
        elif not self._by_name:
            out[entry.tag] = items
        elif not _hides(out, entry.tag, entry.name):
            out[entry.name] = items


def _hides(out: Json, tag: str, name: str) -> bool:
    """Whether a private element would take the place of a public one."""
    return name in out and tag[3] not in "02468ace" and is_public_name(name)


def _plain(element: Mapping[str, Any], form: TagForm) -> Any:
    if element["Type"] == "Sequence":
        return [in_form(item, form) for item in element["Value"]]
    return element["Value"] if element["Type"] == "String" else None
