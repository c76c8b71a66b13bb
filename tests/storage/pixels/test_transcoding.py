import io
import struct
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from repertory.storage import dicom
from repertory.storage.pixels.frames import decode
from repertory.storage.pixels.syntaxes import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_LS_NEAR,
    LOSSY,
    RLE,
    SYNTAXES,
    UNCOMPRESSED,
)
from repertory.storage.pixels.transcoding import CannotTranscode, transcode
from repertory.testing.files import make_dicom

CODECS = ("gdcm", "jpeg_ls", "openjpeg", "pylibjpeg", "PIL", "numpy")
needs_codecs = pytest.mark.skipif(
    not all(find_spec(name) for name in CODECS), reason="repertory[codecs] is not installed"
)
WITHOUT_CODECS = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, RLE)
LOSSLESS = (
    *WITHOUT_CODECS,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_2000_LOSSLESS,
)
SIDE = 32


def image(*, stored, signed=False, samples=1, frames=1, photometric="MONOCHROME2", planar=0):
    """A file with every kind of pixel that its numbers of bits allow."""
    allocated = 8 if stored <= 8 else 16
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    count = SIDE * SIDE * samples * frames
    # Slopes with some noise, from one end of what there is to the other.
    span = high - low + 1
    values = [low + (n * 3 + n * n % 7) % span for n in range(count)]
    values[:2] = [low, high]
    kind = {(8, False): "B", (8, True): "b", (16, False): "H", (16, True): "h"}[allocated, signed]
    pixels = struct.pack(f"<{count}{kind}", *values)
    tags = {
        "Rows": SIDE,
        "Columns": SIDE,
        "SamplesPerPixel": samples,
        "BitsAllocated": allocated,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PixelRepresentation": int(signed),
        "PhotometricInterpretation": photometric,
        "NumberOfFrames": frames,
        "PixelData": ("OW" if allocated == 16 else "OB", pixels),
    }
    if samples > 1:
        tags["PlanarConfiguration"] = planar
    return make_dicom(seed=1, tags=tags)


IMAGES = {
    "monochrome of 8 bits": image(stored=8),
    "monochrome of 12 bits": image(stored=12),
    "monochrome of 16 bits": image(stored=16),
    "signed, of 16 bits": image(stored=16, signed=True),
    "signed, of 12 bits": image(stored=12, signed=True),
    "three frames": image(stored=12, frames=3),
    "RGB": image(stored=8, samples=3, photometric="RGB"),
    "RGB in planes": image(stored=8, samples=3, photometric="RGB", planar=1),
    "two frames of RGB": image(stored=8, samples=3, photometric="RGB", frames=2),
    "YBR_FULL": image(stored=8, samples=3, photometric="YBR_FULL"),
}
IMPOSSIBLE: set[tuple[str, str]] = set()
"""Which image no codec encodes so: an image, and the syntax."""


def of_pydicom(name):
    return Path(get_testdata_file(name)).read_bytes()


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


def into(content, target, *, quality=90):
    return transcode(content, (target,), allow_lossy=True, quality=quality)


def pixels_of(content):
    """The frames as our own decoder has them, from an uncompressed file in little endian."""
    plain = into(content, EXPLICIT).content
    return decode(read(plain), EXPLICIT)[1]


def rest_of(content):
    """What is not about pixels."""
    dataset = read(into(content, EXPLICIT).content)
    return {
        element.tag: element.value
        for element in dataset
        if element.tag.group not in (0x0028, 0x7FE0)
    }


@pytest.mark.parametrize(("source", "target"), [*permutations(WITHOUT_CODECS, 2)])
@pytest.mark.parametrize("name", IMAGES)
def test_what_needs_no_codec_keeps_every_pixel_and_every_tag(name, source, target):
    first = into(IMAGES[name], source).content

    second = into(first, target).content

    assert read(second).file_meta.TransferSyntaxUID == target
    assert pixels_of(second) == pixels_of(IMAGES[name])
    assert rest_of(second) == rest_of(IMAGES[name])
    assert dicom.summarize(second).identity == dicom.summarize(IMAGES[name]).identity


@needs_codecs
@pytest.mark.parametrize("name", IMAGES)
def test_every_pair_of_lossless_syntaxes_keeps_every_pixel(name):
    expected = pixels_of(IMAGES[name])
    files = {}
    for syntax in LOSSLESS:
        if (name, syntax) in IMPOSSIBLE:
            with pytest.raises(CannotTranscode):
                into(IMAGES[name], syntax)
        else:
            files[syntax] = into(IMAGES[name], syntax).content

    for source, target in permutations(files, 2):
        again = into(files[source], target).content
        assert read(again).file_meta.TransferSyntaxUID == target
        assert pixels_of(again) == expected, (source, target)


@needs_codecs
@pytest.mark.parametrize("syntax", [it for it in LOSSLESS if it not in UNCOMPRESSED])
def test_another_reader_sees_the_same_pixels(syntax):
    for name, content in IMAGES.items():
        if (name, syntax) not in IMPOSSIBLE:
            made = read(into(content, syntax).content)
            assert (made.pixel_array == read(content).pixel_array).all(), name


@needs_codecs
@pytest.mark.parametrize("target", sorted(LOSSY))
def test_what_loses_something_says_so_and_is_another_instance(target):
    before = read(IMAGES["monochrome of 8 bits"])

    result = into(IMAGES["monochrome of 8 bits"], target)

    made = read(result.content)
    assert result.instance == made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID
    assert made.SOPInstanceUID != before.SOPInstanceUID
    assert made.LossyImageCompression == "01"
    assert float(made.LossyImageCompressionRatio) > 0
    assert made.LossyImageCompressionMethod.startswith("ISO_")
    assert made.ImageType[0] == "DERIVED"
    source = made.SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert made.pixel_array.shape == before.pixel_array.shape


