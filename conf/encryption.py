"""The section of encryption at rest, and the reading of its key files."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path

from repertory.conf.fields import positive, section, setting

KEY_LENGTH = 32
_LAST_ID = (1 << 32) - 1
_LONGEST_FILE = 4096


class BadKey(ValueError):
    """A key file does not hold a key; the text says why, and nothing of what it holds."""


def key_reference(value: tuple[int | str, ...]) -> str | None:
    """A key's number and its file."""
    if not value:
        return None
    if len(value) != 2 or not isinstance(value[0], int) or not isinstance(value[1], str):
        return "must be a list of a number and the path of a file"
    if not 0 <= value[0] <= _LAST_ID:
        return f"must have a number between 0 and {_LAST_ID}"
    return None if value[1] else "must name a file"


def key_references(value: tuple[tuple[int | str, ...], ...]) -> str | None:
    """Several keys."""
    if not all(value):
        return "must not hold an empty list"
    return next(filter(None, map(key_reference, value)), None)


@section("StorageEncryption")
class StorageEncryptionSettings:
    """Encryption of stored files, each with a key of its own under a master key."""

    enable: bool = setting(
        default=True,
        meaning="Whether new files are encrypted; false: those that are there stay readable.",
    )
    master_key: tuple[int | str, ...] = setting(
        default_factory=tuple,
        meaning='The number and the file of the key for new files: [2, "key-2"].',
        check=key_reference,
        path=True,
    )
    previous_master_keys: tuple[tuple[int | str, ...], ...] = setting(
        default_factory=tuple,
        meaning='The keys of older files: [[1, "key-1"]].',
        check=key_references,
        path=True,
    )
    max_concurrent_input_size: int = setting(
        default=1024,
        meaning="Has no effect: files are encrypted in pieces, whatever their size.",
        check=positive,
    )

    @property
    def references(self) -> tuple[tuple[int, str], ...]:
        """The number and the file of each key, the master key first."""
        named = [self.master_key, *self.previous_master_keys]
        return tuple((int(each[0]), str(each[1])) for each in named if each)


def read_key(file: Path | str) -> bytes:
    """The key in a file: 32 bytes in base64.

    Raises:
        BadKey: there is none.
    """
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_LONGEST_FILE)
    except OSError as error:
        raise BadKey(f"cannot be read: {error.strerror}") from None
    try:
        key = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise BadKey("is not base64") from None
    if len(key) != KEY_LENGTH:
        raise BadKey(f"must hold {KEY_LENGTH} bytes in base64, not {len(key)}")
    return key


def read_keys(settings: StorageEncryptionSettings) -> Mapping[int, bytes]:
    """The keys by number.

    Raises:
        BadKey: one cannot be used; ``faults_in`` tells of all.
    """
    return {number: read_key(file) for number, file in settings.references}


def faults_in(settings: StorageEncryptionSettings, name: str) -> Iterator[tuple[str, str]]:
    """Why files cannot be encrypted: an option, and the rest of the sentence."""
    if settings.enable and not settings.master_key:
        yield f"{name}.MasterKey", "must name the number and the file of a key"
    seen: set[int] = set()
    for place, (number, file) in enumerate(settings.references):
        is_master = place == 0 and bool(settings.master_key)
        option = f"{name}.{'MasterKey' if is_master else 'PreviousMasterKeys'}"
        if number in seen:
            yield option, f"must not use the number {number} twice"
        seen.add(number)
        try:
            read_key(file)
        except BadKey as error:
            yield option, f"must name a key file: {file} {error}"
