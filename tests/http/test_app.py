import asyncio
import io

import pytest
from aiohttp import ClientSession, web

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DescribeResource
from repertory.conf.settings import Settings
from repertory.http.app import make_app
from repertory.model import Level


async def greet(_):
    return web.Response(text="host")


@pytest.fixture
def visit(archive):
    """Mounts the application below a path of a host's, and visits the host."""

    def run(prefix, conversation):
        async def host():
            host = web.Application()
            host.router.add_get("/", greet)
            host.add_subapp(prefix, make_app(archive.board, Settings()))
            runner = web.AppRunner(host)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            try:
                async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
                    return await conversation(client)
            finally:
                await runner.cleanup()

        return asyncio.run(host())

    return run


@pytest.mark.parametrize("prefix", ["/archive", "/deep/er/"])
def test_the_application_is_mounted_below_a_path(archive, visit, describe, ids, prefix):
    archive.plays(DescribeResource, describe(Level.STUDY))

    async def conversation(client):
        base = prefix.rstrip("/")
        async with client.get(f"{base}//studies/{ids.study}/") as study:
            described = await study.json()
        async with client.get(f"{base}/nothing") as nothing:
            refused = nothing.status, await nothing.text()
        async with client.get("/") as root:
            return described, refused, await root.text()

    described, (status, error), root = visit(prefix, conversation)

    assert described["ID"] == ids.study
    assert status == 404
    assert '"OrthancStatus" : 17' in error
    assert root == "host"


def test_a_large_body_passes_through_a_host(archive, visit, receipt):
    archive.plays(StoreInstance, receipt)
    body = b"x" * (3 << 20)

    async def conversation(client):
        async with client.post("/archive/instances", data=io.BytesIO(body)) as response:
            return response.status

    assert visit("/archive", conversation) == 200
    assert archive.heard(StoreInstance)[0].content == body


def test_the_page_is_found_below_a_path(visit):
    async def conversation(client):
        async with client.get("/archive/") as response:
            return response.status, response.url.path

    assert visit("/archive", conversation) == (200, "/archive/app/explorer.html")
