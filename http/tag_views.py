"""The main DICOM tags of resources, in the form that a request asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from repertory.maintags import NAMES
from repertory.model import Sequences, TagForm, Tags

_View = dict[str, Any]


def _name(tag: str, names: Mapping[str, str]) -> str:
    return names.get(tag) or NAMES.get(tag, tag)


def _named_tags(tags: Tags, sequences: Sequences, names: Mapping[str, str]) -> _View:
    view: _View = {_name(tag, names): value for tag, value in tags.items()}
    if sequences:
        view.update(_simplified(sequences))
    return view


def _short_tags(tags: Tags, sequences: Sequences, _names: Mapping[str, str]) -> _View:
    return {**tags, **_short(sequences)} if sequences else dict(tags)


def _full_tags(tags: Tags, sequences: Sequences, names: Mapping[str, str]) -> _View:
    view: _View = {
        tag: {"Name": _name(tag, names), "Type": "String", "Value": value}
        for tag, value in tags.items()
    }
    view.update(sequences)
    return view


def _simplified(elements: Sequences) -> _View:
    """Elements by their names; of several with one name, a public one, or else the last."""
    view: _View = {}
    public = set()
    for tag, element in sorted(elements.items()):
        name = element["Name"]
        if tag[3] in "02468ace":
            public.add(name)
        elif name in public:
            continue
        view[name] = _plain(element, _simplified)
    return view


def _short(elements: Sequences) -> _View:
    return {tag: _plain(element, _short) for tag, element in elements.items()}


def _plain(element: Mapping[str, Any], write: Callable[[Sequences], _View]) -> Any:
    """An element's text, or its items; ``None`` where it has neither."""
    if element["Type"] == "Sequence":
        return [write(item) for item in element["Value"]]
    return element["Value"] if element["Type"] == "String" else None


TAG_WRITERS: dict[TagForm, Callable[[Tags, Sequences, Mapping[str, str]], _View]] = {
    TagForm.SIMPLIFIED: _named_tags,
    TagForm.SHORT: _short_tags,
    TagForm.FULL: _full_tags,
}
"""What writes tags, and sequences among them, in a form; given the names of unusual tags."""
