"""The elements of the standard (PS3.6) from pydicom's tables, without the rest of pydicom.

The package brings NumPy and Pillow where they are installed: a fifth of a second, and 20 to 40 MB
in each process. Its tables are a module that imports nothing, and are loaded by themselves.
"""

import importlib.util
import sys
from collections.abc import KeysView
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_MODULE = "pydicom._dicom_dict"


@cache
def _tables() -> ModuleType:
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    package = importlib.util.find_spec("pydicom")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "_dicom_dict.py"
        spec = importlib.util.spec_from_file_location("repertory.dicom_tables", path)
        if path.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    from pydicom import datadict  # noqa: PLC0415 - where its files lie otherwise

    return datadict


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
