"""Pictures of files, as the workers make them."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from repertory.model import TagForm
from repertory.pictures import Depiction, Encoding, PictureOrder
from repertory.storage.dicom import tags
from repertory.storage.pixels.alone import read_alone
from repertory.storage.pixels.orders import picture_task, read_task
from repertory.storage.pixels.tasks import perform
from repertory.testing.files import make_dicom

EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
IMPLICIT = "1.2.840.10008.1.2"


def make(array, *, photometric="MONOCHROME2", syntax=EXPLICIT, content=None, **changes):
    """A file with the numbers of an array: frames, rows, columns and, of colours, samples."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.4", "1.2.5"
    frames, ds.Rows, ds.Columns = array.shape[:3]
    ds.SamplesPerPixel = array.shape[3] if array.ndim > 3 else 1
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = array.dtype.itemsize * 8
    ds.BitsStored = ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    if frames > 1:
        ds.NumberOfFrames = frames
    if array.ndim > 3:
        ds.PlanarConfiguration = 0
    little = syntax != BIG_ENDIAN
    data = array.astype(array.dtype.newbyteorder("<" if little else ">")).tobytes()
    data = data if content is None else content
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for name, value in changes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    file = io.BytesIO()
    pydicom.dcmwrite(
        file, ds, enforce_file_format=True, little_endian=little, implicit_vr=syntax == IMPLICIT
    )
    return file.getvalue()


def file_of(name):
    """One of pydicom's files."""
    return Path(get_testdata_file(name)).read_bytes()


def said(content, depiction, **order):
    return perform(picture_task(PictureOrder(depiction, **order)), content)


def shown(content, depiction, **order):
    """The numbers of a picture."""
    header, body = said(content, depiction, **order)
    assert header.get("refusal") is None
    if depiction is Depiction.NUMPY:
        return np.load(io.BytesIO(body))
    return np.array(Image.open(io.BytesIO(body)))


def refusal(content, depiction=Depiction.PREVIEW, **order):
    return said(content, depiction, **order)[0]["refusal"]


RAMP = np.arange(12, dtype=np.uint16).reshape(1, 3, 4) * 100


def test_a_preview_goes_from_black_to_white():
    expected = np.floor((RAMP[0] - 0) * np.float32(255 / 1100) + 0.5)

    assert (shown(make(RAMP), Depiction.PREVIEW) == expected).all()


def test_what_is_all_the_same_is_black():
    assert (shown(make(RAMP * 0 + 7), Depiction.PREVIEW) == 0).all()


def test_black_and_white_change_places_where_the_file_says_so():
    plain, inverse = make(RAMP), make(RAMP, photometric="MONOCHROME1")

    for depiction in (Depiction.PREVIEW, Depiction.RENDERED):
        assert (shown(plain, depiction) == 255 - shown(inverse, depiction)).all()
    assert (shown(inverse, Depiction.UINT16) == RAMP[0]).all()


def test_a_window_shows_what_is_within_it():
    content = make(RAMP, RescaleSlope="2", RescaleIntercept="-100", WindowCenter="500")
    units = RAMP[0].astype(float) * 2 - 100
    expected = ((units - 400) * 255 / 200).clip(0, 255).astype(int)

    assert (shown(content, Depiction.RENDERED, window=(500.0, 200.0)) == expected).all()
    assert (shown(content, Depiction.RENDERED, window=(None, 200.0)) == expected).all()
    own = make(
        RAMP, RescaleSlope="2", RescaleIntercept="-100", WindowCenter="500\\1", WindowWidth="200\\1"
    )
    assert (shown(own, Depiction.RENDERED) == expected).all()


@pytest.mark.parametrize("width", ["", None, "0"])
def test_without_a_window_all_is_shown(width):
    tags = {} if width is None else {"WindowWidth": width, "WindowCenter": "50"}
    picture = shown(make(RAMP, **tags), Depiction.RENDERED)

    if width == "0":
        assert set(np.unique(picture)) == {0, 255}  # a step
    else:
        assert (picture == shown(make(RAMP), Depiction.PREVIEW)).all()


def test_numbers_are_cut_off_at_the_bounds_of_a_picture():
    numbers = np.array([[[-40000, -5, 0, 200, 300, 70000]]], np.int32)
    content = make(numbers)

    assert shown(content, Depiction.UINT8).tolist() == [[0, 0, 0, 200, 255, 255]]
    assert shown(content, Depiction.UINT16).tolist() == [[0, 0, 0, 200, 300, 65535]]
    signed = shown(content, Depiction.INT16).astype(np.uint16).view(np.int16)
    assert signed.tolist() == [[-32768, -5, 0, 200, 300, 32767]]


