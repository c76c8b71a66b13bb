"""Pictures and frames over REST, beside those of Debian's Orthanc."""

import gzip
import io
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, ask, find_orthanc
from repertory.testing.server import ServerProcess

needs_orthanc = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")

IMAGES = ("preview", "rendered", "image-uint8", "image-uint16", "image-int16")
FILES = (
    "CT_small.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_padded.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "liver_1frame.dcm",
)


def file_of(name):
    return Path(get_testdata_file(name)).read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("ours"), OverwriteInstances=True) as server:
        yield server


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    with OrthancProcess(folder, OverwriteInstances=True) as orthanc:
        yield orthanc


def put(server, content):
    answer = server.post("/instances", content)
    assert answer.status == 200
    return answer.json["ID"]


def opened(content):
    return np.array(Image.open(io.BytesIO(content)))


def changed(name, **tags):
    ds = pydicom.dcmread(io.BytesIO(file_of(name)))
    for tag, value in tags.items():
        setattr(ds, tag, value)
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


@needs_orthanc
@pytest.mark.parametrize("name", [*FILES, "inverse", "window"])
def test_pixels_are_those_of_orthanc(server, orthanc, name):
    window = {"WindowCenter": "900", "WindowWidth": "500"}
    if name == "inverse":
        content = changed("MR_small.dcm", PhotometricInterpretation="MONOCHROME1")
    elif name == "window":
        content = changed("CT_small.dcm", **window)
    else:
        content = file_of(name)
    id_ = put(server, content)
    orthanc.ask("POST", "/instances", content)
    has_window = "WindowWidth" in pydicom.dcmread(io.BytesIO(content))

    for what in (
        *IMAGES,
        "rendered?window-center=100&window-width=50",
        "rendered?window-center=100&window-width=50&width=33&height=21",
    ):
        if what == "rendered" and not has_window:
            continue  # Orthanc then shows what lies between 0 and 256, whatever the file has
        theirs = ask(orthanc.port, "GET", f"/instances/{id_}/{what}")
        ours = server.get(f"/instances/{id_}/{what}")
        assert ours.status == theirs[0], what
        if ours.status == 200:
            assert ours.headers["content-type"] == theirs[1]["content-type"]
            assert (opened(ours.content) == opened(theirs[2])).all(), what
    for what in ("numpy", "numpy?rescale=0", "frames/0/numpy"):
        theirs = np.load(io.BytesIO(orthanc.ask("GET", f"/instances/{id_}/{what}")[1]))
        ours = np.load(io.BytesIO(server.get(f"/instances/{id_}/{what}").content))
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert (ours == theirs).all()
    status, headers, content = ask(orthanc.port, "GET", f"/instances/{id_}/frames/0/raw")
    ours = server.get(f"/instances/{id_}/frames/0/raw")
    assert (ours.status, ours.headers["content-type"]) == (status, headers["content-type"])
    if name != "liver_1frame.dcm":
        assert ours.content == content
    frames = orthanc.get(f"/instances/{id_}/frames")
    assert server.get(f"/instances/{id_}/frames").json == frames
    if opened(server.get(f"/instances/{id_}/preview").content).ndim == 2:
        matrix = orthanc.ask("GET", f"/instances/{id_}/matlab")[1]
        assert server.get(f"/instances/{id_}/matlab").content == matrix


