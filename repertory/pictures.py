"""The words for pictures: what is to be made of the frames of an instance."""

from dataclasses import dataclass
from enum import Enum


class Depiction(Enum):
    """What a picture shows; the value is what Orthanc calls it in paths."""

    PREVIEW = "preview"
    """What is darkest black, and what is brightest white; colours as they are."""
    RENDERED = "rendered"
    """Through a window, as a viewer shows it; colours as they are."""
    UINT8 = "image-uint8"
    UINT16 = "image-uint16"
    INT16 = "image-int16"
    """The numbers themselves, cut off at the bounds of such numbers."""
    RAW = "raw"
    """The bytes of a frame as the file has them."""
    MATLAB = "matlab"
    NUMPY = "numpy"
    ARRAY = "array"
    """The numbers, as ``NUMPY`` has them, without what it has before them."""


class Encoding(Enum):
    """The format of a picture: its media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    PAM = "image/x-portable-arbitrarymap"


LARGEST_SIDE = 16384
"""Pixels of a side of what is rendered."""


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """A picture as somebody wants it.

    Args:
        depiction: what it shows.
        frame: which frame, from 0; ``None`` all of them, in one array.
        encoding: its format, where it is an image.
        quality: of JPEG, 1 to 100.
        window: centre and width of the window, in modality units; ``None``: those of the file, or
            where it has none, all that there is.
        width, height: pixels that it has at most, its shape kept; 0: as it is.
        smooth: whether neighbours are blended where it is made smaller or larger.
        rescale: whether an array has modality units (PS3.3 C.11.1), as 32-bit floats.
        compress: whether an array is packed, as ``.npz``.
    """

    depiction: Depiction
    frame: int | None = 0
    encoding: Encoding = Encoding.PNG
    quality: int = 90
    window: tuple[float | None, float | None] = (None, None)
    width: int = 0
    height: int = 0
    smooth: bool = False
    rescale: bool = True
    compress: bool = False
