import io
import socket

import pytest

from repertory.importing.sources import Item
from repertory.importing.target import Target
from repertory.importing.uploading import (
    WHOLE_SIZE,
    InterruptedImport,
    Kind,
    Outcome,
    ServerError,
    Uploader,
)

BUSY = (503, {"Message": "Busy"})


@pytest.fixture
def pauses():
    """The pauses that were asked for; nobody waits for them."""
    return []


@pytest.fixture
def uploader(archive, pauses):
    uploader = Uploader(
        Target(archive.url), wait=lambda pause: pauses.append(pause) or False, pauses=(1, 2, 4)
    )
    yield uploader
    uploader.close()


def item(content, size=None, name="a.dcm"):
    size = len(content) if size is None else size
    return Item(name=name, place=name, size=size, open=lambda: io.BytesIO(content))


def test_files_go_over_one_connection(uploader, archive, dicom):
    outcomes = [uploader.upload(item(dicom(word))) for word in ("a", "b", "a")]

    assert [outcome.kind for outcome in outcomes] == [
        Kind.STORED,
        Kind.STORED,
        Kind.ALREADY_STORED,
    ]
    assert outcomes[0].instance_id == outcomes[2].instance_id
    assert archive.connections == 1


@pytest.mark.parametrize("size", [1_000, WHOLE_SIZE, WHOLE_SIZE + 1, 3 * WHOLE_SIZE])
def test_files_arrive_byte_by_byte_whatever_their_size(uploader, archive, dicom, size):
    content = dicom("large", size)

    assert uploader.upload(item(content)).kind is Kind.STORED
    assert list(archive.bodies.values()) == [content]


@pytest.mark.parametrize("size", [1_000, WHOLE_SIZE + 1])
def test_a_busy_server_is_asked_again_after_growing_pauses(uploader, archive, dicom, pauses, size):
    archive.script += [BUSY, BUSY, BUSY]

    assert uploader.upload(item(dicom("a", size))).kind is Kind.STORED
    assert pauses == [1, 2, 4]
    assert len(archive.bodies) == 1


def test_the_server_may_say_when_to_come_again(uploader, archive, dicom, pauses):
    archive.script += [(*BUSY, {"Retry-After": "7"}), (*BUSY, {"Retry-After": "9999"})]

    assert uploader.upload(item(dicom("a"))).kind is Kind.STORED
    assert pauses == [7, 15]


def test_a_server_that_stays_busy_refuses(uploader, archive, dicom):
    archive.script += [BUSY] * 4

    assert uploader.upload(item(dicom("a"))) == Outcome(Kind.REFUSED, "503: Busy")
    assert archive.uploads == 4


def test_a_connection_that_is_lost_is_opened_again(uploader, archive, dicom):
    archive.script += [None, "hang up"]

    assert uploader.upload(item(dicom("a"))).kind is Kind.STORED
    assert uploader.upload(item(dicom("b"))).kind is Kind.STORED
    assert archive.connections == 2


def test_the_bytes_of_a_failed_try_do_not_count(archive, dicom):
    moves = []
    archive.script += ["hang up"]
    uploader = Uploader(Target(archive.url), wait=lambda _: False, pauses=(1,), moved=moves.append)

    uploader.upload(item(dicom("a", 1_000)))
    uploader.close()

    assert moves == [1_000, -1_000, 1_000]


def test_a_refusal_is_told_in_the_words_of_the_server(uploader, dicom):
    assert uploader.upload(item(dicom("no tags"))) == Outcome(
        Kind.REFUSED, "400: Bad file format: Cannot parse"
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, ["odd"]), "500"),
        ((200, {}), "200, but not the answer of an archive"),
        ((200, []), "200, but not the answer of an archive"),
        ((200, {"ID": "1", "Status": "FilteredOut"}), "the archive does not want it (FilteredOut)"),
    ],
)
def test_only_a_proper_receipt_counts(uploader, archive, dicom, answer, why):
    archive.script.append(answer)

    assert uploader.upload(item(dicom("a"))) == Outcome(Kind.REFUSED, why)


def test_who_is_not_let_in_need_not_try_other_files(uploader, archive, dicom):
    archive.password = "Basic other"

    with pytest.raises(ServerError, match="denies access"):
        uploader.upload(item(dicom("a")))


def test_name_and_password_are_sent_at_once(archive, dicom):
    archive.password = "Basic YWxpY2U6cMOkc3M="
    target = Target.parse(archive.url, user="alice", password="päss", timeout=5)
    uploader = Uploader(target, wait=lambda _: False)

    assert uploader.upload(item(dicom("a"))).kind is Kind.STORED
    uploader.close()


def test_nobody_listening_ends_the_import(dicom):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        pauses = []
        uploader = Uploader(
            Target(f"http://127.0.0.1:{nobody.getsockname()[1]}"),
            wait=lambda pause: pauses.append(pause) or False,
            pauses=(1, 2),
        )

        with pytest.raises(ServerError, match="refused"):
            uploader.upload(item(dicom("a")))
    assert pauses == [1, 2]


def test_a_pause_can_be_cut_short(archive, dicom):
    archive.script.append(BUSY)
    uploader = Uploader(Target(archive.url), wait=lambda _: True)

    with pytest.raises(InterruptedImport):
        uploader.upload(item(dicom("a")))
    uploader.close()


def test_what_is_clearly_not_dicom_is_not_sent(uploader, archive):
    assert uploader.upload(item(b"%PDF-1.7")) == Outcome(Kind.SKIPPED, "PDF")
    assert archive.uploads == 0


@pytest.mark.parametrize("size", [1_000, WHOLE_SIZE + 1_000])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_changes_while_it_is_read_is_not_stored(uploader, archive, dicom, size, change):
    outcome = uploader.upload(item(dicom("a", size), size=size + change))

    assert outcome == Outcome(Kind.UNREADABLE, "changed while it was read")
    assert uploader.upload(item(dicom("b"))).kind is Kind.STORED
    assert len(archive.bodies) == 1


def test_a_file_that_cannot_be_opened_is_told_without_its_path(uploader, tmp_path):
    lost = Item(name="a", place="a", size=1, open=lambda: (tmp_path / "a").open("rb"))

    assert uploader.upload(lost) == Outcome(Kind.UNREADABLE, "No such file or directory")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("localhost:8042", "http://localhost:8042"),
        ("https://archive.example/orthanc/", "https://archive.example/orthanc"),
        ("http://alice:secret@[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses_are_understood(url, expected):
    target = Target.parse(url, user="", password="", timeout=1)

    assert target.url == expected
    assert "secret" not in repr(target)


def test_routes_lie_below_the_path_of_the_address():
    target = Target.parse("http://u:p%40@host/orthanc/", user="", password="", timeout=1)

    assert target.path("/instances") == "/orthanc/instances"
    assert (target.user, target.password) == ("u", "p@")


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host/?a=1", "http://host:x"])
def test_what_is_no_address_of_a_server_is_refused(url):
    with pytest.raises(ValueError):
        Target.parse(url, user="", password="", timeout=1)
