"""Sums by which a file is known to be what it was; they protect from damage, not from forgery."""

import hashlib
from collections.abc import Iterable


def md5_of(content: bytes) -> str:
    """The MD5 sum of a file that is in memory, in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5_of_pieces(pieces: Iterable[bytes]) -> str:
    """The same of one that comes in pieces."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