def test_a_picture_has_the_format_that_is_wanted(server):
    id_ = put(server, file_of("MR_small.dcm"))

    def get(what, accept):
        return server.ask("GET", f"/instances/{id_}/{what}", headers={"Accept": accept})

    for accept, media_type in (
        ("*/*", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("image/x-portable-arbitrarymap", "image/x-portable-arbitrarymap"),
        ("text/html,image/jpeg;q=0.9,image/png;q=0.1", "image/jpeg"),
    ):
        assert get("preview", accept).headers["content-type"] == media_type
    assert Image.open(io.BytesIO(get("preview", "image/jpeg").content)).format == "JPEG"
    assert len(get("preview?quality=5", "image/jpeg").content) < len(
        get("preview?quality=95", "image/jpeg").content
    )
    for what, accept in (("preview", "text/html"), ("image-uint16", "image/jpeg")):
        refused = get(what, accept)
        assert (refused.status, refused.content) == (404, b"")


def test_each_frame_and_what_can_be_asked_of_it(server):
    content = file_of("SC_rgb_rle_2frame.dcm")
    id_ = put(server, content)
    path = f"/instances/{id_}/frames"

    assert server.get(path).json == [0, 1]
    assert server.get(f"{path}/1").json == [
        "image-int16",
        "image-uint16",
        "image-uint8",
        "matlab",
        "numpy",
        "preview",
        "raw",
        "raw.gz",
        "rendered",
    ]
    first, second = (opened(server.get(f"{path}/{n}/preview").content) for n in (0, 1))
    assert (first != second).any()
    raw = server.get(f"{path}/1/raw").content
    assert gzip.decompress(server.get(f"{path}/1/raw.gz").content) == raw
    packed = server.get(f"{path}/1/numpy?compress").content
    assert (np.load(io.BytesIO(packed))["arr_0"] == second).all()


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("frames/2/preview", 415, 3000),
        ("frames/2/raw", 400, 3),
        ("frames/2/numpy", 415, 3000),
        ("frames/x/preview", 404, None),
        ("frames/-1/raw", 404, None),
        ("frames/x", 404, None),
        ("image-uint8", 415, 3000),
        ("preview?quality=0", 400, 3),
        ("preview?quality=x", 400, 3),
        ("rendered?width=-1", 400, 3),
        ("rendered?width=20000", 400, 3),
        ("rendered?height=x", 400, 3),
        ("rendered?window-width=x", 400, 3),
        ("rendered?window-center=nan", 400, 3),
        ("pdf", 404, None),
    ],
)
def test_what_there_is_not_is_told(server, what, status, code):
    id_ = put(server, file_of("SC_rgb_rle_2frame.dcm"))
    answer = server.get(f"/instances/{id_}/{what}")

    assert answer.status == status
    if code is None:
        assert answer.content == b""
    else:
        assert answer.json["OrthancStatus"] == code


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (file_of("reportsi.dcm"), "The instance has no pixels."),
        (file_of("JPEG-lossy.dcm"), "The pixels cannot be decoded."),
        (make_dicom(transfer_syntax="1.2.840.10008.1.2.4.102"), "Nothing here decodes"),
    ],
)
def test_what_cannot_be_decoded_is_a_clear_415(server, content, reason):
    id_ = put(server, content)

    for what in ("preview", "rendered", "image-uint8", "matlab", "numpy", "frames/0/preview"):
        answer = server.get(f"/instances/{id_}/{what}")
        assert (answer.status, answer.json["OrthancStatus"]) == (415, 3000)
        assert reason in answer.json["Details"]
    for what in ("preview", "frames/0/rendered"):
        led = server.get(f"/instances/{id_}/{what}?returnUnsupportedImage")
        assert led.status == 307
        place = led.headers["location"]
        assert place.count("../") == what.count("/") + 2
        assert place.endswith("app/images/unsupported.png")
    shown = server.get("/app/images/unsupported.png")
    assert opened(shown.content).shape == (128, 128)


def test_unknown_instances_and_series_have_no_pictures(server):
    unknown = "-".join(["00000000"] * 5)

    for path in (
        f"/instances/{unknown}/preview",
        f"/instances/{unknown}/frames",
        f"/instances/{unknown}/frames/0",
        f"/instances/{unknown}/pdf",
        f"/series/{unknown}/numpy",
    ):
        answer = server.get(path)
        assert (answer.status, answer.json["OrthancStatus"]) == (404, 17)


def volume(count, **tags):
    """The slices of a volume, the last first."""
    return [
        changed(
            "CT_small.dcm",
            StudyInstanceUID="5.1",
            SeriesInstanceUID="5.2",
            SOPInstanceUID=f"5.3.{n}",
            InstanceNumber=n,
            ImagePositionPatient=[0, 0, n],
            PixelData=np.full((128, 128), n, "<i2").tobytes(),
            **tags,
        )
        for n in reversed(range(count))
    ]