def test_a_picture_fits_into_the_size_that_is_wanted_and_keeps_its_shape():
    content = make(np.tile(RAMP, (1, 10, 10)))  # 40 wide, 30 high

    for wanted, size in (
        ({"width": 20}, (20, 15)),
        ({"height": 60}, (80, 60)),
        ({"width": 10, "height": 30}, (10, 8)),
        ({"width": 40, "height": 40}, (40, 30)),
        ({"width": 1}, (1, 1)),
    ):
        for smooth in (False, True):
            picture = shown(content, Depiction.RENDERED, smooth=smooth, **wanted)
            assert picture.shape[::-1] == size


def test_bits_beside_those_that_are_stored_do_not_count():
    numbers = np.array([[[0x0FFF, 0x0800, 0x07FF]]], np.uint16)
    dirty = numbers | 0xF000
    unsigned = make(dirty, BitsStored=12, HighBit=11)
    signed = make(dirty.view(np.int16), BitsStored=12, HighBit=11)
    high = make(numbers << 4, BitsStored=12, HighBit=15)

    for content, expected in (
        (unsigned, [4095, 2048, 2047]),
        (high, [4095, 2048, 2047]),
        (signed, [-1, -2048, 2047]),
    ):
        array = shown(content, Depiction.NUMPY, rescale=False)
        assert array[0, :, 0].tolist() == expected


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32])
def test_numbers_are_the_same_in_either_order_of_bytes(syntax, kind):
    numbers = np.arange(24, dtype=kind).reshape(2, 3, 4)
    content = make(numbers, syntax=syntax)

    assert (shown(content, Depiction.NUMPY, frame=None, rescale=False)[..., 0] == numbers).all()
    header, body = said(content, Depiction.RAW, frame=1)
    assert body == numbers[1].tobytes()
    assert header["media_type"] == "application/octet-stream"


def test_an_array_has_the_units_of_the_modality_unless_they_are_not_wanted():
    content = make(RAMP, RescaleSlope="0.5", RescaleIntercept="-1024")

    array = shown(content, Depiction.NUMPY)
    assert (array.dtype, array.shape) == (np.float32, (3, 4, 1))
    assert (array[..., 0] == RAMP[0] * 0.5 - 1024).all()
    assert shown(content, Depiction.NUMPY, rescale=False).dtype == np.uint16
    packed = np.load(io.BytesIO(said(content, Depiction.NUMPY, frame=None, compress=True)[1]))
    assert packed["arr_0"].shape == (1, 3, 4, 1)
    header, body = said(content, Depiction.ARRAY, frame=None)
    assert (tuple(header["shape"]), header["numbers"]) == ((1, 3, 4, 1), "<f4")
    assert body == array.tobytes()


def test_each_frame_is_had_alone():
    numbers = np.random.default_rng(1).integers(0, 99, (5, 4, 3), np.uint8)
    content = make(numbers)

    for frame in range(5):
        array = shown(content, Depiction.NUMPY, frame=frame, rescale=False)
        assert (array[..., 0] == numbers[frame]).all()
    assert refusal(content, frame=5) == "The instance has no such frame."
    assert said(content, Depiction.RAW, frame=5)[0]["missing"] == "The instance has no such frame."


def test_frames_that_are_compressed_are_had_alone():
    content = file_of("SC_rgb_rle_2frame.dcm")
    both = shown(content, Depiction.NUMPY, frame=None)

    for frame in (0, 1):
        assert (shown(content, Depiction.NUMPY, frame=frame) == both[frame]).all()
        assert (shown(content, Depiction.PREVIEW, frame=frame) == both[frame]).all()
    assert (both[0] != both[1]).any()


def test_colours_are_shown_as_they_are():
    colors = np.random.default_rng(1).integers(0, 255, (1, 5, 6, 3), np.uint8)
    planes = colors.transpose(0, 3, 1, 2).tobytes()
    plain = make(colors, photometric="RGB")
    planar = make(colors, photometric="RGB", content=planes, PlanarConfiguration=1)

    for content in (plain, planar):
        for depiction in (Depiction.PREVIEW, Depiction.RENDERED):
            assert (shown(content, depiction) == colors[0]).all()
        assert shown(content, Depiction.NUMPY).dtype == np.uint8
    assert "not of colours" in refusal(plain, Depiction.UINT8)
    assert (
        shown(make(colors.astype(np.uint16) << 8, photometric="RGB"), Depiction.PREVIEW)
        == colors[0]
    ).all()


