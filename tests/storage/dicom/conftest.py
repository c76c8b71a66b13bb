"""The DICOM files that pydicom brings, and the oddest of those that we make."""

import tracemalloc
from pathlib import Path

import pydicom.data
import pytest

BUNDLED = Path(pydicom.data.__file__).parent
FILES = sorted(
    path
    for folder in ("test_files", "charset_files")
    for path in (BUNDLED / folder).rglob("*")
    if path.is_file()
)


@pytest.fixture
def bundled():
    """Gives the path of a file that pydicom brings, by its name."""
    return {path.name: path for path in FILES}.__getitem__


@pytest.fixture(params=FILES, ids=lambda path: "/".join(path.parts[-2:]))
def bundled_file(request):
    return request.param


@pytest.fixture
def bundled_files():
    """All of them."""
    return FILES


@pytest.fixture
def memory_peak():
    """Gives a function that tells how many bytes were in use at once, at most, since the last."""
    tracemalloc.start()

    def peak():
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        return most

    yield peak
    tracemalloc.stop()