def test_a_series_is_an_array_in_the_order_of_its_slices(serve):
    server = serve()
    for content in volume(4):
        answer = server.post("/instances", content).json
    path = f"/series/{answer['ParentSeries']}/numpy"

    array = np.load(io.BytesIO(server.get(path).content))
    assert (array.shape, array.dtype) == ((4, 128, 128, 1), np.float32)
    assert array[:, 0, 0, 0].tolist() == [-1024, -1023, -1022, -1021]
    plain = np.load(io.BytesIO(server.get(f"{path}?rescale=0").content))
    assert (plain.dtype, plain[:, 5, 5, 0].tolist()) == (np.int16, [0, 1, 2, 3])
    packed = np.load(io.BytesIO(server.get(f"{path}?compress").content))
    assert (packed["arr_0"] == array).all()
    head = server.ask("HEAD", path)
    assert (head.status, head.content) == (200, b"")

    odd = changed(
        "MR_small.dcm",
        StudyInstanceUID="5.1",
        SeriesInstanceUID="5.2",
        SOPInstanceUID="5.4",
        PatientID=pydicom.dcmread(get_testdata_file("CT_small.dcm")).PatientID,
    )
    assert server.post("/instances", odd).json["ParentSeries"] == answer["ParentSeries"]
    refused = server.get(path)
    assert (refused.status, refused.json["OrthancStatus"]) == (415, 3000)


@needs_orthanc
def test_a_series_is_the_array_that_orthanc_makes_of_it(serve, tmp_path):
    server = serve()
    with OrthancProcess(tmp_path / "orthanc") as orthanc:
        for content in volume(3):
            series = server.post("/instances", content).json["ParentSeries"]
            orthanc.ask("POST", "/instances", content)
        theirs = np.load(io.BytesIO(orthanc.ask("GET", f"/series/{series}/numpy")[1]))
    ours = np.load(io.BytesIO(server.get(f"/series/{series}/numpy").content))

    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert (ours == theirs).all()


def test_a_pdf_is_given_as_it_is(server):
    ds = pydicom.dcmread(io.BytesIO(make_dicom(tags={"PixelData": None})))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = b"%PDF-1.7 made up"
    file = io.BytesIO()
    ds.save_as(file)
    id_ = put(server, file.getvalue())

    answer = server.get(f"/instances/{id_}/pdf")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content == b"%PDF-1.7 made up"


def test_other_requests_are_answered_while_pictures_are_made(serve):
    server = serve(TranscoderThreadsCount=1)
    id_ = put(server, file_of("examples_ybr_color.dcm"))
    with closing(server.connect()) as connection:
        connection.request("GET", f"/instances/{id_}/numpy")
        assert server.get("/system").status == 200  # without waiting for the array
        assert connection.getresponse().read()[:6] == b"\x93NUMPY"


def test_pictures_are_made_where_files_lie_in_several_storages(serve, tmp_path):
    server = serve(
        AdvancedStorage={
            "Enable": True,
            "MultipleStorages": {
                "Storages": {"one": str(tmp_path / "one"), "two": str(tmp_path / "two")},
                "CurrentWriteStorage": "two",
            },
        }
    )
    id_ = put(server, file_of("MR_small.dcm"))

    assert opened(server.get(f"/instances/{id_}/preview").content).shape == (64, 64)
    assert json.loads(server.get("/hybrid/status").content)["WriteStorage"] == "two"


def test_a_frame_of_a_large_file_is_the_one_that_is_wanted(serve):
    server = serve(StorageCompression=True)
    frames = np.random.default_rng(5).integers(0, 4000, (12, 512, 512), np.uint16)
    ds = pydicom.dcmread(io.BytesIO(make_dicom()))
    ds.Rows = ds.Columns = 512
    ds.NumberOfFrames = 12
    ds.PixelData = frames.tobytes()
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    file = io.BytesIO()
    ds.save_as(file)
    id_ = put(server, file.getvalue())

    for frame in (0, 7, 11):
        path = f"/instances/{id_}/frames/{frame}"
        assert server.get(f"{path}/raw").content == frames[frame].tobytes()
        assert (opened(server.get(f"{path}/image-uint16").content) == frames[frame]).all()
    assert server.get(f"/instances/{id_}/frames/12/raw").status == 400
    assert server.get(f"/instances/{id_}/frames/12/preview").status == 415
