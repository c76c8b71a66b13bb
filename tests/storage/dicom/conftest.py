"""The DICOM files that pydicom brings, and the oddest of those that we make."""

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


def bundled(name):
    """The path of a file that pydicom brings."""
    return next(path for path in FILES if path.name == name)


@pytest.fixture(params=FILES, ids=lambda path: "/".join(path.parts[-2:]))
def bundled_file(request):
    return request.param
