"""What text is written in where a file does not say it (``DefaultEncoding``)."""

from typing import Final

from repertory.errors import BadParameter

DEFAULT_ENCODING: Final = "Latin1"
ENCODINGS: Final = {
    "Ascii": "ascii",
    "Utf8": "utf-8",
    "Latin1": "latin-1",
    "Latin2": "iso8859-2",
    "Latin3": "iso8859-3",
    "Latin4": "iso8859-4",
    "Latin5": "iso8859-9",
    "Cyrillic": "iso8859-5",
    "Windows1251": "cp1251",
    "Arabic": "iso8859-6",
    "Greek": "iso8859-7",
    "Hebrew": "iso8859-8",
    "Thai": "tis-620",
    "Japanese": "shift_jis",
    "Chinese": "gb18030",
    "JapaneseKanji": "iso2022_jp",
    "Korean": "euc_kr",
    "SimplifiedChinese": "gb2312",
}
"""The values of Orthanc's option DefaultEncoding, and what Python calls them."""


class TextEncoding:
    """One for all who read files of an archive; it may be changed while they do."""

    def __init__(self, name: str = DEFAULT_ENCODING) -> None:
        """Take the name, as Orthanc writes it.

        Raises:
            BadParameter: there is none of this name.
        """
        self._name = ""
        self.change(name)

    @property
    def name(self) -> str:
        """Its name, as Orthanc writes it: Latin1, Utf8."""
        return self._name

    def change(self, name: str) -> None:
        """Read by another one from now on.

        Raises:
            BadParameter: there is none of this name.
        """
        if name not in ENCODINGS:
            known = ", ".join(sorted(ENCODINGS))
            raise BadParameter(f"An encoding is one of {known}.")
        self._name = name
