import asyncio
import http.client
import io
import json
import threading
from contextlib import ExitStack, closing
from urllib.parse import urljoin

import pytest
from aiohttp import ClientSession, web

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import ListResources
from repertory.errors import NotDicom, ShuttingDown
from repertory.model import Level
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until


def ask(port, method, path, body=None):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()


def settings(folder, **options):
    options = {"http_port": 0, "stable_age": 1, "sync_storage_area": False, **options}
    return Settings(storage_directory=str(folder), **options)


def test_two_archives_serve_side_by_side_in_one_process(tmp_path):
    before = set(threading.enumerate())
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(Repertory(settings(tmp_path / name, name=name)))
            for name in ("one", "two")
        )
        assert one.port != two.port
        study = make_study(series=1, instances=3)
        for content in study:
            status, body = ask(one.port, "POST", "/instances", content)
            assert status == 200
        id_ = json.loads(body)["ID"]

        assert len(one.ask(ListResources(level=Level.INSTANCE))) == 3
        assert two.ask(ListResources(level=Level.INSTANCE)) == ()
        assert ask(two.port, "GET", f"/instances/{id_}/file")[0] == 404
        assert ask(one.port, "GET", f"/instances/{id_}/file") == (200, study[-1])
        names = [json.loads(ask(each.port, "GET", "/system")[1])["Name"] for each in (one, two)]
        assert names == ["one", "two"]

        # What ends one leaves the other alone.
        assert ask(one.port, "POST", "/tools/shutdown", b"")[0] == 200
        assert one.wait(10) == 0
        one.stop()
        with pytest.raises(ShuttingDown):
            one.ask(ListResources(level=Level.INSTANCE))
        assert ask(two.port, "POST", "/instances", study[0])[0] == 200
        one.start()
        assert ask(one.port, "GET", f"/instances/{id_}/file") == (200, study[-1])
    assert until(lambda: set(threading.enumerate()) <= before)


def test_nothing_of_the_process_is_touched_by_an_archive(tmp_path):
    import logging  # noqa: PLC0415
    import signal  # noqa: PLC0415

    def state():
        signals = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        return signals, list(logging.root.handlers), logging.root.level, threading.excepthook

    before = state()
    with Repertory(settings(tmp_path)) as archive:
        ask(archive.port, "GET", "/system")
        assert state() == before
    assert state() == before


async def serve_below_a_path(archive, use):
    """Serve the archive below a path of a host's application, and use it."""

    async def hello(_request):
        return web.Response(text="host")

    host = web.Application()
    host.router.add_get("/", hello)
    host.add_subapp("/pacs/main/", archive.app())
    runner = web.AppRunner(host)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            return await use(client)
    finally:
        await runner.cleanup()


@pytest.fixture
def archive(tmp_path):
    with Repertory(settings(tmp_path, http_server_enabled=False, spool_threshold_mb=1)) as archive:
        yield archive


def test_an_archive_answers_below_a_path_of_its_host(archive):
    contents = [make_dicom(), make_dicom(size=3_000_000)]

    async def use(client):
        async with client.get("/") as answer:
            assert await answer.text() == "host"
        for content in contents:
            async with client.post("/pacs/main/instances", data=io.BytesIO(content)) as answer:
                receipt = await answer.json()
                assert answer.status == 200
            async with client.get(f"/pacs/main/instances/{receipt['ID']}/file") as answer:
                assert await answer.read() == content
        async with client.get("/pacs/main//studies/?expand") as answer:
            assert len(await answer.json()) == 2
        async with client.get("/pacs/main/nothing") as answer:
            error = json.loads(await answer.text())
            assert (answer.status, error["Uri"]) == (404, "/pacs/main/nothing")
        async with client.post("/pacs/main/instances", data=b"no DICOM") as answer:
            assert answer.status == 400
        async with client.get("/pacs/main/", allow_redirects=False) as answer:
            assert answer.status == 307
            page = urljoin("/pacs/main/", answer.headers["Location"])
        async with client.get(page) as answer:
            assert answer.status == 200
        # The host's log is the host's.
        async with client.put("/pacs/main/tools/log-level", data=b"verbose") as answer:
            assert answer.status == 415
        async with client.delete(f"/pacs/main/studies/{receipt['ParentStudy']}") as answer:
            assert answer.status == 200
        return len(await archive.ask_async(ListResources(level=Level.INSTANCE)))

    assert asyncio.run(serve_below_a_path(archive, use)) == 1


def test_an_archive_that_was_stopped_answers_503_below_its_host(archive):
    async def use(client):
        async with client.get("/pacs/main/system") as answer:
            assert answer.status == 200
        await asyncio.to_thread(archive.stop)
        async with client.get("/pacs/main/system") as answer:
            assert answer.status == 503
        async with client.post("/pacs/main/instances", data=make_dicom()) as answer:
            return answer.status

    assert asyncio.run(serve_below_a_path(archive, use)) == 503


def test_many_coroutines_and_threads_ask_one_archive(archive):
    async def store(number):
        if number % 5 == 0:
            with pytest.raises(NotDicom):
                await archive.ask_async(StoreInstance(content=b"no DICOM"))
            return None
        return await archive.ask_async(StoreInstance(content=make_dicom()))

    async def store_many():
        return await asyncio.gather(*(store(number) for number in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(store_many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(archive.ask(ListResources(level=Level.INSTANCE))) == 160
