"""The REST API below a path of a program's own aiohttp application."""

import asyncio

from aiohttp import ClientSession, web

from repertory import Repertory, Settings


async def hello(_request: web.Request) -> web.Response:
    """A route of the host."""
    return web.Response(text="This is the host.\n")


async def main(archive: Repertory) -> None:
    """Serve both, and ask each once."""
    host = web.Application()
    host.router.add_get("/", hello)
    host.add_subapp("/archive/", archive.app())

    runner = web.AppRunner(host)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as client:
            async with client.get("/") as answer:
                print(await answer.text())
            async with client.get("/archive/system") as answer:
                print(await answer.text())
    finally:
        await runner.cleanup()


# The actors run in threads of their own; the host's event loop only awaits their answers.
with Repertory(Settings(storage_directory="archive", http_server_enabled=False)) as archive:
    asyncio.run(main(archive))
