"""The event loop of a server."""

import asyncio


def quickest_loop() -> asyncio.AbstractEventLoop:
    """A new event loop of the quickest kind that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - it need not be there
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