@needs_codecs
def test_what_is_sent_twice_becomes_the_same_instance_twice():
    first, second = (into(IMAGES["RGB"], JPEG_BASELINE).instance for _ in range(2))

    assert first == second


@needs_codecs
@pytest.mark.parametrize("target", sorted(LOSSY))
def test_a_higher_quality_takes_more_room(target):
    content = of_pydicom("examples_rgb_color.dcm")

    low, high = (len(into(content, target, quality=quality).content) for quality in (10, 100))

    assert low < high


@needs_codecs
@pytest.mark.parametrize(("name", "error"), [("monochrome of 8 bits", 1), ("three frames", 4)])
def test_near_lossless_errs_by_as_much_as_is_said(name, error):
    before = read(IMAGES[name]).pixel_array.astype(int)

    made = read(into(IMAGES[name], JPEG_LS_NEAR, quality=90).content).pixel_array.astype(int)

    assert 0 < abs(made - before).max() <= error


@needs_codecs
def test_colours_of_jpeg_come_close_to_what_they_were():
    content = of_pydicom("examples_rgb_color.dcm")
    before = read(content)

    made = read(into(into(content, JPEG_BASELINE).content, EXPLICIT).content)

    assert made.PhotometricInterpretation == "RGB"
    difference = abs(made.pixel_array.astype(int) - before.pixel_array.astype(int))
    assert difference.mean() < 8


def test_a_file_that_is_as_wanted_stays_as_it_is_to_the_byte():
    content = IMAGES["RGB"]

    assert into(content, EXPLICIT).content == content


def test_the_first_syntax_that_can_be_had_is_taken():
    result = transcode(
        IMAGES["monochrome of 8 bits"],
        ("1.2.840.10008.1.2.4.100", RLE, IMPLICIT),
        allow_lossy=False,
        quality=90,
    )

    assert result.syntax == RLE


@needs_codecs
def test_nothing_is_lost_where_that_is_not_wanted():
    with pytest.raises(CannotTranscode, match="loses something"):
        transcode(IMAGES["RGB"], (JPEG_2000, JPEG_LS_NEAR), allow_lossy=False, quality=90)


def test_frames_have_an_offset_table():
    made = read(into(IMAGES["three frames"], RLE).content)
    table = made.PixelData[8:20]

    assert made.PixelData[4:8] == struct.pack("<L", 12)
    assert struct.unpack("<3L", table)[0] == 0
    assert made.NumberOfFrames == 3


@pytest.mark.parametrize(
    "tags",
    [
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 2},
        {"Rows": 0},
        {"Rows": None},
        {"BitsAllocated": 12},
        {"BitsStored": 40},
        {"SamplesPerPixel": 7},
        {"PhotometricInterpretation": None},
        {"PixelData": ("OW", b"\0\1" * 10)},
    ],
    ids=str,
)
def test_pixels_that_are_not_as_they_are_described_are_refused(tags):
    described = {"Rows": 8, "Columns": 8, "PixelData": ("OW", bytes(128)), **tags}

    with pytest.raises(CannotTranscode):
        into(make_dicom(tags=described), RLE)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_frames_that_are_missing_or_too_many_are_refused(frames):
    made = read(into(IMAGES["three frames"], RLE).content)
    made.NumberOfFrames = frames
    content = io.BytesIO()
    made.save_as(content)

    with pytest.raises(CannotTranscode):
        into(content.getvalue(), EXPLICIT)


@pytest.mark.parametrize("cut", [40, 400])
def test_fragments_that_were_cut_off_are_refused(cut):
    made = read(into(IMAGES["three frames"], RLE).content)
    made["PixelData"].value = made.PixelData[:-cut]
    content = io.BytesIO()
    made.save_as(content)

    with pytest.raises(CannotTranscode):
        into(content.getvalue(), EXPLICIT)


def test_a_syntax_that_nobody_knows_is_refused():
    content = make_dicom(transfer_syntax="1.2.840.10008.1.2.4.999")

    with pytest.raises(CannotTranscode):
        into(content, EXPLICIT)


def test_a_file_without_pixels_is_not_compressed_but_written_otherwise():
    content = make_dicom(tags={"PixelData": None})

    with pytest.raises(CannotTranscode, match="no pixels"):
        into(content, RLE)
    assert read(into(content, IMPLICIT).content).file_meta.TransferSyntaxUID == IMPLICIT


def test_what_is_not_dicom_is_refused():
    with pytest.raises(CannotTranscode):
        into(b"%PDF-1.7 and so on" * 20, RLE)


@needs_codecs
@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_rle_2frame.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_palette.dcm",
        "examples_jpeg2k.dcm",
        "image_dfl.dcm",
    ],
)
def test_files_of_others_keep_their_pixels(name):
    content = of_pydicom(name)
    expected = pixels_of(content)
    source = str(read(content).file_meta.TransferSyntaxUID)

    for target in LOSSLESS:
        if target == source or (name, target) == ("693_J2KI.dcm", JPEG_LS):
            continue
        assert pixels_of(into(content, target).content) == expected, target


@needs_codecs
def test_with_the_codecs_everything_that_can_be_is_there():
    can = {uid for uid, it in SYNTAXES.items() if it.can_be_encoded}

    assert can == {*LOSSLESS, *LOSSY}
    assert all(it.can_be_decoded for it in SYNTAXES.values() if it.decoders is not None)
