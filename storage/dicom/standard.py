"""What the standard lists (PS3.6), and vendors do, from pydicom's tables, without the rest of it.

The package brings NumPy and Pillow where they are installed: a fifth of a second, and 20 to 40 MB
in each process. Its tables are modules that import nothing, and are loaded by themselves.
"""

import importlib.util
import sys
from collections.abc import KeysView, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PrivateEntry = tuple[str, str, str, str]


@cache
def _table(name: str) -> ModuleType:
    """A module of pydicom's that holds tables."""
    full_name = f"pydicom.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    package = importlib.util.find_spec("pydicom")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"repertory.tables{name}", path)
        if path.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return importlib.import_module(full_name)  # where its files lie otherwise


def _tables() -> ModuleType:
    return _table("_dicom_dict")


@cache
def _masks() -> tuple[tuple[int, int, str], ...]:
    """Of repeating groups: which bits are theirs, those that matter, and how they are listed."""
    return tuple(
        (
            int(text.replace("x", "0"), 16),
            int("".join("0" if it == "x" else "F" for it in text), 16),
            text,
        )
        for text in _tables().RepeatersDictionary
    )


@cache
def _by_keyword() -> dict[str, int]:
    return {entry[4]: tag for tag, entry in _tables().DicomDictionary.items()}


def is_listed(tag: int) -> bool:
    """Whether a tag (``0xggggeeee``) is listed by itself, not as one of a repeating group."""
    return tag in _tables().DicomDictionary


def standard_entry(tag: int) -> tuple[str, str, str, str, str]:
    """VR, multiplicity, name, ``Retired`` or "", and keyword of an element.

    Raises:
        KeyError: the standard does not have it.
    """
    found: Any = _tables().DicomDictionary.get(tag)
    if found is None and not tag & 0x10000:
        listed = next((text for bits, mask, text in _masks() if not (tag ^ bits) & mask), None)
        found = _tables().RepeatersDictionary.get(listed)
    if found is None:
        raise KeyError(tag)
    entry: tuple[str, str, str, str, str] = found
    return entry


def tag_of_keyword(keyword: str) -> int | None:
    """The tag of a keyword; ``None`` if it is none."""
    return _by_keyword().get(keyword)


def standard_keywords() -> KeysView[str]:
    """All keywords."""
    return _by_keyword().keys()


def private_entry_of(tag: int, creator: str) -> tuple[str, str]:
    """VR and name of a private element of which ``creator`` has reserved the block.

    Raises:
        KeyError: nobody knows it.
    """
    listed: Mapping[str, PrivateEntry] = _table("_private_dict").private_dictionaries[creator]
    group, element = f"{tag >> 16 & 0xFFFF:04X}", f"{tag & 0xFFFF:04X}"
    # Most are listed for any block (PS3.5 section 7.8.1), some for any group of their vendor's too.
    for key in (group + element, f"{group}xx{element[2:]}", f"{group[:2]}xxxx{element[2:]}"):
        if key in listed:
            vr, _, name, _ = listed[key]
            return vr, name
    raise KeyError(tag)


@cache
def standard_uids() -> Mapping[str, tuple[str, str]]:
    """Name and type ("SOP Class", "Transfer Syntax" and others) of the UIDs of PS3.6 annex A."""
    listed = _table("_uid_dict").UID_dictionary
    return {uid: (name, kind) for uid, (name, kind, *_) in listed.items()}
