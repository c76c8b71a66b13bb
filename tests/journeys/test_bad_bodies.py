import gzip
import io
import random
import struct
import zipfile
import zlib

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess, until

FORM_FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
SECRET = "Verborgen^Veronika"
MEGABYTE = 1 << 20
LIMIT = 8


def file(**options):
    tags = {"PatientName": SECRET, **options.pop("tags", {})}
    return make_dicom(patient_id=SECRET, tags=tags, **options)


def without(keyword):
    return file(tags={keyword: None})


def plain():
    """A file without pixels, to which elements can be added."""
    return without("PixelData")


def element(tag, vr, length, value=b""):
    """An element in explicit VR, little endian, whose length is what one says."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HI", 0, length) + value
    return head + struct.pack("<H", length) + value


def sequences(depth, *, closed):
    """A file with sequences in sequences."""
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    opened = element(0x00400275, b"SQ", 0xFFFFFFFF) + item
    return plain() + opened * depth + (ends * depth if closed else b"")


def zipped(*contents, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.dcm", content)
    return packed.getvalue()


def patched(content, old, new):
    assert old in content
    return content.replace(old, new)


def encrypted():
    """A ZIP archive whose entry says, in both headers, that it is encrypted."""
    content = bytearray(zipped(file()))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying(size):
    """A ZIP archive whose headers promise fewer bytes than it unpacks to."""
    true = struct.pack("<I", size)
    return patched(zipped(bytes(size)), true, struct.pack("<I", 1000))


def unknown_method():
    content = bytearray(zipped(file()))
    content[8:10] = content[(at := content.rindex(b"PK\x01\x02") + 10) : at + 2] = b"\x63\0"
    return bytes(content)


def checksum_wrong():
    content = zipped(file())
    crc = content[14:18]
    return patched(content, crc, bytes(4))


BODIES = {
    "nothing": (b"", 400, 15),
    "a text": (b"Guten Tag, Frau " + SECRET.encode(), 400, 15),
    "a PDF": (b"%PDF-1.7\n" + bytes(5000), 400, 15),
    "JSON": (b'{"PatientName": "' + SECRET.encode() + b'"}', 400, 15),
    "zeros": (bytes(10_000), 400, 15),
    "noise": (random.Random(3).randbytes(10_000), 400, 15),
    "a preamble alone": (bytes(128) + b"DICM", 400, 15),
    "a meta header alone": (file()[:340], 400, 15),
    "no SOPInstanceUID": (lambda: without("SOPInstanceUID"), 404, 21),
    "no SeriesInstanceUID": (lambda: without("SeriesInstanceUID"), 404, 21),
    "no StudyInstanceUID": (lambda: without("StudyInstanceUID"), 404, 21),
    "pixels cut off": (lambda: file()[:-1000], 400, 15),
    "an element longer than the file": (
        lambda: plain() + element(0x7FE00010, b"OW", 0xFFFFFFF0, bytes(100)),
        400,
        15,
    ),
    "a sequence longer than the file": (
        lambda: plain() + element(0x00400275, b"SQ", 0x7FFFFFFF),
        400,
        15,
    ),
    "a meta header longer than the file": (
        lambda: patched(file(), b"\x02\0\0\0UL\x04\0", b"\x02\0\0\0UL\xff\xff"),
        400,
        15,
    ),
    "sequences without end": (lambda: sequences(10_000, closed=False), 400, 15),
    "a ZIP archive's beginning": (b"PK\x03\x04" + bytes(100), 400, 15),
    "half a ZIP archive": (lambda: zipped(file(), file())[:-5000], 400, 15),
    "an encrypted ZIP archive": (encrypted, 400, 15),
    "a ZIP archive of unknown method": (unknown_method, 400, 15),
    "a ZIP archive with a wrong checksum": (checksum_wrong, 400, 15),
    "a ZIP archive with wrong lengths": (lambda: lying(3 * MEGABYTE), 400, 15),
    "a ZIP bomb": (lambda: zipped(bytes(30 * MEGABYTE)), 413, 8),
    "a ZIP bomb of many": (lambda: zipped(*[bytes(MEGABYTE)] * 10), 413, 8),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    with ServerProcess(
        folder,
        arguments=["--verbose"],
        MaximumRequestBodySizeMB=LIMIT,
        SpoolThresholdMB=1,
        HttpLogRequests=True,
    ) as server:
        yield server
        assert server.memory(peak=True) < 250 * MEGABYTE


@pytest.fixture
def server(running):
    """A server that must look untouched, and have told nothing, when the test is over."""
    since = running.log_file.stat().st_size
    yield running
    assert running.is_alive
    assert until(lambda: running.staged() == set())
    assert until(lambda: running.files() == set())
    assert running.get("/instances").json == running.get("/patients").json == []
    log = running.log_file.read_text()[since:]
    assert "Verborgen" not in log
    assert "Traceback" not in log
    assert {event["level"] for event in running.events(since=since)} <= {"debug", "info"}


def assert_refused(server, answer, status, code):
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "text/plain"
    told = answer.json
    assert (told["HttpStatus"], told["OrthancStatus"]) == (status, code)
    assert told["Method"] == "POST"
    assert told["Uri"] == "/instances"
    assert told["Message"]
    assert told["Details"]
    assert str(server.folder) not in answer.text
    assert "Verborgen" not in answer.text


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_and_leaves_nothing(server, name):
    body, status, code = BODIES[name]
    content = body() if callable(body) else body

    assert_refused(server, server.post("/instances", content), status, code)
    assert_refused(server, server.post("/instances", iter([content])), status, code)
    packed = {"Content-Encoding": "gzip"}
    answer = server.ask("POST", "/instances", gzip.compress(content), packed)
    assert_refused(server, answer, status, code)


@pytest.mark.parametrize(
    "content", [zipped(), zipped(b"no DICOM"), zipped(without("StudyInstanceUID"))]
)
def test_a_zip_archive_without_instances_stores_nothing(server, content):
    answer = server.post("/instances", content)

    assert (answer.status, answer.json) == (200, [])


def test_truncated_files_are_refused_or_are_what_they_are(server):
    content = file(rich=True, deep=True)
    lengths = {*range(0, 400, 7), *random.Random(7).sample(range(400, len(content)), 200)}
    for length in sorted(lengths):
        answer = server.post("/instances", content[:length])
        if answer.status == 200:
            # It ends between two elements: nobody can know that there was more.
            path = f"/instances/{answer.json['ID']}"
            assert server.get(f"{path}/file").content == content[:length]
            assert server.delete(path).status == 200
        else:
            assert answer.status in (400, 404)
            assert_refused(server, answer, answer.status, answer.json["OrthancStatus"])


def test_truncated_zip_archives_store_nothing(server):
    content = zipped(file(), b"readme", file())
    for length in random.Random(8).sample(range(4, len(content)), 60):
        assert_refused(server, server.post("/instances", content[:length]), 400, 15)


def test_broken_zip_archives_store_all_or_nothing(server):
    chance = random.Random(9)
    content = zipped(file(), file(), method=zipfile.ZIP_DEFLATED)
    for _ in range(100):
        broken = bytearray(content)
        for _ in range(3):
            broken[chance.randrange(4, len(broken))] ^= 1 << chance.randrange(8)
        answer = server.post("/instances", bytes(broken))
        if answer.status == 200:
            for one in answer.json:
                server.delete(f"/instances/{one['ID']}")
        else:
            assert_refused(server, answer, answer.status, answer.json["OrthancStatus"])


def test_files_with_broken_bytes_are_stored_as_they_are_or_refused(server):
    chance = random.Random(10)
    content = file(rich=True)
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(4):
            broken[chance.randrange(len(broken) - 8192)] = chance.randrange(256)
        answer = server.post("/instances", bytes(broken))
        if answer.status == 200:
            path = f"/instances/{answer.json['ID']}"
            assert server.get(f"{path}/file").content == bytes(broken)
            assert server.get(f"{path}/tags").status == 200
            assert server.get(f"{path}/header").status == 200
            assert server.delete(path).status == 200
        else:
            assert_refused(server, answer, answer.status, answer.json["OrthancStatus"])


def test_sequences_ten_thousand_deep_do_no_harm(server):
    answer = server.post("/instances", sequences(10_000, closed=True))

    if answer.status == 200:
        path = f"/instances/{answer.json['ID']}"
        assert server.get(f"{path}/tags").status in (200, 400)
        assert server.delete(path).status == 200
    else:
        assert_refused(server, answer, 400, 15)


@pytest.mark.parametrize("packed", [False, True])
def test_bodies_above_the_limit_are_refused(server, packed):
    size = (LIMIT + 1) * MEGABYTE
    body = gzip.compress(bytes(size)) if packed else bytes(size)
    headers = {"Content-Encoding": "gzip"} if packed else {}

    assert_refused(server, server.ask("POST", "/instances", body, headers), 413, 8)
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    assert_refused(server, server.ask("POST", "/instances", pieces, headers), 413, 8)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_in_an_encoding_is_refused_and_takes_little_memory(server, encoding):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(pack.compress(bytes(MEGABYTE)) for _ in range(400)) + pack.flush()

    answer = server.ask("POST", "/instances", bomb, {"Content-Encoding": encoding})

    assert_refused(server, answer, 413, 8)
    assert server.memory(peak=True) < 200 * MEGABYTE


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_not_packed_as_it_says_is_refused(server, encoding):
    answer = server.ask("POST", "/instances", file(), {"Content-Encoding": encoding})

    assert answer.status in (400, 415)
    assert answer.json["HttpStatus"] == answer.status


def test_a_packed_file_in_a_form_is_refused(server):
    form = (
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n'
        b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(MEGABYTE)) + b"\r\n--x--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}

    assert server.ask("POST", "/instances", form, kind).status == 415


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno file\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", FORM_FILE + b"not DICOM\r\n--x--"),
        ("multipart/form-data; boundary=x", FORM_FILE + file()),
        ("multipart/form-data; boundary=" + "x" * 200, b"--x\r\n"),
        (
            "multipart/form-data; boundary=x",
            (
                b"--x\r\nContent-Transfer-Encoding: wrong\r\nContent-Disposition: form-data;"
                b' name="a"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
            ),
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n--x--\r\n"),
    ],
)
def test_a_bad_form_is_refused(server, kind, form):
    answer = server.ask("POST", "/instances", form, {"Content-Type": kind})

    assert answer.status == 400, answer.text
    assert answer.json["HttpStatus"] == 400
