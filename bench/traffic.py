"""What the driver sends, made up front, and what it finds out."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

Buffer = bytes | memoryview
Request = tuple[Buffer, ...]
"""The bytes of a request, in as many pieces as is convenient."""


def get(path: str) -> Request:
    """The request to read ``path``."""
    return (f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n".encode(),)


def delete(path: str) -> Request:
    """The request to delete ``path``."""
    return (f"DELETE {path} HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n".encode(),)


def post(path: str, *body: Buffer, content_type: str = "application/dicom") -> Request:
    """The request that sends ``body``, which may be in pieces."""
    size = sum(len(piece) for piece in body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n\r\n"
    )
    return (head.encode() + bytes(body[0]), *body[1:])


@dataclass(slots=True)
class Load:
    """What came of a list of requests.

    Times are in seconds; ``latencies`` and ``bodies`` are in the order of completion, ``bodies``
    with the number of the request in front. ``client_cpu`` is what the driver itself used.
    """

    seconds: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    received: int = 0
    reconnects: int = 0
    client_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    @property
    def failures(self) -> int:
        """Answers that were not 200."""
        return sum(number for status, number in self.statuses.items() if status != 200)

    def percentile(self, percent: float) -> float:
        """The latency that ``percent`` of the requests did not exceed, in seconds."""
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]
