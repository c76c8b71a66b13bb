"""The format of encrypted files: that of Orthanc's plugins for object stores, byte for byte.

``A1`` (2 bytes), the number of the master key (4, little endian), the encrypted IV (32), the
encrypted data key (32), the content, the tag (16). IV and data key are encrypted by AES-256-CTR
under the master key, each with a counter block of zeroes; the content by AES-256-GCM with the IV
of 32 bytes, and the 70 bytes before it as additional data.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repertory.errors import CannotStart, FileCorrupted

MARK = b"A1"
HEADER = 70
TAG = 16
OVERHEAD = HEADER + TAG
KEY_LENGTH = 32

MISSING = (
    "Encryption is configured, and the library for it is not installed:"
    " pip install 'repertory[encryption]'."
)

_BLOCK = 16
_COUNTERS = 1 << 32
_REDUCTION = 0xE1 << 120  # NIST SP 800-38D section 6.3
_ZERO = bytes(_BLOCK)


@dataclass(frozen=True, slots=True)
class Keys:
    """The master keys by number; new files are encrypted under ``current``, if there is one."""

    by_number: Mapping[int, bytes] = field(repr=False)
    current: int | None = None

    @classmethod
    def checked(cls, by_number: Mapping[int, bytes], current: int | None) -> "Keys":
        """Keys, after a look whether they can be used.

        Raises:
            CannotStart: the library is not installed.
        """
        _aead()
        return cls(by_number, current)


@dataclass(frozen=True, slots=True)
class FileKey:
    """What a file is encrypted with: its IV and data key, and its first 70 bytes."""

    header: bytes
    iv: bytes = field(repr=False)
    key: bytes = field(repr=False)
    number: int = 0


def number_of(header: bytes) -> int | None:
    """The number of the master key of an encrypted file; ``None`` if this does not begin one."""
    if len(header) < HEADER or header[:2] != MARK:
        return None
    return int.from_bytes(header[2:6], "little")


def new_key(keys: Keys) -> FileKey:
    """What a new file is encrypted with."""
    if keys.current is None:
        raise ValueError("Nothing is to be encrypted.")
    master = keys.by_number[keys.current]
    iv, key = os.urandom(KEY_LENGTH), os.urandom(KEY_LENGTH)
    number = keys.current.to_bytes(4, "little")
    header = MARK + number + _ctr(master, _ZERO, iv) + _ctr(master, _ZERO, key)
    return FileKey(header, iv, key, keys.current)


def key_in(header: bytes, master: bytes) -> FileKey:
    """What a file is encrypted with, from its first 70 bytes."""
    iv, key = _ctr(master, _ZERO, header[6:38]), _ctr(master, _ZERO, header[38:HEADER])
    return FileKey(header[:HEADER], iv, key, number_of(header) or 0)


def encrypted(keys: Keys, content: bytes) -> bytes:
    """A file that is in memory, encrypted."""
    file = new_key(keys)
    encryption = Encryption(file)
    return b"".join((file.header, encryption.update(content), encryption.finish()))


def decrypted(file: FileKey, stored: bytes) -> bytes:
    """A whole file, as it was.

    Raises:
        FileCorrupted: it is not what was encrypted.
    """
    decryption = Decryption(file)
    content = decryption.update(stored[HEADER:-TAG])
    decryption.finish(stored[-TAG:])
    return content


class Encryption:
    """Encrypts the pieces of a file, one after the other."""

    def __init__(self, file: FileKey) -> None:
        algorithms, modes, cipher = _aead()
        self._encryptor = cipher(algorithms.AES(file.key), modes.GCM(file.iv)).encryptor()
        self._encryptor.authenticate_additional_data(file.header)

    def update(self, piece: bytes) -> bytes:
        """The next piece."""
        done: bytes = self._encryptor.update(piece)
        return done

    def finish(self) -> bytes:
        """The tag, which ends the file."""
        self._encryptor.finalize()
        tag: bytes = self._encryptor.tag
        return tag


class Decryption:
    """Decrypts the pieces of a file in their order; only ``finish`` tells if they are right."""

    def __init__(self, file: FileKey) -> None:
        algorithms, modes, cipher = _aead()
        self._decryptor = cipher(algorithms.AES(file.key), modes.GCM(file.iv)).decryptor()
        self._decryptor.authenticate_additional_data(file.header)

    def update(self, piece: bytes) -> bytes:
        """The next piece."""
        done: bytes = self._decryptor.update(piece)
        return done

    def finish(self, tag: bytes) -> None:
        """Compare the tag.

        Raises:
            FileCorrupted: it is another one.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - optional

        try:
            self._decryptor.finalize_with_tag(tag)
        except (InvalidTag, ValueError):
            raise FileCorrupted from None


def decrypted_range(file: FileKey, start: int, stored: bytes) -> bytes:
    """Some of the content: ``stored`` are its encrypted bytes from ``start`` on.

    Nothing tells whether they are right: the tag is about the whole file.
    """
    first = _first_counter(file)
    block, skip = divmod(start, _BLOCK)
    fixed, low = first[:12], int.from_bytes(first[12:], "big")
    stored = bytes(skip) + stored
    pieces = []
    while stored:
        counter = (low + 1 + block) % _COUNTERS
        # Of the counter block, only the last 4 bytes count on (SP 800-38D section 6.2).
        length = (_COUNTERS - counter) * _BLOCK
        pieces.append(_ctr(file.key, fixed + counter.to_bytes(4, "big"), stored[:length]))
        stored = stored[length:]
        block += length // _BLOCK
    return b"".join(pieces)[skip:]


def _first_counter(file: FileKey) -> bytes:
    """The counter block before that of the content (SP 800-38D section 7.1, step 2)."""
    if len(file.iv) == 12:
        return file.iv + b"\0\0\0\1"
    hash_key = int.from_bytes(_ctr(file.key, _ZERO, _ZERO), "big")
    padded = file.iv + bytes(-len(file.iv) % _BLOCK) + bytes(8)
    padded += (8 * len(file.iv)).to_bytes(8, "big")
    value = 0
    for place in range(0, len(padded), _BLOCK):
        value = _multiply(value ^ int.from_bytes(padded[place : place + _BLOCK], "big"), hash_key)
    return value.to_bytes(_BLOCK, "big")


def _multiply(left: int, right: int) -> int:
    """Multiply in the field of GCM (SP 800-38D section 6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (_REDUCTION if right & 1 else 0)
    return product


def _ctr(key: bytes, counter: bytes, content: bytes) -> bytes:
    algorithms, modes, cipher = _aead()
    encryptor = cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    done: bytes = encryptor.update(content) + encryptor.finalize()
    return done


def _aead() -> tuple[Any, Any, Any]:
    """The library, which is optional."""
    try:
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415
            Cipher,
            algorithms,
            modes,
        )
    except ImportError:
        raise CannotStart(MISSING) from None
    return algorithms, modes, Cipher
