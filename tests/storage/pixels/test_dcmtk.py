"""DCMTK, whose codecs are others than ours, sees the same pixels."""

import io
import shutil
import subprocess

import pydicom
import pytest

from repertory.storage.pixels.syntaxes import (
    EXPLICIT,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    RLE,
    SYNTAXES,
)
from repertory.storage.pixels.transcoding import transcode
from repertory.testing.files import make_dicom

TOOLS = {
    RLE: "dcmdrle",
    JPEG_LOSSLESS: "dcmdjpeg",
    JPEG_LOSSLESS_SV1: "dcmdjpeg",
    JPEG_LS: "dcmdjpls",
}


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("syntax", TOOLS)
def test_dcmtk_sees_the_same_pixels(syntax, signed, tmp_path):
    if shutil.which(TOOLS[syntax]) is None:
        pytest.skip("DCMTK is not installed")
    if not SYNTAXES[syntax].can_be_encoded:
        pytest.skip("repertory[codecs] is not installed")
    low = -2048 if signed else 0
    values = [low + (n * 3 + n * n % 7) % 4096 for n in range(32 * 32)]
    pixels = b"".join(value.to_bytes(2, "little", signed=signed) for value in values)
    tags = {
        "Rows": 32,
        "Columns": 32,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": int(signed),
        "PixelData": ("OW", pixels),
    }
    made = transcode(make_dicom(seed=1, tags=tags), (syntax,), allow_lossy=False, quality=90)
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    before.write_bytes(made.content)

    subprocess.run([TOOLS[syntax], before, after], check=True, timeout=60)

    found = pydicom.dcmread(io.BytesIO(after.read_bytes()))
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    # What is above the bits that are stored is nobody's business: dcmdjpls leaves it empty.
    words = memoryview(bytes(found.PixelData)).cast("H")
    assert [word & 0xFFF for word in words] == [value & 0xFFF for value in values]