def test_other_colour_spaces_become_red_green_and_blue():
    grey = np.full((1, 4, 4, 3), 128, np.uint8)
    grey[..., 0] = np.arange(16).reshape(4, 4) * 10

    assert (
        shown(make(grey, photometric="YBR_FULL"), Depiction.PREVIEW)[..., 1] == grey[0, ..., 0]
    ).all()
    subsampled = grey[0, :, :, 0].reshape(-1, 2)
    content = b"".join(bytes([a, b, 128, 128]) for a, b in subsampled)
    made = make(grey, photometric="YBR_FULL_422", content=content)
    assert (shown(made, Depiction.PREVIEW)[..., 0] == grey[0, ..., 0]).all()


def test_a_palette_gives_colours():
    colors = {"Red": [0, 255, 0, 128], "Green": [0, 0, 255, 128], "Blue": [255, 0, 0, 128]}
    palette = {}
    for name, values in colors.items():
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        table = (np.array(values, "<u2") << 8).tobytes()
        palette[f"{name}PaletteColorLookupTableData"] = table
    numbers = np.array([[[0, 1, 2, 3]]], np.uint8)
    content = make(numbers, photometric="PALETTE COLOR", **palette)

    expected = [[[0, 0, 255], [255, 0, 0], [0, 255, 0], [128, 128, 128]]]
    assert shown(content, Depiction.PREVIEW).tolist() == expected
    broken = make(numbers, photometric="PALETTE COLOR")
    assert refusal(broken) == "The palette of the instance cannot be used."


def test_pixels_of_one_bit_are_black_and_white():
    numbers = np.random.default_rng(2).integers(0, 2, (3, 5, 7), np.uint8)
    content = np.packbits(numbers.ravel(), bitorder="little").tobytes()
    made = make(numbers, content=content, BitsAllocated=1, BitsStored=1, HighBit=0)

    for frame in range(3):
        assert (shown(made, Depiction.PREVIEW, frame=frame) == numbers[frame] * 255).all()
    assert refusal(made, Depiction.RAW) == "The frames of the instance do not begin at bytes."


def test_pixels_that_are_no_whole_numbers_are_shown():
    numbers = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 3, 4)
    plain = pydicom.dcmread(io.BytesIO(make(RAMP)))
    del plain.PixelData
    plain.FloatPixelData = numbers.tobytes()
    plain.BitsAllocated = 32
    file = io.BytesIO()
    plain.save_as(file)

    assert (shown(file.getvalue(), Depiction.NUMPY)[..., 0] == numbers[0]).all()
    assert shown(file.getvalue(), Depiction.PREVIEW).max() == 255


def test_matrices_can_be_read_by_octave():
    _, text = said(make(RAMP[:, :2, :2]), Depiction.MATLAB)
    assert text == b"double([ 0 100 ; 400 500 ])"

    colors = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)
    _, text = said(make(colors, photometric="RGB"), Depiction.MATLAB)
    assert text.startswith(b"double(permute(reshape([ 0 1 2 3 ")
    assert text.endswith(b" 17 ], [ 3 3 2 ]), [ 3 2 1 ]))")


def test_pam_is_as_netpbm_has_it():
    header, body = said(make(RAMP[:, :1, :2]), Depiction.UINT16, encoding=Encoding.PAM)
    assert header["media_type"] == "image/x-portable-arbitrarymap"
    assert body == (
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\nTUPLTYPE GRAYSCALE\nENDHDR\n\0\0\0\x64"
    )
    colors = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    _, body = said(make(colors, photometric="RGB"), Depiction.PREVIEW, encoding=Encoding.PAM)
    assert b"DEPTH 3\nMAXVAL 255\nTUPLTYPE RGB" in body
    assert body.endswith(bytes(range(6)))


