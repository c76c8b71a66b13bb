"""A worker: a process that transcodes and draws one file after the other, until nobody asks.

It is run by ``python -m``, with pipes as its standard input and output.
"""

import contextlib
import ctypes
import os
import signal
import sys

from repertory.storage.pixels.protocol import Silent, hear, say

MEMORY = 6 << 30
"""Bytes of addresses that a worker may have: for the frames of a file, several times."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve, and end with whoever asks."""
    _end_with(int(sys.argv[1]))
    _limit_memory()
    asked = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What codecs print is no answer.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    from repertory.storage.pixels.tasks import perform  # noqa: PLC0415 - after the limits are set

    while True:
        try:
            header, content = hear(asked)
        except Silent:
            return
        try:
            answer, body = perform(header, content)
        except MemoryError:
            answer, body = {"refusal": "The pixels are too many to be transcoded."}, b""
        try:
            say(answers, answer, body)
        except OSError:
            return
        del content, body


def _end_with(parent: int) -> None:
    """Let the system end this process with the thread that started it, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the system was told
            os._exit(1)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # a lower limit holds already
        import resource  # noqa: PLC0415 - not everywhere

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
