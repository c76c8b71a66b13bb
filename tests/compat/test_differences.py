import subprocess
import sys
from pathlib import Path

import pytest

from repertory.testing.orthanc import find_orthanc

SCRIPT = Path(__file__).parents[2] / "bench" / "compare.py"


@pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")
def test_every_difference_from_orthanc_is_explained():
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout.partition("## Not explained")[2] + done.stderr
