import io
import json
import threading
import zipfile
from pathlib import Path

import pytest

from repertory import Repertory, Settings
from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Command, message
from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.errors import BadParameter, Failed, ShuttingDown
from repertory.model import Level, OriginKind
from repertory.testing.files import make_dicom, make_study


@pytest.fixture
def begin(tmp_path):
    """Start an archive without a server, with some settings."""
    running = []

    def start(**options):
        settings = Settings(
            storage_directory=str(tmp_path), **{"http_server_enabled": False, **options}
        )
        archive = Repertory(settings)
        archive.start()
        running.append(archive)
        return archive

    yield start
    for archive in running:
        archive.stop()


def call(archive, method, uri, body=b"", **more):
    return archive.ask(CallRestApi(method=method, uri=uri, body=body, **more))


def get(archive, uri):
    return json.loads(call(archive, "GET", uri).body)


def test_the_rest_api_answers_without_a_server(begin):
    archive = begin()

    answer = call(archive, "GET", "/system")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.body)["Name"] == archive.settings.name
    assert archive.port == 0


def test_what_is_uploaded_from_within_says_so(begin):
    archive = begin()
    body = make_dicom()

    stored = json.loads(call(archive, "POST", "/instances", body, origin=OriginKind.LUA).body)
    metadata = get(archive, f"{stored['Path']}/metadata?expand")

    assert metadata["Origin"] == "Lua"
    assert "RemoteIP" not in metadata
    assert "HttpUsername" not in metadata
    assert call(archive, "GET", f"{stored['Path']}/file").body == body


def test_users_are_those_who_come_by_the_network_alone(begin):
    archive = begin(
        http_server_enabled=True,
        http_port=0,
        authentication_enabled=True,
        registered_users={"alice": "secret"},
    )

    assert call(archive, "GET", "/system").status == 200


def test_an_error_is_an_answer(begin):
    archive = begin()

    unknown = call(archive, "GET", "/nowhere")
    wrong = call(archive, "DELETE", "/system")

    assert (unknown.status, json.loads(unknown.body)["OrthancStatus"]) == (404, 17)
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET")


def test_headers_go_both_ways(begin):
    archive = begin()
    stored = json.loads(call(archive, "POST", "/instances", make_dicom()).body)
    path = f"/studies/{stored['ParentStudy']}/metadata/1024"
    first = call(archive, "PUT", path, b"a")

    answer = call(
        archive,
        "GET",
        path,
        headers=(("If-None-Match", first.headers["Etag"]), ("Content-Length", "77")),
    )

    assert answer.status == 304


def test_a_long_file_arrives_whole(begin):
    archive = begin()
    body = make_dicom(size=5_000_000)
    stored = json.loads(call(archive, "POST", "/instances", body).body)

    assert call(archive, "GET", f"{stored['Path']}/file").body == body


def test_letters_beyond_ascii_and_line_breaks_in_a_path_do_no_harm(begin):
    archive = begin()

    assert call(archive, "GET", "/studies/é\r\nX: y").status == 404
    assert call(archive, "GET", "system#fragment").status == 200


@pytest.mark.parametrize(
    ("method", "headers"),
    [("", ()), ("GET /x", ()), ("GET", (("A B", "x"),)), ("GET", (("A", "x\r\nB: y"),))],
)
def test_what_cannot_be_written_as_http_is_refused(begin, method, headers):
    archive = begin()

    with pytest.raises(BadParameter):
        call(archive, method, "/system", headers=headers)


def test_a_stream_without_end_is_refused(begin):
    archive = begin()

    assert call(archive, "GET", "/changes/stream").status == 400


def test_many_threads_call_at_once(begin):
    archive = begin()
    for content in make_study(series=1, instances=3):
        call(archive, "POST", "/instances", content)
    answers = []

    def ask():
        answers.extend(get(archive, "/instances") for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {len(answer) for answer in answers} == {3}
    assert len(answers) == 80


def test_an_actor_above_may_wait_for_a_route_that_asks_other_actors(begin):
    @message
    class Relay(Command[RestAnswer]):
        """Ask the REST API, and wait."""

    class Relayer(RepertoryActor):
        """Waits for the REST API."""

        rank = 7

        @handles(Relay)
        def relay(self, _command):
            return self.board.ask(CallRestApi(method="POST", uri="/instances", body=make_dicom()))

    archive = begin()
    ref = Relayer.start(board=archive.board)
    archive.board.connect(ref, Relayer)

    assert archive.ask(Relay()).status == 200
    ref.stop()


def test_a_read_only_archive_answers_and_changes_nothing(begin):
    begin().stop()
    archive = begin(read_only=True)

    assert call(archive, "GET", "/studies").status == 200
    assert call(archive, "POST", "/instances", make_dicom()).status == 405
    assert archive.ask(ListChanges()).changes == ()


def test_a_stopped_archive_answers_no_call(begin):
    archive = begin()
    call(archive, "GET", "/system")
    board = archive.board
    archive.stop()

    with pytest.raises(ShuttingDown):
        board.ask(CallRestApi(method="GET", uri="/system"))


def test_the_archive_starts_and_stops_again_with_its_inner_api(begin):
    archive = begin()
    call(archive, "POST", "/instances", make_dicom())
    archive.stop()
    archive.start()

    assert len(get(archive, f"/{Level.STUDY.plural}")) == 1


def test_a_zip_archive_arrives_whole(begin):
    archive = begin()
    stored = json.loads(call(archive, "POST", "/instances", make_dicom()).body)

    answer = call(archive, "GET", f"/studies/{stored['ParentStudy']}/archive")

    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        assert packed.testzip() is None


def test_an_answer_that_breaks_off_is_an_error(begin):
    archive = begin(storage_threads=1, maximum_storage_cache_size=0)
    body = make_dicom(size=5_000_000)
    stored = json.loads(call(archive, "POST", "/instances", body).body)
    (file,) = [
        path
        for path in Path(archive.settings.storage_directory).rglob("*")
        if path.is_file() and path.stat().st_size >= 4_000_000
    ]
    with file.open("r+b") as opened:
        opened.truncate(2_500_000)

    with pytest.raises(Failed):
        call(archive, "GET", f"{stored['Path']}/file")