def test_jpeg_has_the_quality_that_is_wanted():
    noise = np.random.default_rng(3).integers(0, 255, (1, 64, 64), np.uint8)
    sizes = []
    for quality in (10, 90):
        header, body = said(make(noise), Depiction.PREVIEW, encoding=Encoding.JPEG, quality=quality)
        assert header["media_type"] == "image/jpeg"
        assert Image.open(io.BytesIO(body)).size == (64, 64)
        sizes.append(len(body))
    assert sizes[0] < sizes[1] / 2
    assert refusal(make(noise), Depiction.UINT16, encoding=Encoding.JPEG)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg"),
        ("JPEG2000.dcm", "image/jp2"),
        ("MR_small_jpeg_ls_lossless.dcm", "application/octet-stream"),
        ("MR_small_RLE.dcm", "application/octet-stream"),
    ],
)
def test_the_bytes_of_a_frame_say_what_they_are(name, media_type):
    header, body = said(file_of(name), Depiction.RAW)

    assert header["media_type"] == media_type
    assert body


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no file", "has no pixels"),
        (make_dicom(tags={"PixelData": None}), "has no pixels"),
        (make(RAMP, content=b"\0\0"), "truncated"),
        (make(RAMP, Rows=None), "does not describe its pixels"),
        (make(RAMP, Rows=0), "pixels that cannot be"),
        (make(RAMP, Rows=65535, Columns=65535), "too many"),
        (make(RAMP, BitsAllocated=12), "12 bits"),
        (make(RAMP, BitsStored=12, HighBit=40), "pixels that cannot be"),
        (make(RAMP, BitsAllocated=1, SamplesPerPixel=3), "pixels that cannot be"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_reason(content, reason):
    assert reason in refusal(content)


def test_a_frame_that_the_file_says_it_has_and_has_not_is_refused():
    content = make(RAMP, NumberOfFrames=3)

    assert (shown(content, Depiction.NUMPY, rescale=False)[..., 0] == RAMP[0]).all()
    for depiction in (Depiction.PREVIEW, Depiction.RAW):
        assert refusal(content, depiction, frame=2) == "The pixel data is truncated."


def test_an_unknown_transfer_syntax_is_refused_but_its_bytes_are_given():
    content = bytearray(file_of("JPEG2000.dcm"))
    content = bytes(content.replace(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.99"))

    assert "Nothing here decodes" in refusal(content)
    assert said(content, Depiction.RAW)[1]


def test_without_the_codecs_a_picture_is_refused_and_says_what_to_install(monkeypatch):
    monkeypatch.setattr("repertory.storage.pixels.tasks.can_draw", lambda: False)

    assert "repertory[codecs]" in refusal(make(RAMP))
    assert said(make(RAMP), Depiction.RAW)[1] == RAMP.tobytes()


def test_an_order_arrives_as_it_was():
    order = PictureOrder(
        Depiction.RENDERED,
        frame=3,
        encoding=Encoding.JPEG,
        quality=5,
        window=(1.5, None),
        width=7,
        height=8,
        smooth=True,
        rescale=False,
        compress=True,
    )

    assert read_task(picture_task(order)) == order


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, IMPLICIT])
def test_a_frame_of_a_large_file_is_shown_without_the_others(syntax):
    numbers = np.random.default_rng(4).integers(0, 999, (5, 6, 7), np.uint16)
    content = make(numbers, syntax=syntax)
    offset = content.index(b"\x7f\xe0\x00\x10" if syntax == BIG_ENDIAN else b"\xe0\x7f\x10\x00")
    head = content[:offset]
    places = []

    def read(start, length):
        places.append((start, length))
        return content[start : start + length]

    described = tags(content, TagForm.SHORT)
    for frame in range(5):
        alone = read_alone(syntax, offset, described, frame, read)
        for depiction in (Depiction.NUMPY, Depiction.PREVIEW, Depiction.RAW):
            task = picture_task(PictureOrder(depiction, frame=frame))
            assert perform({**task, "head": len(head)}, head + alone) == perform(task, content)
    assert {length for _, length in places} == {12, 84}
    missing = perform(
        {**picture_task(PictureOrder(Depiction.RAW, frame=5)), "head": len(head)}, head
    )
    assert missing[0] == {"missing": "The instance has no such frame."}


@pytest.mark.parametrize(
    ("changes", "frame"),
    [
        ({}, 5),
        ({"0028,0010": "x"}, 0),
        ({"0028,0100": "1"}, 0),
        ({"0028,0100": None}, 0),
        ({"0028,0011": "1000"}, 0),
    ],
)
def test_where_it_is_not_as_simple_the_whole_file_is_read(changes, frame):
    content = make(np.zeros((5, 3, 7), np.uint16))
    offset = content.index(b"\xe0\x7f\x10\x00")
    described = {**tags(content, TagForm.SHORT), **changes}

    def read(start, length):
        return content[start : start + length]

    assert read_alone(EXPLICIT, offset, described, frame, read) is None
    assert read_alone("1.2.840.10008.1.2.5", offset, described, 0, read) is None
    assert read_alone(EXPLICIT, offset + 2, described, 0, read) is None
